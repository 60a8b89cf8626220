/**
 * Draws whose chances are a function of every row: running sums of the weights (f64), then a binary search a draw, with replacement.
 * O(N) a call: 1 M rows take 4 ms (power law, exponent 1) to 60 ms (fading) on one thread of Node 20.
 *
 *   power law  age^-a over rows, or over groups Δ^-a where Δ groups have a later latest row (the latest only if it is alone)
 *   fading     tanh((πi/N)^e) of the i-th oldest of N rows: the oldest never, the newer three fifths almost evenly
 *   recency    2^(-age/a)
 *   softmax    e^(score/a)
 *   rank       rank^-a, rank 1 the highest score; stratified, with importance weights
 *
 * Weights are divided by the largest (fading excepted), so none overflows and not all vanish. Scratch: counters of the sort, then two
 * arrays of 8 bytes a row.
 *
 * Sources: exponent e and tanh, Symphony's replay; rank, Schaul et al. 2016, arXiv 1511.05952.
 */
import { age, at, at8, below, CLOCK, DRAW, record, scoreOf, stored, unit } from "./block";
import { COUNT, groupCount, LATEST, member } from "./group";
import { exp64, pow64 } from "./math";

export const POWER_LAW: u32 = 4;
export const RECENCY: u32 = 6;
export const SOFTMAX: u32 = 9;

/** Bytes of the sort's counters: four digits of 256 values. */
const COUNTERS: usize = 4096;

/** Bytes of scratch for so many rows, or groups. */
export function weighScratch(rows: u32): usize {
  return COUNTERS + ((<usize>rows) << 4);
}

/**
 * Sorts n pairs of key (high word) and value (low word) by key, equal keys in the order they had: a radix sort by bytes, lowest first, that
 * leaves out bytes in which all keys agree. The pairs follow the counters in scratch, room for n more follows them; returns which of
 * the two places holds the result.
 */
function sort(scratch: usize, n: u32): usize {
  memory.fill(scratch, 0, COUNTERS);
  let from = scratch + COUNTERS;
  let to = at8(from, n);
  for (let i: u32 = 0; i < n; i++) {
    const key = load<u32>(at8(from, i), 4);
    count(scratch, key & 255);
    count(scratch + 1024, (key >> 8) & 255);
    count(scratch + 2048, (key >> 16) & 255);
    count(scratch + 3072, key >> 24);
  }
  for (let digit: usize = 0; digit < 4; digit++) {
    const counters = scratch + (digit << 10);
    if (n == 0 || load<u32>(at(counters, load<u8>(from + 4 + digit))) == n) continue;
    let start: u32 = 0;
    for (let value: u32 = 0; value < 256; value++) {
      const number = load<u32>(at(counters, value));
      store<u32>(at(counters, value), start);
      start += number;
    }
    for (let i: u32 = 0; i < n; i++) {
      const counter = at(counters, load<u8>(at8(from, i) + 4 + digit));
      const place = load<u32>(counter);
      store<u32>(counter, place + 1);
      store<u64>(at8(to, place), load<u64>(at8(from, i)));
    }
    const other = from;
    from = to;
    to = other;
  }
  return from;
}

function count(counters: usize, digit: u32): void {
  const counter = at(counters, digit);
  store<u32>(counter, load<u32>(counter) + 1);
}

function setPair(pairs: usize, i: u32, key: u32, value: u32): void {
  store<u32>(at8(pairs, i), value);
  store<u32>(at8(pairs, i), key, 4);
}

/** The slot, or group, of the i-th pair. */
function valueAt(pairs: usize, i: u32): u32 {
  return load<u32>(at8(pairs, i));
}

/** A number that falls as the score rises. */
function falling(score: f32): u32 {
  // Adding 0 makes -0 the 0 that it equals.
  const bits = reinterpret<u32>(score + 0);
  return bits >> 31 != 0 ? bits : ~bits & 0x7fffffff;
}

/** Sorts the slots `[n]` (u32) from the highest score down, or all n rows where `slots` is 0; of equal scores the lower slot first. */
export function sortByScore(state: usize, slots: usize, n: u32, scratch: usize): usize {
  const pairs = scratch + COUNTERS;
  for (let i: u32 = 0; i < n; i++) {
    const slot = slots == 0 ? i : load<u32>(at(slots, i));
    setPair(pairs, i, slot, slot);
  }
  if (slots != 0) {
    const sorted = sort(scratch, n);
    if (sorted != pairs) memory.copy(pairs, sorted, (<usize>n) << 3);
  }
  for (let i: u32 = 0; i < n; i++) store<u32>(at8(pairs, i), falling(scoreOf(state, valueAt(pairs, i))), 4);
  return sort(scratch, n);
}

