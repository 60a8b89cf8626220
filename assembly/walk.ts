/**
 * Walks: how a kernel's operands, results and generated values move through its points.
 *
 * A kernel runs over outer dims (an odometer), one dim cut into chunks, and the dims of a box below it. A block is a chunk of the cut dim
 * times the box, in row-major order, whatever the dims: sixteen rows of 16 are one block. At each outer point `seek`
 * finds the first element of every walk; for each block `fetch` gives every operand a pointer: in place where its elements are contiguous,
 * else to a register into which they are copied. Where the elements of a block lie from its first one is the same for all blocks, so a
 * table holds it. Walks that do not move are fetched once per kernel. Operations then run over vectors without asking.
 *
 * Kernel head, i32 words: 0 outer rank, 1 length of the cut dim, 2 its indices per block, 3 points of the box, 4 outer dims that are kept
 * (reductions), 5 points that fold side by side (reductions), 6 walks of steady operands, 7 of the others, 8 their end, 9 steady
 * instructions, 10 the others, 11 their end, 12 walks of results, 13 their end, 14 outer dims, then their counters, 15 64 bytes for tails.
 * Walk, i32 words: 0 base, 1 log2 of the element's bytes, 2 stride of the cut dim, 3 kind, 4 slot (pointer, step), 5 register, 6 table,
 * 7 index base (0: none), 8 index stride of the cut dim, 9 index table (0: one row for the block), 10 elements per row, 11 rows, 12 random
 * words, fold or number of bounds, 13 bounds, 14 place and 15 index place (found by `seek`), then outer strides, then index outer strides.
 * Bound, i32 words: 0 offset, 1 stride of the cut dim, 2 size, 3 table, 4 least and 5 greatest index from it, 6 step within an
 * entry (0 of one element), 7 unused, then outer strides. Tables: bytes (of generated values, indices and bounds: elements; of index tables: bytes).
 */
import { fillBits } from "./random";

/** Contiguous words. */
export const PLACE: i32 = 0;
/** One value for all points of a block. */
const SPLAT: i32 = 1;
/** Four contiguous elements for each entry of the table. */
export const QUADS: i32 = 2;
/** One element for each entry of the table. */
const ITEMS: i32 = 3;
/** One word four times for each entry of the table. */
const REPEATS: i32 = 9;
const IOTA: i32 = 4;
const RANDOM: i32 = 5;
/** The same within bounds; 7 is the other kind of these. */
const BOUNDED_QUADS: i32 = 6;

export function walkBytes(kernel: usize): usize {
  return 64 + ((<usize>load<i32>(kernel)) << 3);
}

/** Sets the counters of outer dims `from`… to 0. */
export function rewind(kernel: usize, from: i32): void {
  const rank = load<i32>(kernel);
  const counters = <usize>load<i32>(kernel, 56) + ((<usize>rank) << 2);
  for (let d = from; d < rank; d++) store<i32>(counters + ((<usize>d) << 2), 0);
}

/** Steps the odometer of outer dims `from` to `to` − 1; returns false once it has come round. */
export function advance(kernel: usize, from: i32, to: i32): bool {
  const dims = <usize>load<i32>(kernel, 56);
  const counters = dims + ((<usize>load<i32>(kernel)) << 2);
  for (let d = to - 1; d >= from; d--) {
    const at = (<usize>d) << 2;
    const next = load<i32>(counters + at) + 1;
    if (next < load<i32>(dims + at)) {
      store<i32>(counters + at, next);
      return true;
    }
    store<i32>(counters + at, 0);
  }
  return false;
}

/** Returns Σ counter · stride over the outer dims. */
function along(kernel: usize, strides: usize): i32 {
  const rank = load<i32>(kernel);
  const counters = <usize>load<i32>(kernel, 56) + ((<usize>rank) << 2);
  let sum: i32 = 0;
  for (let at: usize = 0, end = (<usize>rank) << 2; at < end; at += 4) sum += load<i32>(counters + at) * load<i32>(strides + at);
  return sum;
}

