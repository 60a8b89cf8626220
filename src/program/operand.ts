/** Operands of products: views whose rows or columns are several dims of the buffer below, such as the windows of an image. */
import type { Tensor } from "./graph.ts";
import type { Bound } from "./plan.ts";
import { denseStrides, type Shape } from "./shape.ts";
import {
  type Affine,
  boundsOf,
  bufferStrides,
  combine,
  dimGroups,
  identity,
  isBounded,
  isView,
  joinDims,
  stepOf,
  throughView,
  type Walk,
} from "./views.ts";

/** A walk over a tensor each of whose dims is cut into parts, slowest first; strides go part by part. */
export interface Split extends Walk {
  readonly parts: readonly (readonly number[])[];
}

/** A part, and the size of the faster of the two that it must be cut into. */
type Cut = readonly [part: number, size: number];

/** Rows above which a right operand whose depth is cut is copied first: it is packed again for every 64 of them. */
const FEW_ROWS = 256;

/** Bounds of one operand; Wasm has room for as many. */
const MOST_BOUNDS = 4;

/** Returns how a chain of views walks the buffer below it, its dims cut where a reshape has joined dims; undefined where no cut helps. */
export function splitWalk(node: Tensor, isBuffer: (node: Tensor) => boolean): Split | undefined {
  let parts = node.shape.map((n) => [n]);
  let index: Affine[] = identity(node.shape);
  let bounds: Bound[] = [];
  let source = node;
  const isBase = (other: Tensor): boolean => !isView(other) || isBuffer(other);
  while (!isBase(source)) {
    const input = source.inputs[0] as Tensor;
    // A dense buffer may be read under any shape.
    if (source.op === "reshape" && isBase(input) && input.attributes.rowStride === undefined) break;
    const sizes = parts.flat();
    const below = throughView(source, index, sizes.length) ?? throughJoin(source, input.shape, index, sizes);
    if (below === undefined) return undefined;
    if (isCut(below)) {
      parts = cutParts(parts, below);
      index = index.map((term) => cutTerm(term, below, sizes));
      bounds = bounds.map((bound) => cutTerm(bound, below, sizes));
      continue;
    }
    if (isBounded(source)) {
      const whole = splitWalk(input, isBuffer);
      const added = boundsOf(source, below, (d) => (whole?.parts[d]?.length === 1 ? stepOf(whole, partsBefore(whole, d)) : undefined));
      if (added === undefined) return undefined;
      bounds = [...bounds, ...added];
    }
    index = below;
    source = input;
  }
  const strides = isBase(source) ? bufferStrides(source) : denseStrides(source.shape);
  const walk = combine(index, strides, parts.flat().length);
  return joinParts({ ...walk, parts, ...(bounds.length > 0 && { bounds }) });
}

/**
 * Returns whether a product can take one of its operands where it lies: the left one under any views with few bounds, none of which moves with
 * the batch; the right one if its columns are one dim, its depth is several only for few rows, and one of the two is contiguous.
 */
export function isOperand(product: Tensor, side: 0 | 1, isBuffer: (node: Tensor) => boolean): boolean {
  const split = splitWalk(product.inputs[side] as Tensor, isBuffer);
  if (split === undefined) return false;
  const [, depths = [], columns = []] = matrixParts(split);
  if (side === 0) {
    const batched = split.parts.flat().length - split.parts.slice(-2).flat().length;
    const bounds = split.bounds ?? [];
    return bounds.length <= MOST_BOUNDS && bounds.every((bound) => bound.strides.slice(0, batched).every((s) => s === 0));
  }
  if (isPlain(split)) return true;
  const [depth, column] = [split.strides.at(-1 - columns.length) as number, split.strides.at(-1) as number];
  const contiguous = depth === 1 || column === 1 || columns[0] === 1;
  const few = depths.length === 1 || (product.shape.at(-2) as number) <= FEW_ROWS;
  return split.bounds === undefined && columns.length === 1 && contiguous && few && !split.strides.slice(-1 - depths.length).includes(0);
}

/** Returns whether a walk over [.., rows, columns] is a plain matrix: contiguous along one of the two, and no repeats in either. */
export function isPlain(split: Split): boolean {
  const [batch, rows, columns] = matrixParts(split);
  if (batch.length > 1 || rows.length > 1 || columns.length > 1 || split.bounds !== undefined) return false;
  const fits = (test: (s: number) => boolean) => [rows, columns].map(([size], i) => size === 1 || test(split.strides.at(i - 2) as number));
  return fits((s) => s === 1).includes(true) && !fits((s) => s !== 0).includes(false);
}

