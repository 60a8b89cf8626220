/**
 * What a learner did and was told, kept beside its state: from the first note on, the loss and learning rate of each step, and every note. It is
 * a function of what was recorded, so that whoever does the records again has it again.
 */
import { fail } from "../errors.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../store/index.ts";
import type { StepOutputs } from "./engine.ts";
import type { Operation } from "./operation.ts";

/** What was done and noted so far. */
export interface Chronicle {
  /** The loss of each step since the first note; steps that were skipped are none. */
  readonly losses: readonly number[];
  readonly learningRates: readonly number[];
  /** What was noted, in its order, as JSON keeps it. */
  readonly notes: readonly unknown[];
}

/** Annals that go on. */
export class Annals implements Chronicle {
  readonly losses: number[];
  readonly learningRates: number[];
  readonly notes: unknown[];

  /** Goes on from what {@link Annals.bytes} returned, by default from nothing. @throws E_FORMAT */
  constructor(bytes?: Uint8Array, file = "") {
    const tensors = bytes === undefined ? undefined : readSafetensors(bytes, file).tensors;
    const refuse = (name: string): never => fail("E_FORMAT", `${file}: the annals are damaged; expected their ${name}, got something else`);
    const numbersOf = (name: string): number[] => {
      if (tensors === undefined) return [];
      const tensor = tensors.get(name);
      return tensor?.dtype === "F64" ? [...new Float64Array(tensor.data.slice().buffer)] : refuse(name);
    };
    this.losses = numbersOf("losses");
    this.learningRates = numbersOf("learningRates");
    const notes = tensors === undefined ? [] : parse(tensors.get("notes")?.data);
    this.notes = Array.isArray(notes) ? notes : refuse("notes");
  }

  /** Takes in a change that is done. */
  add(operation: Operation, outputs: StepOutputs | undefined): void {
    if (operation.kind === "note") this.notes.push(operation.value);
    if (outputs === undefined || outputs.skipped !== undefined || this.notes.length === 0) return;
    this.losses.push(outputs.loss);
    this.learningRates.push(outputs.learningRate);
  }

  /** Returns all of it; undefined before the first note. */
  bytes(): Uint8Array | undefined {
    if (this.notes.length === 0) return;
    const column = (values: readonly number[]): StoredTensor => {
      return { dtype: "F64", shape: [values.length], data: new Uint8Array(Float64Array.from(values).buffer) };
    };
    const notes = new TextEncoder().encode(JSON.stringify(this.notes));
    const { losses, learningRates } = this;
    return writeSafetensors(
      new Map([
        ["losses", column(losses)],
        ["learningRates", column(learningRates)],
        ["notes", { dtype: "U8", shape: [notes.length], data: notes }],
      ]),
    );
  }
}

function parse(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
