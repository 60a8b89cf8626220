/**
 * Walks: how a kernel's operands, results and generated values move through its points.
 *
 * A kernel runs over outer dims (an odometer) and one inner dim cut into blocks of at most BLOCK elements. At each outer point `seek` finds
 * the row of every walk; for each block `fetch` gives every operand a pointer and a step: 16 bytes where it is contiguous (in place, or
 * gathered into scratch), 0 where it is one value, splat into 16 bytes. Operations then run over vectors without asking.
 *
 * Kernel head, i32 words: 0 outer rank, 1 inner length, 2 operands, 3 instructions, 4 results, 5 outer dims that are kept (reductions),
 * 6–10 outer dims, 11–15 counters, 16 operand walks, 17 instructions, 18 result walks, 19 pointer table, 20 sixteen bytes for tails.
 * Walk, i32 words: 0 base, 1 log2 of the element's bytes, 2 inner stride, 3–7 outer strides, 8 index base (0: none), 9 index inner stride,
 * 10–14 index outer strides, 15 elements per row, 16 rows, 17 kind, 18 pointer slot, 19 scratch, 20 row (found by `seek`), 21 index row,
 * 22 random words, fold or number of bounds, 23 bounds. Bound, i32 words: offset, inner stride, five outer strides, size. Pointer table: (pointer, step) per slot.
 */
import { fillBits } from "./random";

/** Elements of a block; six to ten registers of it stay in the first-level cache. */
export const BLOCK: i32 = 256;
export const WALK_BYTES: usize = 96;

const PLACE: i32 = 0;
const SPLAT: i32 = 1;
const COPY: i32 = 2;
const IOTA: i32 = 3;
const RANDOM: i32 = 4;
const BOUNDED: i32 = 5;
/** A result that is added to what is there. */
const ADD: i32 = 6;

export function outerRank(kernel: usize): i32 {
  return load<i32>(kernel);
}

export function innerLength(kernel: usize): i32 {
  return load<i32>(kernel, 4);
}

/** Sets counters `from`… to 0. */
export function rewind(kernel: usize, from: i32): void {
  for (let d = from; d < 5; d++) store<i32>(kernel + ((<usize>d) << 2), 0, 44);
}

/** Steps the odometer of dims `from` to `to` − 1; returns false once it has come round. */
export function advance(kernel: usize, from: i32, to: i32): bool {
  for (let d = to - 1; d >= from; d--) {
    const at = kernel + ((<usize>d) << 2);
    const next = load<i32>(at, 44) + 1;
    if (next < load<i32>(at, 24)) {
      store<i32>(at, next, 44);
      return true;
    }
    store<i32>(at, 0, 44);
  }
  return false;
}

/** Finds the row of `count` walks at the present outer point. */
export function seek(kernel: usize, walks: usize, count: i32): void {
  const rank = outerRank(kernel);
  for (let walk = walks, end = walks + <usize>count * WALK_BYTES; walk < end; walk += WALK_BYTES) {
    let elements: i32 = 0;
    let index: i32 = 0;
    const indexBase = load<i32>(walk, 32);
    for (let d = 0; d < rank; d++) {
      const i = load<i32>(kernel + ((<usize>d) << 2), 44);
      const at = walk + ((<usize>d) << 2);
      elements += i * load<i32>(at, 12);
      if (indexBase != 0) index += i * load<i32>(at, 40);
    }
    const kind = load<i32>(walk, 68);
    if (kind == IOTA || kind == RANDOM) store<i32>(walk, load<i32>(walk) + elements, 80);
    else store<i32>(walk, load<i32>(walk) + (elements << load<i32>(walk, 4)), 80);
    if (indexBase != 0) store<i32>(walk, indexBase + (index << 2), 84);
  }
}

/** Returns the address of element `i` of a walk's row as it was found by `seek`; a row number past the table reads the last row. */
function element(walk: usize, i: i32): usize {
  const shift = load<i32>(walk, 4);
  const address = <usize>load<i32>(walk, 80) + ((<usize>(i * load<i32>(walk, 8))) << shift);
  if (load<i32>(walk, 32) == 0) return address;
  const row = load<u32>(<usize>load<i32>(walk, 84) + ((<usize>(i * load<i32>(walk, 36))) << 2));
  const last = <u32>load<i32>(walk, 64) - 1;
  return address + ((<usize>(row < last ? row : last) * <usize>load<i32>(walk, 60)) << shift);
}

/** Gives every operand its pointer and step for elements `start` to `start + n` of the inner dim. */
export function fetch(kernel: usize, start: i32, n: i32): void {
  const table = <usize>load<i32>(kernel, 76);
  const walks = <usize>load<i32>(kernel, 64);
  for (let walk = walks, end = walks + <usize>load<i32>(kernel, 8) * WALK_BYTES; walk < end; walk += WALK_BYTES) {
    const slot = table + ((<usize>load<i32>(walk, 72)) << 3);
    const scratch = <usize>load<i32>(walk, 76);
    const kind = load<i32>(walk, 68);
    if (kind == PLACE) {
      store<i32>(slot, <i32>element(walk, 0) + (start << 2));
      continue;
    }
    if (kind == SPLAT) v128.store(scratch, v128.splat<u32>(read(walk, element(walk, 0))));
    else if (kind == COPY) copy(walk, scratch, start, n);
    else if (kind == BOUNDED) copyInside(kernel, walk, scratch, start, n);
    else if (kind == IOTA) {
      const step = load<i32>(walk, 8);
      let value = load<i32>(walk, 80) + start * step;
      for (let i = 0; i < n; i++, value += step) store<i32>(scratch + ((<usize>i) << 2), value);
    } else random(walk, scratch, start, n);
    store<i32>(slot, <i32>scratch);
  }
}

