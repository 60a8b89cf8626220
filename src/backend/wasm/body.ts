/** Encodes the body of a kernel: walks, instructions and registers as `assembly/walk.ts` and `assembly/map.ts` read them. */
import { fail } from "../../errors.ts";
import { ops } from "../../program/ops.ts";
import type { Access, ArenaName, Instruction } from "../../program/plan.ts";

/** Where encoded blocks go, and where arenas lie. */
export interface Memory {
  /** Returns the address of an arena. */
  address(arena: ArenaName): number;
  /** Returns the address of a fresh block holding 32-bit words. */
  words(words: readonly number[]): number;
  /** Returns the address of 16 bytes holding an f32 (or u32) four times. */
  splat(value: number, u32: boolean): number;
  /** Returns the address of `count` block-sized registers that kernels may share, since only one runs at a time. */
  registers(count: number): number;
}

/** A value that leaves the body: stored at every point, or folded. */
export interface Result {
  readonly value: number;
  readonly access: Access;
  readonly fold?: "sum" | "max";
  /** Whether it is added to what is there. */
  readonly adds?: boolean;
}

/** A body and the order it runs in. */
export interface Block {
  readonly dims: readonly number[];
  /** The outer dims, slowest first. */
  readonly outer: readonly number[];
  /** The inner dim; none for a single point. */
  readonly inner: number | undefined;
  /** How many of the outer dims a reduction keeps. */
  readonly kept: number;
  readonly accesses: readonly Access[];
  readonly instructions: readonly Instruction[];
  readonly results: readonly Result[];
}

/** Bytes of one register: a block and a spare vector. */
export const REGISTER_BYTES: number = 4 * 256 + 16;

const MAX_OUTER = 5;
const [PLACE, SPLAT, COPY, IOTA, RANDOM, BOUNDED, ADD] = [0, 1, 2, 3, 4, 5, 6] as const;
const [UNIFORM, STRAIGHT] = [1, 2] as const;

/** The words of a walk whose place is known; kind, slot and scratch are filled in later. */
interface Walk {
  readonly words: number[];
  readonly kind: number;
}

/** Returns the address of the encoded kernel. */
export function encodeBody(block: Block, memory: Memory): number {
  const { instructions, results } = block;
  if (block.outer.length > MAX_OUTER) {
    fail("E_UNSUPPORTED", `wasm: a kernel runs over ${block.outer.length + 1} dims; expected at most ${MAX_OUTER + 1}`, {
      hint: "Reshape to fewer dims, or use the WebGPU backend.",
    });
  }
  const lastUse = lastUses(block);
  const straight = straightResults(block, lastUse);
  const operands: Walk[] = [];
  const table: { pointer: number | undefined; register: number | undefined; step: number }[] = [];
  const slots: number[] = [];
  const code: number[] = [];
  const registers = new Registers();
  const slot = (pointer: number | undefined, register: number | undefined, step: number): number =>
    table.push({ pointer, register, step }) - 1;
  const spare = memory.words([0, 0, 0, 0]);
  const none = slot(spare, undefined, 0);
  const isUniform = (value: number): boolean => table[slots[value] as number]?.step === 0;

  // Folds go on from block to block, so their registers are never shared.
  const partials = results.map((result) => (result.fold === undefined ? undefined : registers.take(Number.POSITIVE_INFINITY)));
  // Operands are fetched before the body runs, so they take their registers first.
  for (const [i, instruction] of instructions.entries()) {
    if (instruction.op === "apply") continue;
    if (instruction.op === "const") {
      slots[i] = slot(memory.splat(instruction.value, instruction.dtype === "u32"), undefined, 0);
      continue;
    }
    const walk = operandWalk(instruction, block, memory);
    const uniform = walk.kind === SPLAT;
    const own = uniform ? memory.words([0, 0, 0, 0]) : undefined;
    const register = uniform || walk.kind === PLACE ? undefined : registers.take(lastUse[i] as number);
    slots[i] = slot(own, register, uniform ? 0 : 16);
    walk.words[18] = slots[i] as number;
    operands.push(walk);
  }
  for (const [i, instruction] of instructions.entries()) {
    registers.release(i);
    if (instruction.op !== "apply") continue;
    const uniform = instruction.args.every(isUniform);
    const target = uniform ? undefined : results.find((result) => result.value === i && straight.has(result));
    if (target === undefined)
      slots[i] = uniform ? slot(memory.words([0, 0, 0, 0]), undefined, 0) : slot(undefined, registers.take(lastUse[i] as number), 16);
    else {
      slots[i] = slot(0, undefined, 16);
      const walk = accessWalk(target.access, block, memory);
      walk.words[18] = slots[i] as number;
      operands.push(walk);
    }
    const u32 = instructions[instruction.args.at(-1) as number]?.dtype === "u32";
    const args = [0, 1, 2].map((a) => slots[instruction.args[a] ?? -1] ?? none);
    code.push(
      (ops[instruction.name]?.code as number) + (u32 ? 32 : 0),
      uniform ? UNIFORM : target === undefined ? 0 : STRAIGHT,
      slots[i] as number,
      ...args,
    );
  }
  const stored = results.filter((result) => !straight.has(result) || isUniform(result.value));
  const resultWalks = stored.map((result): Walk => {
    const walk = accessWalk(result.access, block, memory);
    walk.words[18] = slots[result.value] as number;
    // A store drops rows past its table, which only the element-wise way looks for.
    if (result.access.gather !== undefined) walk.words[17] = result.adds === true ? ADD : COPY;
    walk.words[22] = (result.fold === "max" ? 1 : 0) + (instructions[result.value]?.dtype === "u32" ? 2 : 0);
    return walk;
  });

  const base = memory.registers(registers.count);
  const registerAt = (register: number | undefined): number => (register === undefined ? 0 : base + register * REGISTER_BYTES);
  for (const walk of operands) {
    const { pointer, register } = table[walk.words[18] as number] as (typeof table)[number];
    walk.words[19] = pointer ?? registerAt(register);
  }
  for (const [i, walk] of resultWalks.entries()) walk.words[19] = registerAt(partials[results.indexOf(stored[i] as Result)]);
  const pointers = table.flatMap((entry) => [entry.pointer ?? registerAt(entry.register), entry.step]);
  const outerDims = block.outer.map((d) => block.dims[d] as number);
  const pad = new Array<number>(MAX_OUTER - outerDims.length).fill(1);
  const length = block.inner === undefined ? 1 : (block.dims[block.inner] as number);
  const head = [
    outerDims.length,
    length,
    operands.length,
    code.length / 6,
    resultWalks.length,
    block.kept,
    ...outerDims,
    ...pad,
    0,
    0,
    0,
    0,
    0,
  ];
  const addresses = [operands.flatMap((w) => w.words), code, resultWalks.flatMap((w) => w.words), pointers].map((words) =>
    memory.words(words),
  );
  return memory.words([...head, ...addresses, spare]);
}

