/** Walks: the words from which `assembly/walk.ts` finds the elements of operands and results, block by block. */
import type { Access, Instruction } from "../../program/plan.ts";
import { boxPoints, type Frame } from "./frame.ts";
import type { Memory } from "./memory.ts";

const [PLACE, SPLAT, QUADS, ITEMS, IOTA, RANDOM, BOUNDED_QUADS, BOUNDED_ITEMS, ADD, REPEATS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/** A walk over a frame; its slot and register are filled in once they are known. */
export interface Walk {
  readonly words: number[];
  /** Whether its elements are read or written where they lie. */
  readonly inPlace: boolean;
  /** Whether one value stands for all points of a block. */
  readonly uniform: boolean;
  /** Whether it is the same in all blocks. */
  readonly steady: boolean;
}

/** Positions of words that are filled in later. */
export const SLOT = 4;
export const REGISTER = 5;
export const FOLD = 12;

/** Returns the walk of an operand. */
export function operandWalk(access: Access, frame: Frame, memory: Memory): Walk {
  const { strides, gather, bounds = [] } = access;
  const picks = gather !== undefined && !isConstant(gather.index.strides, frame);
  const free = !picks && bounds.length === 0;
  const steps = [strides, ...bounds.map((bound) => bound.strides), ...(gather === undefined ? [] : [gather.index.strides])];
  const steady = steps.every((each) => isSteady(each, frame));
  const uniform = free && isConstant(strides, frame);
  const inPlace = free && !uniform && access.storage !== "u8" && isRun(strides, frame);
  const quads = !picks && inQuads(strides, frame, 1) && bounds.every((bound) => quadStep(bound.strides, frame) !== undefined);
  const repeats = free && access.storage !== "u8" && inQuads(strides, frame, 0);
  const copies = bounds.length > 0 ? (quads ? BOUNDED_QUADS : BOUNDED_ITEMS) : quads ? QUADS : repeats ? REPEATS : ITEMS;
  const kind = uniform ? SPLAT : inPlace ? PLACE : copies;
  return { words: accessWords(kind, access, picks, frame, memory), inPlace, uniform, steady };
}

/** Returns the walk of a result; `adds` means that it is added to what is there. */
export function resultWalk(access: Access, adds: boolean, frame: Frame, memory: Memory): Walk {
  const { strides, gather, storage } = access;
  const words = storage !== "u8" && gather === undefined;
  const inPlace = words && isRun(strides, frame);
  const points = boxPoints(frame);
  const whole = [frame.chunk, frame.cut === undefined ? 0 : (frame.dims[frame.cut] as number)].every((n) => (n * points) % 4 === 0);
  const quads = words && whole && inQuads(strides, frame, 1);
  const kind = adds ? ADD : inPlace ? PLACE : quads ? QUADS : ITEMS;
  // A store looks at the number of every row, since it drops those past the table.
  return { words: accessWords(kind, access, gather !== undefined, frame, memory), inPlace, uniform: false, steady: false };
}

/** Returns the walk of generated numbers. */
export function generatedWalk(instruction: Extract<Instruction, { op: "iota" | "random" }>, frame: Frame, memory: Memory): Walk {
  const { op, offset, strides } = instruction;
  const table = op === "random" && isRun(strides, frame) ? 0 : tableOf(strides, frame, 1, 0, memory);
  const extra = op === "random" ? memory.address("io") + 4 * instruction.words : 0;
  const outer = outerOf(strides, frame);
  const kind = op === "random" ? RANDOM : IOTA;
  const words = [offset, 0, cutOf(strides, frame), kind, 0, 0, table, 0, 0, 0, 0, 0, extra, 0, 0, 0, ...outer, ...outer.map(() => 0)];
  return { words, inPlace: false, uniform: false, steady: isSteady(strides, frame) };
}

/** Returns the words of a walk; `picks` gives every element a row number of its own. */
function accessWords(kind: number, access: Access, picks: boolean, frame: Frame, memory: Memory): number[] {
  const { strides, gather, bounds = [], storage } = access;
  const shift = storage === "u8" ? 0 : 2;
  const every = kind === QUADS || kind === BOUNDED_QUADS || kind === REPEATS ? 4 : 1;
  const isTabled = kind !== PLACE && kind !== SPLAT;
  const table = isTabled ? tableOf(strides, frame, every, shift, memory) : 0;
  const conditions = bounds.flatMap((bound) => {
    const ends = inside(frame).map(([d, length]) => (length - 1) * (bound.strides[d] as number));
    const reach = [Math.min, Math.max].map((limit) => ends.reduce((sum, end) => sum + limit(0, end), 0));
    const step = every === 4 ? (quadStep(bound.strides, frame) as number) : 0;
    const own = [bound.offset, cutOf(bound.strides, frame), bound.size, tableOf(bound.strides, frame, every, 0, memory), ...reach, step, 0];
    return [...own, ...outerOf(bound.strides, frame)];
  });
  const outer = outerOf(strides, frame);
  const index = gather?.index;
  return [
    memory.address(access.arena) + (access.offset << shift),
    shift,
    cutOf(strides, frame),
    kind,
    0,
    0,
    table,
    index === undefined ? 0 : memory.address(index.arena) + 4 * index.offset,
    index === undefined ? 0 : cutOf(index.strides, frame),
    index !== undefined && picks ? tableOf(index.strides, frame, 1, 2, memory) : 0,
    gather?.stride ?? 0,
    gather?.size ?? 0,
    bounds.length,
    conditions.length === 0 ? 0 : memory.words(conditions),
    0,
    0,
    ...outer,
    ...(index === undefined ? outer.map(() => 0) : outerOf(index.strides, frame)),
  ];
}

type Strides = readonly number[];

const outerOf = (strides: Strides, { outer }: Frame): number[] => outer.map((d) => strides[d] as number);
const cutOf = (strides: Strides, { cut }: Frame): number => (cut === undefined ? 0 : (strides[cut] as number));

/** Returns the dims of a block with their lengths in it, fastest first. */
function inside({ dims, cut, chunk, box }: Frame): [dim: number, length: number][] {
  const whole = box.toReversed().map((d): [number, number] => [d, dims[d] as number]);
  return cut === undefined || chunk === 1 ? whole : [...whole, [cut, chunk]];
}

/** Returns the address of a table of where elements of a block lie from its first one, or every fourth: offsets shifted by `shift`. */
function tableOf(strides: Strides, frame: Frame, every: 1 | 4, shift: number, memory: Memory): number {
  const name = [every, shift, ...inside(frame).map(([d, length]) => `${length}*${strides[d]}`)].join(" ");
  return memory.table(name, () => offsetsOf(strides, frame).flatMap((offset, i) => (i % every === 0 ? [offset << shift] : [])));
}

/** Returns where each element of a block lies from its first one, in elements. */
function offsetsOf(strides: Strides, frame: Frame): number[] {
  const offsets = [0];
  for (const [d, length] of inside(frame)) {
    const stride = strides[d] as number;
    const count = offsets.length;
    for (let i = count; i < count * length; i++) offsets.push((offsets[i - count] as number) + stride);
  }
  return offsets;
}

/** Returns how many elements from the first of a block lie `step` apart. */
function run(strides: Strides, frame: Frame, step: number): number {
  let length = 1;
  for (const [d, size] of inside(frame)) {
    if (size === 1) continue;
    if (strides[d] !== step * length) break;
    length *= size;
  }
  return length;
}

/** Returns how many points a full block has. */
function pointsOf(frame: Frame): number {
  return boxPoints(frame) * frame.chunk;
}

/** Returns whether the elements of a block follow each other. */
function isRun(strides: Strides, frame: Frame): boolean {
  return run(strides, frame, 1) === pointsOf(frame);
}

/** Returns whether all points of a block have one element. */
function isConstant(strides: Strides, frame: Frame): boolean {
  return inside(frame).every(([d]) => strides[d] === 0);
}

/** Returns whether all blocks have the same elements. */
function isSteady(strides: Strides, frame: Frame): boolean {
  const { outer, cut, chunk, dims } = frame;
  return outer.every((d) => strides[d] === 0) && (cut === undefined || strides[cut] === 0 || chunk >= (dims[cut] as number));
}

/** Returns whether each four elements of a block lie `step` apart. */
function inQuads(strides: Strides, frame: Frame, step: number): boolean {
  const length = run(strides, frame, step);
  return length % 4 === 0 || length === pointsOf(frame);
}

/** Returns by how much an index moves within all fours of a block: 0, 1, or undefined where it is neither. */
function quadStep(strides: Strides, frame: Frame): number | undefined {
  return [0, 1].find((step) => inQuads(strides, frame, step));
}