/** Finds the first element of each walk at the present outer point. */
export function seek(kernel: usize, walk: usize, end: usize): void {
  const bytes = walkBytes(kernel);
  for (; walk < end; walk += bytes) {
    store<i32>(walk, load<i32>(walk) + (along(kernel, walk + 64) << load<i32>(walk, 4)), 56);
    const index = load<i32>(walk, 28);
    if (index != 0) store<i32>(walk, index + (along(kernel, walk + 64 + ((bytes - 64) >> 1)) << 2), 60);
  }
}

/** Returns the address (of a generated value: the number) of a walk's first element in the block from `start` of the cut dim. */
export function locate(walk: usize, start: i32): usize {
  const at = <usize>(load<i32>(walk, 56) + ((start * load<i32>(walk, 8)) << load<i32>(walk, 4)));
  return load<i32>(walk, 28) == 0 || load<i32>(walk, 36) != 0 ? at : at + rowOf(walk, indexPlace(walk, start));
}

/** Returns where the row number of the first element of the block from `start` lies. */
export function indexPlace(walk: usize, start: i32): usize {
  return <usize>(load<i32>(walk, 60) + ((start * load<i32>(walk, 32)) << 2));
}

/** Returns the bytes before the row whose number lies at `index`; a number past the table stands for the last row. */
function rowOf(walk: usize, index: usize): usize {
  const row = load<u32>(index);
  const last = <u32>load<i32>(walk, 44) - 1;
  return (<usize>(row < last ? row : last) * <usize>load<i32>(walk, 40)) << load<i32>(walk, 4);
}

/** Gives each operand its pointer or values for the `n` points of the block from `start` of the cut dim. */
export function fetch(kernel: usize, walk: usize, end: usize, start: i32, n: i32): void {
  const bytes = walkBytes(kernel);
  for (; walk < end; walk += bytes) {
    const at = locate(walk, start);
    const to = <usize>load<i32>(walk, 20);
    switch (load<i32>(walk, 12)) {
      case PLACE:
        store<i32>(<usize>load<i32>(walk, 16), <i32>at);
        break;
      case SPLAT:
        splat(to, load<i32>(walk, 4) == 0 ? <u32>load<u8>(at) : load<u32>(at));
        break;
      case QUADS:
        copyQuads(walk, at, to, n);
        break;
      case REPEATS:
        repeat(walk, at, to, n);
        break;
      case ITEMS:
        copyItems(walk, at, to, start, n);
        break;
      case IOTA: {
        const first = i32x4.splat(<i32>at);
        const table = <usize>load<i32>(walk, 24);
        for (let i: usize = 0, last = (<usize>n) << 2; i < last; i += 16) v128.store(to + i, i32x4.add(first, v128.load(table + i)));
        break;
      }
      case RANDOM:
        random(walk, <u32>at, to, n);
        break;
      default:
        copyInside(kernel, walk, at, to, start, n);
    }
  }
}

/** Writes a word sixteen times. */
function splat(to: usize, word: u32): void {
  const four = i32x4.splat(word);
  v128.store(to, four);
  v128.store(to, four, 16);
  v128.store(to, four, 32);
  v128.store(to, four, 48);
}

function copyQuads(walk: usize, at: usize, to: usize, n: i32): void {
  let table = <usize>load<i32>(walk, 24);
  const end = table + <usize>n;
  if (load<i32>(walk, 4) == 0) for (; table < end; table += 4, to += 16) v128.store(to, loadBytes(at + load<i32>(table)));
  else for (; table < end; table += 4, to += 16) v128.store(to, v128.load(at + load<i32>(table)));
}

function repeat(walk: usize, at: usize, to: usize, n: i32): void {
  let table = <usize>load<i32>(walk, 24);
  for (const end = table + <usize>n; table < end; table += 4, to += 16) v128.store(to, v128.load32_splat(at + load<i32>(table)));
}

/** Returns four bytes as u32. */
function loadBytes(at: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at)));
}

