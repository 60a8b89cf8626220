/** Encoding of elementwise bodies: registers, walks and instructions, as `assembly/walk.ts` and `assembly/map.ts` read them. */
import type { Access, Instruction } from "../../program/plan.ts";
import { BLOCK, boxPoints, type Frame } from "./frame.ts";
import type { Memory } from "./memory.ts";
import { type Step, stepsOf } from "./steps.ts";
import { FOLD, generatedWalk, operandWalk, REGISTER, resultWalk, SLOT, type Walk } from "./walks.ts";

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
  readonly frame: Frame;
  /** The frame of the results: that of the points, but for reductions. */
  readonly resultFrame: Frame;
  readonly accesses: readonly Access[];
  readonly instructions: readonly Instruction[];
  readonly results: readonly Result[];
  /** What a reduction asks (see `assembly/reduce.ts`): outer dims it keeps, points that fold side by side, whether blocks hold whole folds. */
  readonly fold?: { readonly kept: number; readonly width: number; readonly whole: boolean };
}

/** Bytes of one register: a block and a spare group. */
export const REGISTER_BYTES: number = 4 * BLOCK + 64;

const [UNIFORM, STRAIGHT] = [1, 2] as const;
const ZEROS: readonly number[] = new Array<number>(16).fill(0);

/** Where a value lies: at an address, or in a register. */
interface Slot {
  pointer: number;
  register: number | undefined;
  /** Bytes from one group of sixteen to the next: 0 where one value stands for all. */
  readonly step: 0 | 64;
}

/** Returns the address of the encoded kernel. */
export function encodeBody(block: Block, memory: Memory): number {
  const { frame, instructions, results, fold } = block;
  const walks = walksOf(block, memory);
  const uniform = closure(instructions, (value) => walks.get(value)?.uniform === true);
  const steady = hasManyBlocks(frame) ? closure(instructions, (value) => walks.get(value)?.steady === true) : new Set<number>();
  const isFixed = (value: number): boolean => uniform.has(value) || steady.has(value);
  const steps = stepsOf({ instructions, kept: new Set(results.map(({ value }) => value)), uniform, steady });
  const lastUse = lastUses(steps, results);
  const straight = straightResults(block, memory, isFixed, walks, lastUse);
  const registers = new Registers();
  // Folds go on from block to block, so their registers are never shared.
  const partials = results.map((result) => (result.fold === undefined ? 0 : registers.take(Number.POSITIVE_INFINITY)));
  const slots = new Map<number | undefined, Slot>();
  const place = (value: number, isInPlace: boolean): void => {
    if (uniform.has(value)) slots.set(value, { pointer: memory.words(ZEROS), register: undefined, step: 0 });
    else {
      const until = steady.has(value) ? Number.POSITIVE_INFINITY : (lastUse.get(value) ?? value);
      slots.set(value, { pointer: 0, register: isInPlace ? undefined : registers.take(until), step: 64 });
    }
  };
  slots.set(undefined, { pointer: memory.words(ZEROS), register: undefined, step: 0 });
  // Operands are fetched before the body runs, so they take their registers first.
  for (const [value, walk] of walks) place(value, walk.inPlace);
  for (const [value, instruction] of instructions.entries()) {
    if (instruction.op !== "const") continue;
    slots.set(value, { pointer: memory.splat(instruction.value, instruction.dtype === "u32"), register: undefined, step: 0 });
  }
  for (const { value } of steps) {
    registers.release(value);
    place(value, straight.has(value));
  }

  const bytes = Math.max(REGISTER_BYTES, 4 * boxPoints(frame) * frame.chunk + 64);
  const base = memory.registers(Math.ceil((registers.count * bytes) / REGISTER_BYTES));
  const addressOf = (register: number): number => base + register * bytes;
  const pointerOf = ({ pointer, register }: Slot): number => (register === undefined ? pointer : addressOf(register));
  const positions = new Map([...slots.keys()].map((value, i) => [value, i]));
  const table = memory.words([...slots.values()].flatMap((slot) => [pointerOf(slot), slot.step]));
  const slotAt = (value: number | undefined): number => table + 8 * (positions.get(value) as number);
  const filled = ({ words }: Walk, value: number, register: number): number[] => {
    words[SLOT] = slotAt(value);
    words[REGISTER] = register;
    return words;
  };
  const operand = ([value, walk]: [number, Walk]): number[] => filled(walk, value, pointerOf(slots.get(value) as Slot));
  const result = ({ value, access, fold: op, adds }: Result, i: number): number[] => {
    if (straight.get(value)?.access === access) return [];
    const walk = resultWalk(access, adds === true, block.resultFrame, memory);
    if (op !== undefined) walk.words[FOLD] = (op === "max" ? 1 : 0) + (instructions[value]?.dtype === "u32" ? 2 : 0);
    return filled(walk, value, addressOf(partials[i] as number));
  };
  const code = ({ value, code, args }: Step): number[] => {
    const flags = uniform.has(value) ? UNIFORM : straight.has(value) ? STRAIGHT : 0;
    return [code, flags, slotAt(value), ...Array.from({ length: 5 }, (_, i) => slotAt(args[i]))];
  };

  const [still, moving] = parted([...walks], ([value]) => steady.has(value));
  const [once, again] = parted(steps, ({ value }) => steady.has(value));
  const straightWalks = [...straight].flatMap(([value, { walk }]) => filled(walk, value, 0));
  const { dims, outer, cut, chunk } = frame;
  return memory.words([
    outer.length,
    cut === undefined ? 1 : (dims[cut] as number),
    chunk,
    boxPoints(frame),
    fold?.kept ?? 0,
    fold?.width ?? 0,
    ...span(memory, still.flatMap(operand), [...moving.flatMap(operand), ...straightWalks]),
    ...span(memory, once.flatMap(code), again.flatMap(code)),
    ...span(memory, results.flatMap(result)),
    memory.words([...outer.map((d) => dims[d] as number), ...outer.map(() => 0)]),
    memory.words(ZEROS),
    fold?.whole === true ? 1 : 0,
  ]);
}