/** Registers handed out by the position up to which they are needed. */
class Registers {
  count = 0;
  #busy: { register: number; until: number }[] = [];
  #free: number[] = [];

  take(until: number): number {
    const register = this.#free.pop() ?? this.count++;
    this.#busy.push({ register, until });
    return register;
  }

  /** Frees what is not read from instruction `now` on. */
  release(now: number): void {
    this.#free.push(...this.#busy.filter((entry) => entry.until < now).map((entry) => entry.register));
    this.#busy = this.#busy.filter((entry) => entry.until >= now);
  }
}

function lastUses({ instructions, results }: Block): number[] {
  const last = instructions.map((_, i) => i);
  for (const [i, instruction] of instructions.entries()) {
    if (instruction.op === "apply") for (const arg of instruction.args) last[arg] = i;
  }
  for (const result of results) last[result.value] = Number.POSITIVE_INFINITY;
  return last;
}

/** Returns the results whose value may be written as it is computed: contiguous words that nothing reads afterwards as they were. */
function straightResults(block: Block, lastUse: readonly number[]): Set<Result> {
  const stride = (access: Access): number => (block.inner === undefined ? 1 : (access.strides[block.inner] as number));
  return new Set(
    block.results.filter((result) => {
      const { access, value, fold } = result;
      if (
        block.instructions[value]?.op !== "apply" ||
        fold !== undefined ||
        access.gather !== undefined ||
        access.storage === "u8" ||
        stride(access) !== 1
      )
        return false;
      const readers = block.instructions.flatMap((i, at) =>
        i.op === "load" && block.accesses[i.access]?.arena === access.arena ? [lastUse[at] as number] : [],
      );
      return readers.every((last) => last <= value) && isFirst(result, block.results);
    }),
  );
}

const isFirst = (result: Result, results: readonly Result[]): boolean => results.find((other) => other.value === result.value) === result;

function operandWalk(instruction: Exclude<Instruction, { op: "apply" } | { op: "const" }>, block: Block, memory: Memory): Walk {
  if (instruction.op === "load") return accessWalk(block.accesses[instruction.access] as Access, block, memory);
  if (instruction.op === "product") throw new RangeError("a product must be lowered to a load");
  const random = instruction.op === "random" ? memory.address("io") + 4 * instruction.words : 0;
  const walk = place(instruction.offset, 0, instruction.strides, undefined, block, memory);
  const kind = instruction.op === "random" ? RANDOM : IOTA;
  walk[17] = kind;
  walk[22] = random;
  return { words: walk, kind };
}

function accessWalk(access: Access, block: Block, memory: Memory): Walk {
  const shift = access.storage === "u8" ? 0 : 2;
  const words = place(memory.address(access.arena) + (access.offset << shift), shift, access.strides, access.gather, block, memory);
  const inner = words[2] as number;
  const indexInner = words[9] as number;
  if (access.bounds !== undefined) {
    const bounds = access.bounds.flatMap((bound) => [bound.offset, ...alongBlock(bound.strides, block), bound.size]);
    words[17] = BOUNDED;
    words[22] = access.bounds.length;
    words[23] = memory.words(bounds);
    return { words, kind: BOUNDED };
  }
  const kind = indexInner !== 0 ? COPY : inner === 0 ? SPLAT : inner === 1 && shift === 2 ? PLACE : COPY;
  words[17] = kind;
  return { words, kind };
}

function place(base: number, shift: number, strides: readonly number[], gather: Access["gather"], block: Block, memory: Memory): number[] {
  const along = (list: readonly number[]): number[] => alongBlock(list, block);
  const index = gather?.index;
  const indexBase = index === undefined ? 0 : memory.address(index.arena) + 4 * index.offset;
  const indexStrides = index === undefined ? along(strides.map(() => 0)) : along(index.strides);
  if (block.inner === undefined) indexStrides[0] = 0;
  return [base, shift, ...along(strides), indexBase, ...indexStrides, gather?.stride ?? 0, gather?.size ?? 0, 0, 0, 0, 0, 0, 0, 0];
}

/** Returns strides in the order of a block: the inner dim, then five outer ones. */
function alongBlock(strides: readonly number[], { inner, outer }: Block): number[] {
  const slow = outer.map((d) => strides[d] as number);
  return [inner === undefined ? 1 : (strides[inner] as number), ...slow, ...new Array<number>(MAX_OUTER - slow.length).fill(0)];
}