function copyItems(walk: usize, at: usize, to: usize, start: i32, n: i32): void {
  const table = <usize>load<i32>(walk, 24);
  const rows = <usize>load<i32>(walk, 36);
  const end = (<usize>n) << 2;
  if (rows != 0) {
    const index = indexPlace(walk, start);
    for (let i: usize = 0; i < end; i += 4) {
      store<u32>(to + i, read(walk, at + load<i32>(table + i) + rowOf(walk, index + load<i32>(rows + i))));
    }
  } else if (load<i32>(walk, 4) == 0) for (let i: usize = 0; i < end; i += 4) store<u32>(to + i, <u32>load<u8>(at + load<i32>(table + i)));
  else for (let i: usize = 0; i < end; i += 4) store<u32>(to + i, load<u32>(at + load<i32>(table + i)));
}

function read(walk: usize, at: usize): u32 {
  return load<i32>(walk, 4) == 0 ? <u32>load<u8>(at) : load<u32>(at);
}

/** Copies what lies inside all bounds, zeros around it. Most blocks lie wholly on one side of each. */
function copyInside(kernel: usize, walk: usize, at: usize, to: usize, start: i32, n: i32): void {
  const bounds = <usize>load<i32>(walk, 52);
  const bytes = 32 + ((<usize>load<i32>(kernel)) << 2);
  const end = bounds + <usize>load<i32>(walk, 48) * bytes;
  const quads = load<i32>(walk, 12) == BOUNDED_QUADS;
  let masked = false;
  for (let bound = bounds; bound < end; bound += bytes) {
    const first = load<i32>(bound) + start * load<i32>(bound, 4) + along(kernel, bound + 32);
    const size = load<i32>(bound, 8);
    const low = first + load<i32>(bound, 16);
    const high = first + load<i32>(bound, 20);
    if (high < 0 || low >= size) {
      memory.fill(to, 0, (<usize>n) << 2);
      return;
    }
    if (low >= 0 && high < size) continue;
    mask(bound, first, to, n, quads, masked);
    masked = true;
  }
  if (!masked && quads) copyQuads(walk, at, to, n);
  else if (!masked) copyItems(walk, at, to, start, n);
  else if (quads) copyMasked(walk, at, to, n);
  else {
    const table = <usize>load<i32>(walk, 24);
    for (let i: usize = 0, last = (<usize>n) << 2; i < last; i += 4) {
      if (load<i32>(to + i) != 0) store<u32>(to + i, read(walk, at + load<i32>(table + i)));
    }
  }
}

/** Writes, or joins to what is there, which elements of a block lie inside a bound. */
function mask(bound: usize, first: i32, to: usize, n: i32, quads: bool, joins: bool): void {
  const size = i32x4.splat(load<i32>(bound, 8));
  const table = <usize>load<i32>(bound, 12);
  const lanes = i32x4.add(i32x4.splat(first), i32x4.mul(i32x4.splat(load<i32>(bound, 24)), i32x4(0, 1, 2, 3)));
  for (let i: usize = 0, last = (<usize>n) << 2; i < last; i += 16) {
    const index = i32x4.add(lanes, quads ? v128.load32_splat(table + (i >> 2)) : v128.load(table + i));
    const inside = i32x4.lt_u(index, size);
    v128.store(to + i, joins ? v128.and(inside, v128.load(to + i)) : inside);
  }
}

/** Copies quads where their masks lie; one that is wholly masked is not read. */
function copyMasked(walk: usize, at: usize, to: usize, n: i32): void {
  const table = <usize>load<i32>(walk, 24);
  const isByte = load<i32>(walk, 4) == 0;
  for (let i: usize = 0, last = <usize>n; i < last; i += 4) {
    const inside = v128.load(to + (i << 2));
    if (!v128.any_true(inside)) continue;
    const from = at + load<i32>(table + i);
    v128.store(to + (i << 2), v128.and(inside, isByte ? loadBytes(from) : v128.load(from)));
  }
}

function random(walk: usize, first: u32, to: usize, n: i32): void {
  const words = <usize>load<i32>(walk, 48);
  const key0 = load<u32>(words);
  const key1 = load<u32>(words, 4);
  const step0 = load<u32>(words, 8);
  const step1 = load<u32>(words, 12);
  const table = <usize>load<i32>(walk, 24);
  if (table == 0) fillBits(to, n, first, key0, key1, step0, step1);
  else
    for (let i: usize = 0, end = (<usize>n) << 2; i < end; i += 4) {
      fillBits(to + i, 1, first + load<u32>(table + i), key0, key1, step0, step1);
    }
}