/** Returns the parts of [batch, rows, columns]; a batch of one where the walk has none. */
export function matrixParts(split: Split): [batch: readonly number[], rows: readonly number[], columns: readonly number[]] {
  const [columns, rows, batch] = [...split.parts].reverse();
  return [batch ?? [1], rows as readonly number[], columns as readonly number[]];
}

const partsBefore = (split: Split, d: number): number => split.parts.slice(0, d).flat().length;
const isCut = (result: readonly Affine[] | Cut): result is Cut => typeof result[0] === "number";

/** Returns the index of the dims that a reshape joins, or where the dims of the walk must be cut before there is one. */
function throughJoin(view: Tensor, shape: Shape, index: readonly Affine[], sizes: readonly number[]): Affine[] | Cut | undefined {
  const rank = sizes.length;
  const below: Affine[] = shape.map(() => ({ offset: 0, strides: new Array<number>(rank).fill(0) }));
  const groups = dimGroups(view.shape, shape);
  if (groups === undefined) return undefined;
  for (const [outer, inner] of groups) {
    const strides = denseStrides(outer.map((d) => view.shape[d] as number));
    const joined = combine(
      outer.map((d) => index[d] as Affine),
      strides,
      rank,
    );
    const wide = inner.filter((d) => shape[d] !== 1);
    const widths = wide.map((d) => shape[d] as number);
    const terms = wide.length > 1 ? digitsOf(joined, widths, sizes) : [joined];
    if (terms === undefined || isCut(terms)) return terms;
    for (const [i, d] of wide.entries()) below[d] = terms[i] as Affine;
  }
  return below;
}

/** Returns the digits, in the mixed radix of `shape`, of an index; each is affine if no part of the walk carries from one into the next. */
function digitsOf(index: Affine, shape: Shape, sizes: readonly number[]): Affine[] | Cut | undefined {
  const radix = denseStrides(shape);
  let rest = index.offset;
  const digits = radix.map((unit) => {
    const offset = Math.floor(rest / unit);
    rest -= offset * unit;
    return { offset, strides: sizes.map(() => 0) };
  });
  const highest = digits.map(({ offset }) => offset);
  for (const [part, stride] of index.strides.entries()) {
    const size = sizes[part] as number;
    if (stride === 0 || size === 1) continue;
    const d = radix.findIndex((unit) => unit <= stride);
    const step = stride / (radix[d] ?? 0);
    if (d < 0 || !Number.isInteger(step)) return undefined;
    const fitting = (shape[d] as number) / step;
    if (d > 0 && size > fitting) return Number.isInteger(fitting) && size % fitting === 0 ? [part, fitting] : undefined;
    (digits[d] as { strides: number[] }).strides[part] = step;
    highest[d] = (highest[d] as number) + step * (size - 1);
  }
  return index.offset >= 0 && highest.every((high, d) => high < (shape[d] as number)) ? digits : undefined;
}

function cutParts(parts: readonly (readonly number[])[], [at, low]: Cut): number[][] {
  let before = 0;
  return parts.map((list) => {
    const i = at - before;
    before += list.length;
    return list.flatMap((size, j) => (j === i ? [size / low, low] : [size]));
  });
}

function cutTerm<T extends Affine>(term: T, [at, low]: Cut, sizes: readonly number[]): T {
  return { ...term, strides: sizes.flatMap((_, d) => (d === at ? [stride(term, d) * low, stride(term, d)] : [stride(term, d)])) };
}

const stride = (term: Affine, d: number): number => term.strides[d] as number;

/** Drops parts of size 1 and joins neighbours that are walked as one. */
function joinParts({ parts, ...split }: Split): Split {
  let walk: Walk = split;
  const kept: number[] = [];
  let at = 0;
  const joined = parts.map((sizes) => {
    const left: number[] = [];
    const wide = sizes.flatMap((size, i) => (size === 1 ? [] : [i]));
    for (const i of wide.length === 0 ? [0] : wide) {
      const [size, d] = [sizes[i] as number, at + i];
      const one = left.length === 0 ? undefined : joinDims(walk, kept.at(-1) as number, d, size);
      walk = one ?? walk;
      left.push(one === undefined ? size : (left.pop() as number) * size);
      if (one !== undefined) kept.pop();
      kept.push(d);
    }
    at += sizes.length;
    return left;
  });
  const pick = <T extends Affine>(term: T): T => ({ ...term, strides: kept.map((d) => stride(term, d)) });
  return { ...pick(walk), parts: joined, ...(walk.bounds && { bounds: walk.bounds.map(pick) }) };
}
