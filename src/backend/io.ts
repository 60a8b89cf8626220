import type { Plan, Slot } from "../program/plan.ts";
import { sizeOf } from "../program/shape.ts";
import { streamKey } from "../random.ts";

/** What the names of random streams begin with. */
const STREAM = "random/";

/** The inputs of one program, filled on the host and written in one piece, and the reading of its outputs. */
export class ProgramIo {
  readonly plan: Plan;
  /** All inputs as they lie in `io`. */
  readonly bytes: Uint8Array;
  readonly #views = new Map<string, Float32Array | Uint32Array>();
  /** In the order of inputs: a joined plan may have two of one name. */
  readonly #scalars: (readonly [string, Float32Array | Uint32Array])[] = [];
  /** Key low, high, step low, high of each random stream. */
  readonly #streams: (Float32Array | Uint32Array)[] = [];

  /** @param seed of the program's random streams */
  constructor(plan: Plan, seed = 0) {
    this.plan = plan;
    // Of a joined plan, inputs of its second part lie behind outputs of its first.
    this.bytes = new Uint8Array(plan.inputs.reduce((end, { byteOffset, shape }) => Math.max(end, byteOffset + 4 * sizeOf(shape)), 0));
    for (const slot of plan.inputs) {
      const values = view(this.bytes, slot);
      this.#views.set(slot.name, values);
      this.#scalars.push([slot.name, values]);
      if (!slot.name.startsWith(STREAM)) continue;
      values.set(streamKey(seed, slot.name.slice(STREAM.length)));
      this.#streams.push(values);
    }
  }

  /** Whether the program reads an input of this name. */
  has(name: string): boolean {
    return this.#views.has(name);
  }

  /** Returns the f32 numbers of an input, to be filled. */
  f32(name: string): Float32Array {
    return this.#views.get(name) as Float32Array;
  }

  /** Returns the u32 numbers of an input, to be filled. */
  u32(name: string): Uint32Array {
    return this.#views.get(name) as Uint32Array;
  }

  /** Sets scalars by name; names the program does not read are passed over. */
  setScalars(values: Readonly<Record<string, number>>): void {
    for (const [name, slot] of this.#scalars) if (Object.hasOwn(values, name)) slot[0] = values[name] as number;
  }

  /** Sets the step of every random stream of the program. */
  setStep(step: number): void {
    for (const words of this.#streams) {
      words[2] = step >>> 0;
      words[3] = Math.floor(step / 2 ** 32);
    }
  }

  /** Returns the outputs by name from the bytes that a run resolved to. */
  outputs(bytes: Uint8Array): Record<string, Float32Array | Uint32Array> {
    const start = this.plan.outputs[0]?.byteOffset ?? 0;
    const own = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const found: Record<string, Float32Array | Uint32Array> = {};
    for (const slot of this.plan.outputs) found[slot.name] = view(own, slot, start);
    return found;
  }
}

/** Returns the numbers of a slot in bytes that begin `start` behind those that it counts from. */
function view(bytes: Uint8Array, { byteOffset, shape, dtype }: Slot, start = 0): Float32Array | Uint32Array {
  const type = dtype === "f32" ? Float32Array : Uint32Array;
  return new type(bytes.buffer as ArrayBuffer, bytes.byteOffset + byteOffset - start, sizeOf(shape));
}
