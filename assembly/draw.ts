/**
 * Which stored rows are drawn. Random words come from the stream `draw` alone, in the order of the draws; sums are f64 in a fixed order.
 *
 *   0 uniform [replacement]: a partial Fisher–Yates shuffle of the slots, i-th swap with i + below(N - i) · or below(N) each
 *   1 balanced [replacement]: rounds over the groups that have a row left, in fresh random order, a row of each · or a group, then a row
 *   2 proportional [alpha, beta]: stratified, P ∝ score^alpha (`priority.ts`), weights (N·P)^-beta over the largest of them
 *   3 rank [alpha, beta] · 4 power law [exponent] · 5 fading · 6 recency [half-life] · 9 softmax [temperature]: see `weigh.ts`
 *   7 recall [views]: every row `views` times in succession, then only after all others; in cycles of fresh random order
 *   8 top [candidates]: the highest scores, of all rows or of so many drawn as by 0
 *
 * A shuffle keeps only the entries that it moved, in a table as large as the draw: 256 rows take 9 µs of Node 20, two thirds of it random
 * words, whether 10,000 or 1 M are stored.
 */
import { at, at8, below, DRAW, GROUPINGS, NONE, stored } from "./block";
import { countOf, groupCount, member } from "./group";
import { pow64 } from "./math";
import { findPriority, priorityOf, totalPriority } from "./priority";
import { philox } from "./random";
import { drawFading, drawGroups, drawRanks, drawWeighed, POWER_LAW, sortByScore, stratum, weighScratch } from "./weigh";

const UNIFORM: u32 = 0;
const BALANCED: u32 = 1;
const PROPORTIONAL: u32 = 2;
const RANK: u32 = 3;
const FADING: u32 = 5;
const RECALL: u32 = 7;
const TOP: u32 = 8;

/** Bytes of scratch that a draw needs. */
export function memoryDrawScratch(state: usize, kind: u32, n: u32, a: f64): usize {
  const rows = stored(state);
  const count = min(n, rows);
  if (kind == PROPORTIONAL || kind == RECALL || (kind == UNIFORM && a != 0)) return 0;
  if (kind == UNIFORM) return tableBytes(count);
  let groups: u32 = 0;
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) groups = max(groups, groupCount(state, j));
  if (kind == BALANCED) return ((<usize>groups) << 3) + tableBytes(count);
  if (kind != TOP) return weighScratch(max(rows, groups));
  const pool = poolOf(rows, a);
  return weighScratch(pool) + ((<usize>pool) << 3) + tableBytes(pool);
}

/**
 * Draws n rows: their slots to `slots` `[n]` (u32), their weights, 1 where the policy has none, to `weights` `[n]` (f32). Policies without
 * replacement draw what there is. `grouping` is that of the policy's key, NONE if it has none; `carry` [4] (f64), zeros at first, is what
 * it remembers. Returns the number of rows; 0 if none can be drawn.
 */
export function memoryDraw(
  state: usize,
  kind: u32,
  n: u32,
  grouping: u32,
  a: f64,
  b: f64,
  carry: usize,
  scratch: usize,
  slots: usize,
  weights: usize,
): u32 {
  const rows = stored(state);
  if (rows == 0) return 0;
  for (let i: u32 = 0; i < n; i++) store<f32>(at(weights, i), 1);
  if (kind == UNIFORM) {
    if (a == 0) return drawDistinct(state, min(n, rows), scratch, slots);
    for (let i: u32 = 0; i < n; i++) store<u32>(at(slots, i), <u32>below(state + DRAW, rows));
  } else if (kind == BALANCED) {
    return drawBalanced(state, n, grouping, a != 0, scratch, slots);
  } else if (kind == PROPORTIONAL) {
    return drawProportional(state, n, b, slots, weights);
  } else if (kind == RANK) {
    drawRanks(state, n, a, b, scratch, slots, weights);
  } else if (kind == FADING) {
    drawFading(state, n, scratch, slots);
  } else if (kind == RECALL) {
    drawRecall(state, n, <u64>a, carry, slots);
  } else if (kind == TOP) {
    return drawTop(state, n, poolOf(rows, a), scratch, slots);
  } else if (kind == POWER_LAW && grouping != NONE) {
    drawGroups(state, grouping, n, a, scratch, slots);
  } else {
    drawWeighed(state, kind, n, a, scratch, slots);
  }
  return n;
}

/** Log2 of the entries of the table of a shuffle of so many steps: at most half of them are taken. */
function tableBits(steps: u32): u32 {
  return 33 - clz(steps | 1);
}

function tableBytes(steps: u32): usize {
  return (<usize>8) << tableBits(steps);
}

/** Entry of a place in a shuffle's table: place, what stands there. Fibonacci hashing, linear probing. */
function entryOf(table: usize, bits: u32, place: u32): usize {
  const mask: u32 = (1 << bits) - 1;
  let i = (place * 0x9e3779b1) >> (32 - bits);
  while (load<u32>(at8(table, i)) != place && load<u32>(at8(table, i)) != NONE) i = (i + 1) & mask;
  return at8(table, i);
}

/** Step of a shuffle of 0, 1, 2 …: puts what stands at `from`, which is not looked at again, to place `to`, and returns what stood there. */
function swapOut(table: usize, bits: u32, from: u32, to: u32): u32 {
  const here = entryOf(table, bits, from);
  const value = load<u32>(here) == NONE ? from : load<u32>(here, 4);
  const there = entryOf(table, bits, to);
  const taken = load<u32>(there) == NONE ? to : load<u32>(there, 4);
  store<u32>(there, to);
  store<u32>(there, value, 4);
  return taken;
}