/** Place of the first of n running sums above the target; of the first that is the total, if none is: of the only one, though it be 0. */
export function search(sums: usize, n: u32, target: f64): u32 {
  const total = load<f64>(at8(sums, n - 1));
  let low: u32 = 0;
  let high = n - 1;
  while (low < high) {
    const middle = low + ((high - low) >> 1);
    const value = load<f64>(at8(sums, middle));
    if (value > target || value == total) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Place of a draw in proportion to the differences of n running sums. */
function pick(state: usize, sums: usize, n: u32): u32 {
  return search(sums, n, unit(state + DRAW) * load<f64>(at8(sums, n - 1)));
}

/** Draws by power law in age, recency or softmax. */
export function drawWeighed(state: usize, kind: u32, n: u32, a: f64, scratch: usize, slots: usize): void {
  const rows = stored(state);
  let newest: u32 = u32.MAX_VALUE;
  let highest: f32 = -f32.MAX_VALUE;
  for (let slot: u32 = 0; slot < rows; slot++) {
    if (kind == SOFTMAX) highest = max(highest, scoreOf(state, slot));
    else newest = min(newest, age(state, slot));
  }
  let total: f64 = 0;
  for (let slot: u32 = 0; slot < rows; slot++) {
    if (kind == SOFTMAX) total += exp64((<f64>scoreOf(state, slot) - <f64>highest) / a);
    else if (kind == RECENCY) total += exp64((<f64>(age(state, slot) - newest) * -0.6931471805599453) / a);
    else total += pow64(<f64>newest / <f64>age(state, slot), a);
    store<f64>(at8(scratch, slot), total);
  }
  for (let i: u32 = 0; i < n; i++) store<u32>(at(slots, i), pick(state, scratch, rows));
}

/** Draws a group by power law in the number of groups with a later latest row, then one of its rows. */
export function drawGroups(state: usize, j: u32, n: u32, exponent: f64, scratch: usize, slots: usize): void {
  const pairs = scratch + COUNTERS;
  let groups: u32 = 0;
  for (let group: u32 = 0; group < groupCount(state, j); group++) {
    const facts = record(state, j, group);
    if (load<u32>(facts, COUNT) == 0) continue;
    setPair(pairs, groups++, <u32>load<u64>(state, CLOCK) - load<u32>(facts, LATEST), group);
  }
  const sorted = sort(scratch, groups);
  const sums = spare(scratch, groups, sorted);
  let total: f64 = 0;
  for (let i: u32 = 0; i < groups; i++) {
    if (i != 0) total += pow64(1 / <f64>i, exponent);
    store<f64>(at8(sums, i), total);
  }
  for (let i: u32 = 0; i < n; i++) {
    const group = valueAt(sorted, pick(state, sums, groups));
    const r = <u32>below(state + DRAW, load<u32>(record(state, j, group), COUNT));
    store<u32>(at(slots, i), member(state, j, group, r));
  }
}

/** The one of the sort's two places that its result is not in. */
function spare(scratch: usize, n: u32, sorted: usize): usize {
  const first = scratch + COUNTERS;
  return sorted == first ? at8(first, n) : first;
}

/** The i-th oldest of n rows' weight. */
function fading(i: u32, n: u32): f64 {
  return 1 - 2 / (exp64(2 * pow64((3.141592653589793 * <f64>i) / <f64>n, 2.718281828459045)) + 1);
}

/** Draws by Symphony's law of fading. */
export function drawFading(state: usize, n: u32, scratch: usize, slots: usize): void {
  const rows = stored(state);
  for (let slot: u32 = 0; slot < rows; slot++) setPair(scratch + COUNTERS, slot, ~age(state, slot), slot);
  const sorted = sort(scratch, rows);
  const sums = spare(scratch, rows, sorted);
  let total: f64 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    total += fading(i, rows);
    store<f64>(at8(sums, i), total);
  }
  for (let i: u32 = 0; i < n; i++) store<u32>(at(slots, i), valueAt(sorted, pick(state, sums, rows)));
}

/** Target of the k-th of n strata of a sum. */
export function stratum(state: usize, k: u32, n: u32, total: f64): f64 {
  return ((<f64>k + unit(state + DRAW)) / <f64>n) * total;
}

/** Draws by rank of score, P ∝ rank^-alpha, with weights (N·P)^-beta over the largest of them. */
export function drawRanks(state: usize, n: u32, alpha: f64, beta: f64, scratch: usize, slots: usize, weights: usize): void {
  const rows = stored(state);
  const sorted = sortByScore(state, 0, rows, scratch);
  const sums = spare(scratch, rows, sorted);
  let total: f64 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    total += pow64(1 / <f64>(i + 1), alpha);
    store<f64>(at8(sums, i), total);
  }
  let lowest: u32 = 0;
  for (let k: u32 = 0; k < n; k++) {
    // Strata rise, so the last draw has the lowest rank.
    lowest = search(sums, rows, stratum(state, k, n, total));
    store<u32>(at(slots, k), lowest);
  }
  for (let k: u32 = 0; k < n; k++) {
    const i = load<u32>(at(slots, k));
    store<u32>(at(slots, k), valueAt(sorted, i));
    // N, and the sum, cancel.
    store<f32>(at(weights, k), <f32>pow64(<f64>(i + 1) / <f64>(lowest + 1), alpha * beta));
  }
}
