/**
 * The reduce family: folds bodies over the reduced dims. The outer dims are the kept ones (word 5 of the head tells how many), then the
 * reduced ones. `reduceRows` has a reduced inner dim: 256 partial folds, element i of a block into partial i, then the partials in a fixed
 * order, which bounds the error of a sum of n by about (n / 256 + 66) ulp and does not depend on threads. `reduceColumns` has a kept inner
 * dim: each element folds its own column in order. Result walks: word 22 is the fold (0 sum, 1 max), scratch holds the partials.
 */
import { execute } from "./map";
import { advance, BLOCK, fetch, innerLength, outerRank, put, rewind, seek, WALK_BYTES } from "./walk";

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
  const start = load<i32>(walk, 88) == 0 ? f32x4.splat(0) : f32x4.splat(-Infinity);
  const partials = <usize>load<i32>(walk, 76);
  for (let i = 0; i < n; i += 4) v128.store(partials + (<usize>i << 2), start);
}

/** Folds one block of every result into its partials; lanes past n keep what they were. */
function accumulate(kernel: usize, start: i32, n: i32, results: usize, end: usize): void {
  fetch(kernel, start, n);
  execute(kernel, n);
  const table = <usize>load<i32>(kernel, 76);
  for (let walk = results; walk < end; walk += WALK_BYTES) {
    const slot = table + (<usize>load<i32>(walk, 72) << 3);
    let value = <usize>load<i32>(slot);
    const step = <usize>load<i32>(slot, 4);
    let to = <usize>load<i32>(walk, 76);
    const whole = to + (<usize>(n >> 2) << 4);
    const sum = load<i32>(walk, 88) == 0;
    if (sum) for (; to < whole; to += 16, value += step) v128.store(to, f32x4.add(v128.load(to), v128.load(value)));
    else for (; to < whole; to += 16, value += step) v128.store(to, f32x4.max(v128.load(to), v128.load(value)));
    for (let i = n & ~3; i < n; i++, to += 4, value += 4) {
      const x = load<f32>(to);
      const y = load<f32>(value);
      store<f32>(to, sum ? x + y : max(x, y));
    }
  }
}

/** Folds n partials (a multiple of 4) into the first: vectors in order, then lanes in pairs. */
function combine(walk: usize, partials: usize, n: i32): void {
  if (n == 0) return;
  let total = v128.load(partials);
  const sum = load<i32>(walk, 88) == 0;
  for (let i = 4; i < n; i += 4) {
    const next = v128.load(partials + (<usize>i << 2));
    total = sum ? f32x4.add(total, next) : f32x4.max(total, next);
  }
  const a = f32x4.extract_lane(total, 0);
  const b = f32x4.extract_lane(total, 1);
  const c = f32x4.extract_lane(total, 2);
  const d = f32x4.extract_lane(total, 3);
  store<f32>(partials, sum ? a + b + (c + d) : max(max(a, b), max(c, d)));
}