/** Draws `count` ≤ stored distinct slots. */
function drawDistinct(state: usize, count: u32, table: usize, slots: usize): u32 {
  const rows = stored(state);
  const bits = tableBits(count);
  memory.fill(table, 0xff, tableBytes(count));
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(at(slots, i), swapOut(table, bits, i, i + <u32>below(state + DRAW, rows - i)));
  }
  return count;
}

/** Groups (low word) and where their members begin in a list of all rows group by group (high word) stand before the table of the shuffle. */
function drawBalanced(state: usize, n: u32, j: u32, replacement: bool, scratch: usize, slots: usize): u32 {
  let live: u32 = 0;
  let start: u64 = 0;
  for (let group: u32 = 0; group < groupCount(state, j); group++) {
    const count = countOf(state, j, group);
    if (count != 0) store<u64>(at8(scratch, live++), (start << 32) | group);
    start += count;
  }
  if (replacement) {
    for (let i: u32 = 0; i < n; i++) {
      const group = load<u32>(at8(scratch, <u32>below(state + DRAW, live)));
      store<u32>(at(slots, i), member(state, j, group, <u32>below(state + DRAW, countOf(state, j, group))));
    }
    return n;
  }
  const count = min(n, stored(state));
  const table = at8(scratch, live);
  const bits = tableBits(count);
  memory.fill(table, 0xff, tableBytes(count));
  let drawn: u32 = 0;
  for (let round: u32 = 0; drawn < count; round++) {
    let left: u32 = 0;
    for (let i: u32 = 0; i < live && drawn < count; i++) {
      const there = at8(scratch, i + <u32>below(state + DRAW, live - i));
      const chosen = load<u64>(there);
      store<u64>(there, load<u64>(at8(scratch, i)));
      const group = <u32>chosen;
      const first = <u32>(chosen >> 32);
      const members = countOf(state, j, group);
      const place = swapOut(table, bits, first + round, first + round + <u32>below(state + DRAW, members - round));
      store<u32>(at(slots, drawn++), member(state, j, group, place - first));
      if (members > round + 1) store<u64>(at8(scratch, left++), chosen);
    }
    live = left;
  }
  return count;
}

function drawProportional(state: usize, n: u32, beta: f64, slots: usize, weights: usize): u32 {
  const total = totalPriority(state);
  if (total == 0) return 0;
  let least: f64 = total;
  for (let k: u32 = 0; k < n; k++) {
    const slot = findPriority(state, stratum(state, k, n, total));
    store<u32>(at(slots, k), slot);
    least = min(least, priorityOf(state, slot));
  }
  // N, and the sum, cancel.
  for (let k: u32 = 0; k < n; k++) {
    store<f32>(at(weights, k), <f32>pow64(least / priorityOf(state, load<u32>(at(slots, k))), beta));
  }
  return n;
}

/** Carried: visits made in this cycle, rows stored when it began, its number from 1 in two words. */
function drawRecall(state: usize, n: u32, views: u64, carry: usize, slots: usize): void {
  let position = <u64>load<f64>(carry);
  let rows = <u32>load<f64>(carry, 8);
  let cycle = ((<u64>load<f64>(carry, 24)) << 32) | <u64>load<f64>(carry, 16);
  let slot = NONE;
  for (let i: u32 = 0; i < n; ) {
    if (position >= rows * views) {
      position = 0;
      rows = stored(state);
      cycle++;
    }
    const view = position % views;
    if (view == 0 || i == 0) slot = shuffled(state, <u32>(position / views), rows, cycle);
    // A slot may be gone since the cycle began.
    if (slot < stored(state)) store<u32>(at(slots, i++), slot);
    position++;
  }
  store<f64>(carry, <f64>position);
  store<f64>(carry, <f64>rows, 8);
  store<f64>(carry, <f64>(<u32>cycle), 16);
  store<f64>(carry, <f64>(cycle >> 32), 24);
}

/**
 * Image of i < n under a permutation of n that is a function of the cycle: a Feistel network of six rounds over the next power of 4 from 64
 * on, again until the image is below n. (With four rounds, or over 16, orders of two rows differ in frequency by a quarter.) Its counters are
 * none of the stream's own, whose words 2 and 3 are 0: cycles begin with 1.
 */
function shuffled(state: usize, i: u32, n: u32, cycle: u64): u32 {
  let half: u32 = 3;
  while (((n - 1) >> half) >> half != 0) half++;
  const mask: u32 = (1 << half) - 1;
  do {
    let left = i >> half;
    let right = i & mask;
    for (let round: u32 = 0; round < 6; round++) {
      const word = philox(right, round, <u32>cycle, <u32>(cycle >> 32), load<u32>(state, DRAW), load<u32>(state, DRAW + 4), 0);
      const mixed = left ^ (word & mask);
      left = right;
      right = mixed;
    }
    i = (left << half) | right;
  } while (i >= n);
  return i;
}

/** Rows among which the top is sought. */
function poolOf(rows: u32, candidates: f64): u32 {
  return candidates == 0 ? rows : <u32>min(candidates, <f64>rows);
}

function drawTop(state: usize, n: u32, pool: u32, scratch: usize, slots: usize): u32 {
  const all = pool == stored(state);
  const drawn = scratch + weighScratch(pool);
  if (!all) drawDistinct(state, pool, at8(drawn, pool), drawn);
  const sorted = sortByScore(state, all ? 0 : drawn, pool, scratch);
  const count = min(n, pool);
  for (let i: u32 = 0; i < count; i++) store<u32>(at(slots, i), load<u32>(at8(sorted, i)));
  return count;
}
