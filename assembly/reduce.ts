/**
 * The reduce family: folds bodies over the reduced dims. The outer dims are the kept ones (word 4 of the head tells how many), then the
 * reduced ones; the cut dim is a reduced one or (word 16) a kept one. A block folds `width` points (word 5) side by side, again and again.
 *
 * Rows have an inner reduced dim: 256 partial folds, element i into partial i mod 256, then the partials in a fixed order, which bounds the
 * error of a sum of n by about (n / 256 + 66) ulp. Columns have an inner kept dim: each element folds its own column in order. Where rows
 * or columns are short, a block holds several of them. The order of a fold does not depend on blocks.
 * Result walks: word 12 is the fold (0 sum, 1 max, + 2 for u32), the register holds partials or totals.
 */
import { compute, prepare } from "./map";
import { put } from "./put";
import { advance, rewind, seek, walkBytes } from "./walk";

const SUM: i32 = 0;
const MAX: i32 = 1;
const SUM_U32: i32 = 2;
const MAX_U32: i32 = 3;

export function reduce(kernel: usize, rows: bool): void {
  rewind(kernel, 0);
  prepare(kernel);
  if (load<i32>(kernel, 64) == 0) reduceAlong(kernel, rows);
  else if (rows) reduceRows(kernel);
  else reduceColumns(kernel);
}

/** The cut dim is reduced: blocks follow each other into the same partials. */
function reduceAlong(kernel: usize, rows: bool): void {
  const n = load<i32>(kernel, 4);
  const chunk = load<i32>(kernel, 8);
  const points = load<i32>(kernel, 12);
  const kept = load<i32>(kernel, 16);
  const width = load<i32>(kernel, 20);
  const results = <usize>load<i32>(kernel, 48);
  const end = <usize>load<i32>(kernel, 52);
  const bytes = walkBytes(kernel);
  do {
    clear(kernel, width);
    rewind(kernel, kept);
    do {
      seek(kernel, <usize>load<i32>(kernel, 28), <usize>load<i32>(kernel, 32));
      for (let start = 0; start < n; start += chunk) {
        const m = min(chunk, n - start) * points;
        if (m == 0) continue;
        compute(kernel, start, m);
        accumulate(kernel, m, width);
      }
    } while (advance(kernel, kept, load<i32>(kernel)));
    seek(kernel, results, end);
    for (let walk = results; walk < end; walk += bytes) {
      const partials = <usize>load<i32>(walk, 20);
      if (rows) store<u32>(partials, total(load<i32>(walk, 48), partials, 16, width));
      put(walk, partials, 16, 0, rows ? 1 : width);
    }
  } while (advance(kernel, 0, kept));
}

/** The cut dim is kept, and a block holds whole rows of at most 256. */
function reduceRows(kernel: usize): void {
  const n = load<i32>(kernel, 4);
  const chunk = load<i32>(kernel, 8);
  const points = load<i32>(kernel, 12);
  const width = load<i32>(kernel, 20);
  const results = <usize>load<i32>(kernel, 48);
  const end = <usize>load<i32>(kernel, 52);
  const bytes = walkBytes(kernel);
  do {
    seek(kernel, <usize>load<i32>(kernel, 28), <usize>load<i32>(kernel, 32));
    seek(kernel, results, end);
    for (let start = 0; start < n; start += chunk) {
      const m = min(chunk, n - start) * points;
      compute(kernel, start, m);
      for (let walk = results; walk < end; walk += bytes) {
        const slot = <usize>load<i32>(walk, 16);
        const step = <usize>load<i32>(slot, 4) >> 2;
        const fold = load<i32>(walk, 48);
        const totals = <usize>load<i32>(walk, 20);
        const count = m / width;
        let value = <usize>load<i32>(slot);
        for (let to = totals, last = totals + ((<usize>count) << 2); to < last; to += 4) {
          store<u32>(to, total(fold, value, step, width));
          if (step != 0) value += (<usize>width) << 2;
        }
        put(walk, totals, 16, start, count);
      }
    }
  } while (advance(kernel, 0, load<i32>(kernel, 16)));
}

/** The cut dim is kept, and every block folds into itself. */
function reduceColumns(kernel: usize): void {
  const n = load<i32>(kernel, 4);
  const chunk = load<i32>(kernel, 8);
  const points = load<i32>(kernel, 12);
  const kept = load<i32>(kernel, 16);
  const results = <usize>load<i32>(kernel, 48);
  const end = <usize>load<i32>(kernel, 52);
  const bytes = walkBytes(kernel);
  do {
    for (let start = 0; start < n; start += chunk) {
      const m = min(chunk, n - start) * points;
      clear(kernel, m);
      rewind(kernel, kept);
      do {
        seek(kernel, <usize>load<i32>(kernel, 28), <usize>load<i32>(kernel, 32));
        compute(kernel, start, m);
        accumulate(kernel, m, m);
      } while (advance(kernel, kept, load<i32>(kernel)));
      seek(kernel, results, end);
      for (let walk = results; walk < end; walk += bytes) put(walk, <usize>load<i32>(walk, 20), 16, start, m);
    }
  } while (advance(kernel, 0, kept));
}