function read(walk: usize, address: usize): u32 {
  return load<i32>(walk, 4) == 0 ? <u32>load<u8>(address) : load<u32>(address);
}

function copy(walk: usize, to: usize, start: i32, n: i32): void {
  if (load<i32>(walk, 4) == 0 && load<i32>(walk, 8) == 1 && load<i32>(walk, 36) == 0) {
    // Bytes of one row, the common case of u8 images.
    let from = element(walk, 0) + start;
    let i = 0;
    for (; i + 4 <= n; i += 4, from += 4)
      v128.store(to + ((<usize>i) << 2), i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from))));
    for (; i < n; i++, from++) store<u32>(to + ((<usize>i) << 2), <u32>load<u8>(from));
    return;
  }
  for (let i = 0; i < n; i++) store<u32>(to + ((<usize>i) << 2), read(walk, element(walk, start + i)));
}

/** Copies the run of a row that lies inside all bounds, zeros around it: each bound is affine in the inner index, so it cuts an interval. */
function copyInside(kernel: usize, walk: usize, to: usize, start: i32, n: i32): void {
  let low = 0;
  let high = n;
  const rank = outerRank(kernel);
  let bound = <usize>load<i32>(walk, 92);
  for (const end = bound + ((<usize>load<i32>(walk, 88)) << 5); bound < end; bound += 32) {
    const step = load<i32>(bound, 4);
    const size = load<i32>(bound, 28);
    let first = load<i32>(bound) + start * step;
    for (let d = 0; d < rank; d++) first += load<i32>(kernel + ((<usize>d) << 2), 44) * load<i32>(bound + ((<usize>d) << 2), 8);
    if (step == 0) {
      if (first < 0 || first >= size) high = 0;
    } else if (step > 0) {
      if (first < 0) low = max(low, (step - 1 - first) / step);
      high = first < size ? min(high, (size - first + step - 1) / step) : 0;
    } else {
      if (first >= size) low = max(low, (first - size) / -step + 1);
      high = first >= 0 ? min(high, first / -step + 1) : 0;
    }
  }
  low = min(low, n);
  high = max(low, high);
  memory.fill(to, 0, (<usize>low) << 2);
  memory.fill(to + ((<usize>high) << 2), 0, (<usize>(n - high)) << 2);
  // Even an empty copy traps where its address lies outside the memory.
  if (low == high) return;
  if (load<i32>(walk, 8) == 1 && load<i32>(walk, 4) == 2)
    memory.copy(to + ((<usize>low) << 2), element(walk, start + low), (<usize>(high - low)) << 2);
  else for (let i = low; i < high; i++) store<u32>(to + ((<usize>i) << 2), read(walk, element(walk, start + i)));
}

function random(walk: usize, to: usize, start: i32, n: i32): void {
  const words = <usize>load<i32>(walk, 88);
  const stride = load<i32>(walk, 8);
  const first = load<i32>(walk, 80) + start * stride;
  const key0 = load<u32>(words);
  const key1 = load<u32>(words, 4);
  const step0 = load<u32>(words, 8);
  const step1 = load<u32>(words, 12);
  if (stride == 1) fillBits(to, n, first, key0, key1, step0, step1);
  else for (let i = 0; i < n; i++) fillBits(to + ((<usize>i) << 2), 1, first + i * stride, key0, key1, step0, step1);
}

/** Writes (kind ADD: adds, f32) elements `start` to `start + n` of a value to where a result walk says; a row number past the table is dropped. */
export function put(walk: usize, value: usize, step: i32, start: i32, n: i32): void {
  const shift = load<i32>(walk, 4);
  const scattered = load<i32>(walk, 32) != 0;
  const adds = load<i32>(walk, 68) == ADD;
  for (let i = 0; i < n; i++, value += <usize>(step >> 2)) {
    if (scattered) {
      const row = load<u32>(<usize>load<i32>(walk, 84) + ((<usize>((start + i) * load<i32>(walk, 36))) << 2));
      if (row >= <u32>load<i32>(walk, 64)) continue;
    }
    const to = element(walk, start + i);
    if (adds) store<f32>(to, load<f32>(to) + load<f32>(value));
    else if (shift == 0) store<u8>(to, load<u8>(value));
    else store<u32>(to, load<u32>(value));
  }
}

/** Copies a contiguous value to a contiguous place. */
export function putRun(walk: usize, value: usize, step: i32, start: i32, n: i32): void {
  const to = element(walk, start);
  if (step != 0) memory.copy(to, value, (<usize>n) << 2);
  else for (let i = 0; i < n; i++) store<u32>(to + ((<usize>i) << 2), load<u32>(value));
}