/** Returns where parts laid end to end start, and the end of the last. */
function span(memory: Memory, ...parts: (readonly number[])[]): number[] {
  let at = memory.words(parts.flat());
  return [at, ...parts.map((part) => (at += 4 * part.length))];
}

/** Returns the items that belong, and the others. */
function parted<T>(list: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [list.filter(belongs), list.filter((item) => !belongs(item))];
}

function walksOf({ instructions, accesses, frame }: Block, memory: Memory): Map<number, Walk> {
  const walks = new Map<number, Walk>();
  for (const [i, instruction] of instructions.entries()) {
    if (instruction.op === "load") walks.set(i, operandWalk(accesses[instruction.access] as Access, frame, memory));
    else if (instruction.op === "iota" || instruction.op === "random") walks.set(i, generatedWalk(instruction, frame, memory));
    else if (instruction.op === "product") throw new RangeError("a product must be lowered to a load");
  }
  return walks;
}

/** Returns whether a frame has several blocks; where it has one, it is no gain to tell apart what is the same in all. */
function hasManyBlocks({ outer, cut, dims, chunk }: Frame): boolean {
  return outer.length > 0 || (cut !== undefined && chunk < (dims[cut] as number));
}

/** Returns the constants, some operands, and what is computed from these alone. */
function closure(instructions: readonly Instruction[], belongs: (operand: number) => boolean): Set<number> {
  const values = new Set<number>();
  for (const [value, instruction] of instructions.entries()) {
    const isPart =
      instruction.op === "apply" ? instruction.args.every((arg) => values.has(arg)) : instruction.op === "const" || belongs(value);
    if (isPart) values.add(value);
  }
  return values;
}

/** Returns the value in whose computation each is used last. */
function lastUses(steps: readonly Step[], results: readonly Result[]): Map<number, number> {
  const last = new Map<number, number>();
  for (const { value, args } of steps) {
    for (const arg of args) last.set(arg, value);
    last.set(value, value);
  }
  for (const { value } of results) last.set(value, Number.POSITIVE_INFINITY);
  return last;
}

/** Returns the results that may be written as they are computed: in place, where nothing reads afterwards what was there. */
function straightResults(
  { instructions, accesses, results, resultFrame }: Block,
  memory: Memory,
  isFixed: (value: number) => boolean,
  walks: ReadonlyMap<number, Walk>,
  lastUse: ReadonlyMap<number, number>,
): Map<number, { readonly access: Access; readonly walk: Walk }> {
  const straight = new Map<number, { readonly access: Access; readonly walk: Walk }>();
  for (const { value, access, fold, adds } of results) {
    if (instructions[value]?.op !== "apply" || fold !== undefined || isFixed(value) || straight.has(value)) continue;
    const walk = resultWalk(access, adds === true, resultFrame, memory);
    const readsLater = instructions.some((i, at) => {
      if (i.op !== "load" || walks.get(at)?.inPlace !== true || accesses[i.access]?.arena !== access.arena) return false;
      return (lastUse.get(at) ?? at) > value;
    });
    if (walk.inPlace && !readsLater) straight.set(value, { access, walk });
  }
  return straight;
}

/** Registers handed out by the position up to which they are needed. */
class Registers {
  count = 0;
  #busy: { register: number; until: number }[] = [];
  #free: number[] = [];

  take(until: number): number {
    // What is kept for good may have been there before the first block, so it takes the place of nothing.
    const register = (until === Number.POSITIVE_INFINITY ? undefined : this.#free.pop()) ?? this.count++;
    this.#busy.push({ register, until });
    return register;
  }

  /** Frees what is not read from instruction `now` on. */
  release(now: number): void {
    this.#free.push(...this.#busy.filter((entry) => entry.until < now).map((entry) => entry.register));
    this.#busy = this.#busy.filter((entry) => entry.until >= now);
  }
}