function identity(op: i32): v128 {
  return op == MAX ? f32x4.splat(-Infinity) : f32x4.splat(0);
}

function clear(kernel: usize, width: i32): void {
  const bytes = walkBytes(kernel);
  for (let walk = <usize>load<i32>(kernel, 48), end = <usize>load<i32>(kernel, 52); walk < end; walk += bytes) {
    const start = identity(load<i32>(walk, 48));
    const partials = <usize>load<i32>(walk, 20);
    for (let to = partials, last = partials + ((<usize>width) << 2); to < last; to += 16) v128.store(to, start);
  }
}

/** Folds the m points of a block, `width` side by side, into the partials of every result. */
function accumulate(kernel: usize, m: i32, width: i32): void {
  const bytes = walkBytes(kernel);
  for (let walk = <usize>load<i32>(kernel, 48), end = <usize>load<i32>(kernel, 52); walk < end; walk += bytes) {
    const slot = <usize>load<i32>(walk, 16);
    const value = <usize>load<i32>(slot);
    const step = <usize>load<i32>(slot, 4) >> 2;
    const partials = <usize>load<i32>(walk, 20);
    const fold = load<i32>(walk, 48);
    const times = m / width;
    const rest = m % width;
    foldTimes(fold, partials, value, step, width, times);
    if (rest != 0) foldTimes(fold, partials, value + (<usize>(times * width) >> 2) * step, step, rest, 1);
  }
}

/** Folds `times` rows of `width` values into as many partials; lanes past `width` keep what they were. */
function foldTimes(op: i32, partials: usize, value: usize, step: usize, width: i32, times: i32): void {
  const pitch = step == 0 ? 0 : (<usize>width) << 2;
  const end = partials + ((<usize>(width >> 2)) << 4);
  let to = partials;
  // Four columns at a time, for a fold waits for the one before it.
  for (; step != 0 && to + 64 <= end; to += 64, value += 64) {
    let a = v128.load(to);
    let b = v128.load(to, 16);
    let c = v128.load(to, 32);
    let d = v128.load(to, 48);
    let at = value;
    switch (op) {
      case SUM:
        for (let i = 0; i < times; i++, at += pitch) {
          a = f32x4.add(a, v128.load(at));
          b = f32x4.add(b, v128.load(at, 16));
          c = f32x4.add(c, v128.load(at, 32));
          d = f32x4.add(d, v128.load(at, 48));
        }
        break;
      case MAX:
        for (let i = 0; i < times; i++, at += pitch) {
          a = f32x4.max(a, v128.load(at));
          b = f32x4.max(b, v128.load(at, 16));
          c = f32x4.max(c, v128.load(at, 32));
          d = f32x4.max(d, v128.load(at, 48));
        }
        break;
      case MAX_U32:
        for (let i = 0; i < times; i++, at += pitch) {
          a = i32x4.max_u(a, v128.load(at));
          b = i32x4.max_u(b, v128.load(at, 16));
          c = i32x4.max_u(c, v128.load(at, 32));
          d = i32x4.max_u(d, v128.load(at, 48));
        }
        break;
      default:
        for (let i = 0; i < times; i++, at += pitch) {
          a = i32x4.add(a, v128.load(at));
          b = i32x4.add(b, v128.load(at, 16));
          c = i32x4.add(c, v128.load(at, 32));
          d = i32x4.add(d, v128.load(at, 48));
        }
    }
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; to < end; to += 16, value += step) {
    let sum = v128.load(to);
    for (let i = 0, at = value; i < times; i++, at += pitch) sum = fold(op, sum, v128.load(at));
    v128.store(to, sum);
  }
  const rest = width & 3;
  if (rest == 0) return;
  const old = v128.load(to);
  let sum = old;
  for (let i = 0, at = value; i < times; i++, at += pitch) sum = fold(op, sum, v128.load(at));
  v128.store(to, v128.bitselect(sum, old, first(rest)));
}

/** Returns the fold of `width` values: vectors in order, then lanes in pairs. */
function total(op: i32, value: usize, step: usize, width: i32): u32 {
  const none = identity(op);
  let sum = none;
  let i = 4;
  if (op == SUM) for (; i <= width; i += 4, value += step) sum = f32x4.add(sum, v128.load(value));
  else for (; i <= width; i += 4, value += step) sum = fold(op, sum, v128.load(value));
  if ((width & 3) != 0) sum = fold(op, sum, v128.bitselect(v128.load(value), none, first(width & 3)));
  sum = fold(op, sum, i8x16.shuffle(sum, sum, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  sum = fold(op, sum, i8x16.shuffle(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return i32x4.extract_lane(sum, 0);
}

function fold(op: i32, a: v128, b: v128): v128 {
  if (op == SUM) return f32x4.add(a, b);
  if (op == MAX) return f32x4.max(a, b);
  return op == SUM_U32 ? i32x4.add(a, b) : i32x4.max_u(a, b);
}

/** Returns a mask of the first lanes. */
function first(lanes: i32): v128 {
  return i32x4.gt_s(i32x4.splat(lanes), i32x4(0, 1, 2, 3));
}
