/** Frames: the order in which a kernel visits its points, and how it cuts them into blocks (see `assembly/walk.ts`). */
import type { Access, MapKernel, ReduceKernel } from "../../program/plan.ts";

/**
 * Most points of a block. Longer ones save up to a tenth where all lies in the cache, but lose the processor's prefetching where it does not:
 * AdamW's recipe over a million parameters from memory takes 1.12 ns for each with 256, 1.34 with 512, 1.79 with 1024 (Node 20, Zen 5).
 */
export const BLOCK = 256;

/**
 * Points of a block of a long row of up to three operands in place, which are prefetched all the same: a fold of one or two takes half the
 * time so, of three two thirds.
 */
const LONG = 1024;

/** Points from which a stretch between bounds is a block of its own. */
const STRETCH = 64;

/** Partial folds of a long row. */
const PARTIALS = 256;

/** An order of points: outer dims, a dim that is cut into chunks, and a box of dims that lie whole within each block. */
export interface Frame {
  readonly dims: readonly number[];
  /** Slowest first; of a reduction the kept ones, then the reduced ones. */
  readonly outer: readonly number[];
  /** The dim that is cut; none where a block holds all that is not outer. */
  readonly cut: number | undefined;
  /** How many indices of the cut dim a block takes. */
  readonly chunk: number;
  /** Slowest first. */
  readonly box: readonly number[];
}

/** How a reduction runs: its frame, that of its results, and what `assembly/reduce.ts` asks. */
export interface Fold {
  readonly frame: Frame;
  readonly results: Frame;
  readonly rows: boolean;
  /** How many of the outer dims are kept. */
  readonly kept: number;
  /** Whether blocks are cut along kept dims, and so hold whole folds. */
  readonly whole: boolean;
  /** Points that fold side by side. */
  readonly width: number;
}

/** Returns the points of one index of the cut dim. */
export function boxPoints({ dims, box }: Frame): number {
  return box.reduce((points, d) => points * (dims[d] as number), 1);
}

/** Returns the frame of a map. Any order will do: the one in which most walks run on. */
export function mapFrame({ dims, accesses, instructions, outputs }: MapKernel): Frame {
  const results = outputs.map(({ access }) => access);
  // A value that is contiguous where it goes is written as it is computed, so results weigh double.
  const walks = [...accesses, ...results, ...results];
  const all = [...dims.keys()];
  const inner = innermost(dims, all, walks);
  const chunk = inner === undefined ? 0 : stretch(inner, dims[inner] as number, accesses);
  if (chunk >= STRETCH) return { dims, outer: all.filter((d) => d !== inner), cut: inner, chunk, box: [] };
  const fast = runningOn(dims, all, walks, inner);
  return frame(dims, untilCopiesCost(dims, fast, walks, instructions.length), dims.length);
}

/** Returns the frame that visits points in row-major order. */
export function denseFrame(dims: readonly number[]): Frame {
  return frame(dims, [...dims.keys()].reverse(), dims.length);
}

/** Returns how a reduction runs. Its folds have one order whatever the lengths of its kept dims, from 16 on. */
export function foldFrame({ dims, kept: count, accesses, outputs }: ReduceKernel): Fold {
  const kept = [...dims.keys()].slice(0, count);
  const reduced = [...dims.keys()].slice(count);
  const column = innermost(dims, kept, accesses);
  // A fold of nothing shows in the length of its inner dim.
  const row = reduced.find((d) => dims[d] === 0) ?? innermost(dims, reduced, accesses);
  const columns = runningOn(dims, kept, [...accesses, ...outputs.map(({ access }) => access)], column);
  const contiguous = (d: number | undefined): number =>
    d === undefined ? -1 : accesses.filter((access) => access.strides[d] === 1).length;
  const isRows = dims.includes(0) || contiguous(column) <= contiguous(row);
  const length = row === undefined ? 1 : (dims[row] as number);
  const others = reduced.filter((d) => d !== row);

  let fast = [...columns, ...reduced.toReversed()];
  if (isRows) {
    const first = row === undefined ? [] : [row];
    const next = others.length === 0 ? columns : others.toReversed();
    fast = length === 0 || length > PARTIALS ? first : [...first, ...next];
  }
  const moving = row === undefined ? [] : accesses.filter((access) => access.strides[row] !== 0);
  const isLong = isRows && length > PARTIALS && moving.length <= 3 && contiguous(row) === moving.length;
  const whole = frame(dims, fast, count, isLong ? LONG : BLOCK);
  const isKept = (d: number | undefined): boolean => d !== undefined && d < count;
  const inner = whole.box.filter(isKept);
  return {
    frame: whole,
    results: { ...whole, cut: isKept(whole.cut) ? whole.cut : undefined, box: inner },
    rows: isRows,
    kept: whole.outer.filter(isKept).length,
    whole: isKept(whole.cut) || (isRows && inner.length > 0),
    width: isRows ? Math.min(length, PARTIALS) : boxPoints({ ...whole, box: inner }),
  };
}

