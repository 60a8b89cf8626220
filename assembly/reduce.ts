/**
 * The reduce family: folds bodies over the reduced dims. The outer dims are the kept ones (word 5 of the head tells how many), then the
 * reduced ones. `reduceRows` has a reduced inner dim: 256 partial folds, element i of a block into partial i, then the partials in a fixed
 * order, which bounds the error of a sum of n by about (n / 256 + 66) ulp and does not depend on threads. `reduceColumns` has a kept inner
 * dim: each element folds its own column in order. Result walks: word 22 is the fold (0 sum, 1 max, + 2 for u32), scratch holds the partials.
 */
import { execute } from "./map";
import { advance, BLOCK, fetch, innerLength, outerRank, put, rewind, seek, WALK_BYTES } from "./walk";

const SUM: i32 = 0;
const MAX: i32 = 1;
const SUM_U32: i32 = 2;

export function reduceRows(kernel: usize): void {
  const results = <usize>load<i32>(kernel, 72);
  const end = results + <usize>load<i32>(kernel, 16) * WALK_BYTES;
  const kept = load<i32>(kernel, 20);
  const n = innerLength(kernel);
  rewind(kernel, 0);
  do {
    for (let walk = results; walk < end; walk += WALK_BYTES) clear(walk, BLOCK);
    rewind(kernel, kept);
    if (n > 0) {
      do {
        seek(kernel, <usize>load<i32>(kernel, 64), load<i32>(kernel, 8));
        for (let start = 0; start < n; start += BLOCK) accumulate(kernel, start, min(BLOCK, n - start), results, end);
      } while (advance(kernel, kept, outerRank(kernel)));
    }
    seek(kernel, results, load<i32>(kernel, 16));
    for (let walk = results; walk < end; walk += WALK_BYTES) {
      const partials = <usize>load<i32>(walk, 76);
      combine(walk, partials, min(BLOCK, (n + 3) & ~3));
      put(walk, partials, 0, 0, 1);
    }
  } while (advance(kernel, 0, kept));
}

export function reduceColumns(kernel: usize): void {
  const results = <usize>load<i32>(kernel, 72);
  const end = results + <usize>load<i32>(kernel, 16) * WALK_BYTES;
  const kept = load<i32>(kernel, 20);
  const n = innerLength(kernel);
  rewind(kernel, 0);
  do {
    for (let start = 0; start < n; start += BLOCK) {
      const m = min(BLOCK, n - start);
      for (let walk = results; walk < end; walk += WALK_BYTES) clear(walk, m);
      rewind(kernel, kept);
      do {
        seek(kernel, <usize>load<i32>(kernel, 64), load<i32>(kernel, 8));
        accumulate(kernel, start, m, results, end);
      } while (advance(kernel, kept, outerRank(kernel)));
      seek(kernel, results, load<i32>(kernel, 16));
      for (let walk = results; walk < end; walk += WALK_BYTES) put(walk, <usize>load<i32>(walk, 76), 16, start, m);
    }
  } while (advance(kernel, 0, kept));
}

function clear(walk: usize, n: i32): void {
  const start = load<i32>(walk, 88) == MAX ? f32x4.splat(-Infinity) : f32x4.splat(0);
  const partials = <usize>load<i32>(walk, 76);
  for (let i = 0; i < n; i += 4) v128.store(partials + ((<usize>i) << 2), start);
}

/** Folds one block of every result into its partials; lanes past n keep what they were. */
function accumulate(kernel: usize, start: i32, n: i32, results: usize, end: usize): void {
  fetch(kernel, start, n);
  execute(kernel, n);
  const table = <usize>load<i32>(kernel, 76);
  for (let walk = results; walk < end; walk += WALK_BYTES) {
    const slot = table + ((<usize>load<i32>(walk, 72)) << 3);
    let value = <usize>load<i32>(slot);
    const step = <usize>load<i32>(slot, 4);
    let to = <usize>load<i32>(walk, 76);
    const whole = to + ((<usize>(n >> 2)) << 4);
    const op = load<i32>(walk, 88);
    if (op == SUM) for (; to < whole; to += 16, value += step) v128.store(to, f32x4.add(v128.load(to), v128.load(value)));
    else for (; to < whole; to += 16, value += step) v128.store(to, fold(op, v128.load(to), v128.load(value)));
    const rest = n & 3;
    if (rest == 0) continue;
    const old = v128.load(to);
    const lanes = i32x4.gt_s(i32x4.splat(rest), i32x4(0, 1, 2, 3));
    v128.store(to, v128.bitselect(fold(op, old, v128.load(value)), old, lanes));
  }
}

function fold(op: i32, a: v128, b: v128): v128 {
  if (op == SUM) return f32x4.add(a, b);
  if (op == MAX) return f32x4.max(a, b);
  return op == SUM_U32 ? i32x4.add(a, b) : i32x4.max_u(a, b);
}

/** Folds n partials (a multiple of 4) into the first: vectors in order, then lanes in pairs. */
function combine(walk: usize, partials: usize, n: i32): void {
  if (n == 0) return;
  const op = load<i32>(walk, 88);
  let total = v128.load(partials);
  for (let i = 4; i < n; i += 4) total = fold(op, total, v128.load(partials + ((<usize>i) << 2)));
  total = fold(op, total, i8x16.shuffle(total, total, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  total = fold(op, total, i8x16.shuffle(total, total, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v128.store(partials, total);
}
