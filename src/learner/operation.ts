/** What changes a learner's state, as data: done once by the caller's wish, and again where work is lost and must be repeated. */
import { fail } from "../errors.ts";
import type { CheckedBatch } from "./batch.ts";
import type { Engine, StepOutputs } from "./engine.ts";
import { checkChange, setSetting } from "./settings.ts";

/** Which batch of which follower this is: a random number of 53 bits, and one that grows with each batch it hands over. */
export interface Sender {
  readonly follower: number;
  readonly sequence: number;
}

/** A change, its arguments checked. */
export type Operation =
  | { readonly kind: "observe"; readonly batch: CheckedBatch; readonly from?: Sender }
  | { readonly kind: "mark"; readonly name: string }
  | { readonly kind: "set"; readonly name: string; readonly value: number | undefined }
  | { readonly kind: "control"; readonly observation: unknown }
  | { readonly kind: "consolidate" }
  /** A piece of the work that strategies are at. */
  | { readonly kind: "phase" }
  | { readonly kind: "resetCarry"; readonly rows: readonly number[] }
  | { readonly kind: "grow"; readonly capacity: number }
  /** Something of the caller's, which changes nothing but what is kept beside the state. */
  | { readonly kind: "note"; readonly value: unknown };

/** Refuses what cannot be done; a batch is checked already. @throws E_CONFIG E_DATA */
export function checkOperation(engine: Engine, operation: Operation): void {
  switch (operation.kind) {
    case "mark":
      engine.rates.checkMark(operation.name);
      return;
    case "set":
      checkChange(engine, operation.name, operation.value);
      return;
    case "control":
      engine.rates.next(operation.observation);
      return;
    case "resetCarry": {
      const { staging } = engine.layout;
      const wrong = operation.rows.find((row) => !Number.isInteger(row) || row < 0 || row >= staging);
      if (wrong !== undefined) fail("E_DATA", `resetCarry: no such row; expected a whole number from 0 to ${staging - 1}, got ${wrong}`);
    }
  }
}

/** Does what {@link checkOperation} lets pass, but for growth, which takes another engine; what needs no device is done at once. */
export function perform(engine: Engine, operation: Operation): Promise<StepOutputs | undefined> | undefined {
  switch (operation.kind) {
    case "observe":
      return engine.step(operation.batch);
    case "mark":
      engine.rates.mark(operation.name, engine.counters.step);
      return;
    case "set":
      setSetting(engine, operation.name, operation.value);
      return;
    case "control":
      engine.rates.control(operation.observation);
      return;
    case "phase":
      return engine.hooked?.advance();
    case "consolidate":
      if (engine.hooked !== undefined) return engine.hooked.boundary();
      engine.counters.boundaries += 1;
      engine.rates.mark("boundary", engine.counters.step);
      return;
    case "resetCarry":
      engine.resetCarry(operation.rows);
  }
}