/** Returns the frame that takes dims into the block in an order, fastest first; those left out stay outside. */
function frame(dims: readonly number[], fast: readonly number[], kept: number, most: number = BLOCK): Frame {
  let points = 1;
  let inside = 0;
  for (; inside < fast.length; inside++) {
    const size = dims[fast[inside] as number] as number;
    if (points * size > most) break;
    points *= size;
  }
  const cut = fast[inside];
  const box = fast.slice(0, inside).reverse();
  const outer = [...dims.keys()].filter((d) => !fast.includes(d)).concat(fast.slice(inside + 1).reverse());
  return {
    dims,
    outer: [...outer.filter((d) => d < kept), ...outer.filter((d) => d >= kept)],
    cut,
    chunk: cut === undefined ? 1 : Math.min(Math.floor(most / points), dims[cut] as number),
    box,
  };
}

/**
 * Returns the fastest dims that pay for being in a block: a walk in place that does not run on must be copied, about as long as an operation
 * takes, while longer blocks save a few nanoseconds for each instruction of a block. The weight was measured on recurrent steps, which have
 * rows of 128 in tables of 384.
 */
function untilCopiesCost(dims: readonly number[], fast: readonly number[], walks: readonly Access[], instructions: number): number[] {
  let running = walks;
  let points = 1;
  for (const [i, d] of fast.entries()) {
    const stays = running.filter((walk) => walk.strides[d] === points);
    const stops = running.filter((walk) => !stays.includes(walk) && fast.slice(i).some((other) => walk.strides[other] !== 0));
    if (i > 0 && stops.length * points > 8 * instructions + 128) return fast.slice(0, i);
    running = stays;
    points *= dims[d] as number;
  }
  return [...fast];
}

/**
 * Returns the length of the longest stretches of a dim at whose ends all bounds lie, 0 where none lies within the dim. Gradients of slices,
 * such as those of the gates of a recurrent cell, are zeros but for a stretch: blocks along it need no masks.
 */
function stretch(d: number, size: number, accesses: readonly Access[]): number {
  const bounds = accesses.flatMap((access) => access.bounds ?? []).filter((bound) => bound.strides[d] !== 0);
  if (bounds.length === 0) return 0;
  if (!bounds.every(({ strides }) => strides.every((stride, other) => stride === (other === d ? 1 : 0)))) return 0;
  const length = bounds.flatMap((bound) => [bound.offset, bound.size]).reduce((a, b) => divisor(a, Math.abs(b)), size);
  return length > BLOCK ? 0 : length;
}

/** Returns the greatest common divisor. */
function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** Returns the dim, of some, along which most walks run with stride 1, weighed by its length; the last among equals. */
function innermost(dims: readonly number[], among: readonly number[], walks: readonly Access[]): number | undefined {
  return best(among, (d) => walks.filter((walk) => walk.strides[d] === 1).length * Math.min(dims[d] as number, 16));
}

/** Returns some dims, fastest first from a given one: after each comes the one in which most walks go on where it ends. */
function runningOn(dims: readonly number[], among: readonly number[], walks: readonly Access[], first: number | undefined): number[] {
  const fast: number[] = [];
  for (let next = first; next !== undefined; ) {
    fast.push(next);
    const last = next;
    const left = among.filter((d) => !fast.includes(d));
    next = best(left, (d) => walks.filter((walk) => walk.strides[d] === (walk.strides[last] as number) * (dims[last] as number)).length);
  }
  return fast;
}

/** Returns the candidate of the highest score, the last among equals. */
function best(among: readonly number[], score: (d: number) => number): number | undefined {
  let found: number | undefined;
  let high = -1;
  for (const d of among) {
    const value = score(d);
    if (value < high) continue;
    found = d;
    high = value;
  }
  return found;
}
