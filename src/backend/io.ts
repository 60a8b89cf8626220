import type { Plan, Slot } from "../program/plan.ts";
import { sizeOf } from "../program/shape.ts";
import { streamKey } from "../random.ts";

/** The inputs of one program, filled on the host and written in one piece, and the reading of its outputs. */
export class ProgramIo {
  readonly plan: Plan;
  /** All inputs as they lie in `io`. */
  readonly bytes: Uint8Array;
  readonly #views = new Map<string, Float32Array | Uint32Array>();

  constructor(plan: Plan) {
    this.plan = plan;
    this.bytes = new Uint8Array(plan.outputs[0]?.byteOffset ?? plan.bytes.io);
    for (const slot of plan.inputs) this.#views.set(slot.name, view(this.bytes, slot));
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
    for (const [name, value] of Object.entries(values)) if (this.#views.has(name)) this.f32(name)[0] = value;
  }

  /** Sets the key and step of every random stream of the program. */
  setRandom(seed: number, step: number): void {
    for (const { name } of this.plan.inputs) {
      if (!name.startsWith("random/")) continue;
      const [low, high] = streamKey(seed, name.slice("random/".length));
      this.u32(name).set([low, high, step >>> 0, Math.floor(step / 2 ** 32)]);
    }
  }

  /** Returns the outputs by name from the bytes that a run resolved to. */
  outputs(bytes: Uint8Array): Record<string, Float32Array | Uint32Array> {
    const start = this.plan.outputs[0]?.byteOffset ?? 0;
    const own = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    return Object.fromEntries(this.plan.outputs.map((slot) => [slot.name, view(own, { ...slot, byteOffset: slot.byteOffset - start })]));
  }
}

function view(bytes: Uint8Array, { byteOffset, shape, dtype }: Slot): Float32Array | Uint32Array {
  const type = dtype === "f32" ? Float32Array : Uint32Array;
  return new type(bytes.buffer as ArrayBuffer, bytes.byteOffset + byteOffset, sizeOf(shape));
}
