/** A plan under construction with the memory it runs on, and the check that a machine does to it what the interpreter does. */
import { expect } from "vitest";
import type { Machine } from "../../src/backend/machine.ts";
import type { Access, ArenaName, DType, Instruction, Kernel, Plan, Slot, Storage } from "../../src/program/plan.ts";
import type { RandomStream } from "../../src/random.ts";
import { type Arenas, interpret } from "./interpreter.ts";

/** What an f32 result may differ by: relative to the expected value, or absolutely. */
export interface Bound {
  readonly relative: number;
  readonly absolute: number;
}

/** A plan, the memory it starts from, and which words of it become f32 results. */
export interface Scene {
  readonly name: string;
  readonly plan: Plan;
  readonly arenas: Arenas;
  readonly results: readonly { readonly arena: ArenaName; readonly offset: number; readonly count: number }[];
  readonly bound: Bound;
}

const views = { f32: Float32Array, u32: Uint32Array, u8: Uint8Array } as const;

/** Grows a scene: places operands and results in the arenas, then takes kernels. */
export class SceneBuilder {
  readonly random: RandomStream;
  readonly #chunks: Record<ArenaName, ArrayBuffer[]> = { state: [], rows: [], io: [], work: [] };
  readonly #bytes: Record<ArenaName, number> = { state: 0, rows: 0, io: 0, work: 0 };
  readonly #kernels: Kernel[] = [];
  readonly #results: { arena: ArenaName; offset: number; count: number }[] = [];
  readonly #inputs: Slot[] = [];
  readonly #outputs: Slot[] = [];

  constructor(random: RandomStream) {
    this.random = random;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.random.below(items.length)] as T;
  }

  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  /** Whether operands may still be placed in `io`, where inputs precede outputs. */
  get takesInputs(): boolean {
    return this.#outputs.length === 0;
  }

  /** Puts elements at the end of an arena behind a gap of random words; returns their offset in elements. */
  place(arena: ArenaName, storage: Storage, elements: ArrayLike<number>): number {
    const gap = arena === "io" && !this.takesInputs ? 0 : this.random.below(3);
    this.#append(arena, Uint32Array.from({ length: gap }, () => (arena === "work" ? 0 : this.random.u32())).buffer);
    // Bytes need not start at a word.
    const lead = storage === "u8" ? this.random.below(4) : 0;
    const size = views[storage].BYTES_PER_ELEMENT;
    const buffer = new ArrayBuffer(Math.ceil((lead + elements.length * size) / 4) * 4);
    new views[storage](buffer).set(elements, lead);
    const byteOffset = this.#append(arena, buffer);
    if (arena === "io" && this.takesInputs)
      this.#inputs.push({ name: `in${this.#inputs.length}`, dtype: "u32", shape: [buffer.byteLength / 4], byteOffset });
    return byteOffset / size + lead;
  }

  /** Makes room for a result; returns its offset in elements. */
  result(arena: ArenaName, dtype: DType, count: number): number {
    const zeros = new Uint32Array(count);
    if (arena === "io" && this.takesInputs) this.#outputs.push({ name: "out0", dtype, shape: [count], byteOffset: this.#bytes.io });
    else if (arena === "io") this.#outputs.push({ name: `out${this.#outputs.length}`, dtype, shape: [count], byteOffset: this.#bytes.io });
    const offset = this.place(arena, dtype, arena === "work" || arena === "io" ? zeros : zeros.map(() => this.random.u32()));
    if (dtype === "f32" && arena !== "work") this.#results.push({ arena, offset, count });
    return offset;
  }

  add(kernel: Kernel): void {
    this.#kernels.push(kernel);
  }

  /** Adds a kernel that copies words of `work`, which nobody can read, to `io`. */
  copyOut(offset: number, dtype: DType, count: number): void {
    const access = (arena: ArenaName, at: number): Access => ({ arena, storage: dtype, offset: at, strides: [1] });
    const load: Instruction = { op: "load", access: 0, dtype };
    const outputs = [{ value: 0, access: access("io", this.result("io", dtype, count)) }];
    this.add({ family: "map", label: "copy", dims: [count], accesses: [access("work", offset)], instructions: [load], outputs });
  }

  done(name: string, bound: Bound = { relative: 0, absolute: 0 }): Scene {
    const arenas = Object.fromEntries(Object.entries(this.#chunks).map(([arena, chunks]) => [arena, joined(chunks)])) as unknown as Arenas;
    const plan = { kernels: this.#kernels, bytes: { ...this.#bytes }, inputs: this.#inputs, outputs: this.#outputs };
    return { name, plan, arenas, results: this.#results, bound };
  }

  #append(arena: ArenaName, buffer: ArrayBuffer): number {
    const at = this.#bytes[arena];
    this.#chunks[arena].push(buffer);
    this.#bytes[arena] += buffer.byteLength;
    return at;
  }
}

/** Runs a scene on a machine and compares every byte of `state`, `rows` and `io`; returns the largest error found, as a part of the bound. */
export async function checkScene(machine: Machine, scene: Scene): Promise<number> {
  const { plan, arenas } = scene;
  const program = await machine.compile(plan);
  const targets = { state: "state", rows: "rows", io: program } as const;
  for (const name of ["state", "rows", "io"] as const) machine.write(targets[name], 0, new Uint8Array(arenas[name]));
  const outputs = await machine.run(program);
  const found = {
    state: await machine.read("state", 0, plan.bytes.state),
    rows: await machine.read("rows", 0, plan.bytes.rows),
    io: await machine.read(program, 0, plan.bytes.io),
  };
  const wanted: Arenas = { state: arenas.state.slice(0), rows: arenas.rows.slice(0), io: arenas.io.slice(0), work: arenas.work.slice(0) };
  interpret(plan, wanted);
  let worst = 0;
  for (const name of ["state", "rows", "io"] as const)
    worst = Math.max(worst, compare(scene, name, found[name], new Uint8Array(wanted[name])));
  const first = plan.outputs[0]?.byteOffset ?? plan.bytes.io;
  expect(outputs.length, `${scene.name}: bytes of the outputs`).toBe(found.io.length - first);
  // Element by element: the matcher of arrays takes minutes over some megabytes.
  expect(
    outputs.findIndex((byte, i) => byte !== found.io[first + i]),
    `${scene.name}: the first byte that differs from io`,
  ).toBe(-1);
  return worst;
}

function compare(scene: Scene, arena: ArenaName, found: Uint8Array, wanted: Uint8Array): number {
  const { relative, absolute } = scene.bound;
  const [foundBits, wantedBits] = [wordsOf(found), wordsOf(wanted)];
  const [foundNumbers, wantedNumbers] = [new Float32Array(foundBits.buffer), new Float32Array(wantedBits.buffer)];
  const isResult = new Uint8Array(wantedBits.length);
  for (const { offset, count } of scene.results.filter((result) => result.arena === arena)) isResult.fill(1, offset, offset + count);
  let worst = 0;
  for (const [i, bits] of wantedBits.entries()) {
    if (foundBits[i] === bits) continue;
    const [got, want] = [foundNumbers[i] as number, wantedNumbers[i] as number];
    const error = Math.abs(got - want);
    if (isResult[i] === 0) expect.fail(`${scene.name}: word ${i} of ${arena} differs; expected ${bits}, got ${foundBits[i]}`);
    if (error === 0) continue;
    const allowed = Math.max(relative * Math.abs(want), absolute);
    if (!(error <= allowed)) expect.fail(`${scene.name}: word ${i} of ${arena} differs; expected ${want} ± ${allowed}, got ${got}`);
    worst = Math.max(worst, error / allowed);
  }
  expect(foundBits.length, `${scene.name}: words of ${arena}`).toBe(wantedBits.length);
  return worst;
}

function wordsOf(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(bytes.slice().buffer);
}

function joined(chunks: readonly ArrayBuffer[]): ArrayBuffer {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(new Uint8Array(chunk), at);
    at += chunk.byteLength;
  }
  return bytes.buffer;
}
