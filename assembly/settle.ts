/** Rows of a replay memory as they come and go: every fact of a slot is set and cleared here. */
import {
  at,
  at8,
  CENTROIDS,
  CLOCK,
  capacity,
  DIMS,
  DUPLICATES,
  embedding,
  FLAGS,
  FORGOTTEN,
  GROUPINGS,
  HAS_IDS,
  HAS_SCORES,
  IDS,
  LEFT,
  NEXT,
  NO_ID,
  NONE,
  NUMBERS,
  OPTION2,
  POLICY,
  POPULATION,
  record,
  SCORES,
  STORED,
  SUMS,
  section,
  stored,
  TOP,
  WEAKNESS,
  weaknessOf,
} from "./block";
import { COUNT, countOf, countRow, groupCount, groupOf, groupOfSlot, join, leave, MARK, rehome, SEEN } from "./group";
import { setPriority } from "./priority";
import { find, insert, rename, take } from "./table";
import { CLASS_BALANCED, hasWeakness, largest, RESERVOIR, RING } from "./victim";

/** Whether the i-th of the offered rows is stored already. */
export function isStored(state: usize, ids: usize, i: u32): bool {
  const id = idOf(ids, i);
  return id != NO_ID && find(state, 0, id) != NONE;
}

/** Counts a row that is refused because its identity is stored. */
export function countDuplicate(state: usize): void {
  store<u64>(state, load<u64>(state, DUPLICATES) + 1, DUPLICATES);
}

/** Identity of the i-th of the offered rows, of ids f64 [n]; NaN: it has none. */
export function idOf(ids: usize, i: u32): u64 {
  if (ids == 0) return NO_ID;
  const id = load<f64>(at8(ids, i));
  return id == id ? <u64>id : NO_ID;
}

/** Counts the i-th of the offered rows, and gives it its number. */
export function number(state: usize, n: u32, keys: usize, i: u32): void {
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) countRow(state, j, groupOf(state, j, load<u32>(at(keys, j * n + i))));
  store<u64>(state, load<u64>(state, POPULATION) + 1, POPULATION);
  store<u64>(state, load<u64>(state, CLOCK) + 1, CLOCK);
}

/** Puts the i-th of n offered rows, of this number, into a slot, in place of what is there. */
export function settle(
  state: usize,
  slot: u32,
  i: u32,
  n: u32,
  number: u32,
  keys: usize,
  ids: usize,
  scores: usize,
  weakness: f32,
  own: usize,
  slots: usize,
): void {
  const numbered = at(section(state, NUMBERS), slot);
  if (slot == stored(state)) {
    store<u32>(state, slot + 1, STORED);
  } else {
    unlist(state, slot);
    // A row of this very call stands as many places before as its number is lower, or more where refused rows came between.
    const lower = number - load<u32>(numbered);
    for (let k: i32 = lower <= i ? <i32>(i - lower) : -1; k >= 0; k--) {
      if (load<u32>(at(slots, k)) != slot) continue;
      store<u32>(at(slots, k), NONE);
      break;
    }
  }
  store<u32>(at(slots, i), slot);
  store<u32>(numbered, number);
  if ((load<u32>(state, FLAGS) & HAS_IDS) != 0) {
    const id = idOf(ids, i);
    store<u64>(at8(section(state, IDS), slot), id);
    if (id != NO_ID) insert(state, 0, slot);
  }
  memory.copy(embedding(state, slot), own, (<usize>load<u32>(state, DIMS)) << 2);
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) join(state, j, groupOf(state, j, load<u32>(at(keys, j * n + i))), slot);
  if ((load<u32>(state, FLAGS) & HAS_SCORES) != 0) {
    noteScore(state, slot, scoreGiven(state, scores, i));
    setPriority(state, slot);
  }
  if (hasWeakness(state)) setWeakness(state, slot, weakness);
  markFull(state);
}

function unlist(state: usize, slot: u32): void {
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) leave(state, j, slot, j == 0 && load<u32>(state, POLICY) == RING);
  if ((load<u32>(state, FLAGS) & HAS_IDS) != 0 && load<u64>(at8(section(state, IDS), slot)) != NO_ID) take(state, 0, slot);
}

/** Adds an embedding f32 [d] to the sum of a group. */
export function addTo(state: usize, group: u32, own: usize): void {
  const dims = load<u32>(state, DIMS);
  const sum = at8(section(state, SUMS), group * dims);
  for (let k: u32 = 0; k < dims; k++) store<f64>(at8(sum, k), load<f64>(at8(sum, k)) + load<f32>(at(own, k)));
}

/** Takes one of the rows that a group had seen, `seen` of them, out of its sum; the sum of the rest shrinks to that of the rows it counts now. */
function withdraw(state: usize, group: u32, own: usize, seen: u64): void {
  const dims = load<u32>(state, DIMS);
  const sum = at8(section(state, SUMS), group * dims);
  const rest = seen > 1 ? <f64>load<u64>(record(state, 0, group), SEEN) / <f64>(seen - 1) : 0;
  for (let k: u32 = 0; k < dims; k++) store<f64>(at8(sum, k), (load<f64>(at8(sum, k)) - load<f32>(at(own, k))) * rest);
}

/** Score of the i-th of the offered rows, of scores f32 [n]; where it has none, the largest so far, or 1. */
export function scoreGiven(state: usize, scores: usize, i: u32): f32 {
  const score: f32 = scores == 0 ? f32.NaN : load<f32>(at(scores, i));
  if (score == score) return score;
  return load<f64>(state, TOP) > 0 ? <f32>load<f64>(state, TOP) : <f32>1;
}

/** Sets what lets a row give way, where it is not the score. */
export function setWeakness(state: usize, slot: u32, weakness: f32): void {
  store<f32>(at(section(state, WEAKNESS), slot), weakness);
}

/** Sets a slot's score where there are scores, and leaves the tree of priorities to be brought up to date. */
export function noteScore(state: usize, slot: u32, score: f32): void {
  store<f32>(at(section(state, SCORES), slot), score);
  if (<f64>score > load<f64>(state, TOP)) store<f64>(state, score, TOP);
}

/**
 * Takes a row out. The last row moves into its slot, whose number before is returned. `forgets`: the counts become those of a stream without
 * it and without the rows that it stood for.
 */
export function remove(state: usize, slot: u32, forgets: bool): u32 {
  const last = stored(state) - 1;
  for (let j: u32 = 0; forgets && j < load<u32>(state, GROUPINGS); j++) {
    const group = groupOfSlot(state, j, slot);
    const mine = record(state, j, group);
    const m = load<u32>(mine, COUNT);
    const seen = load<u64>(mine, SEEN);
    store<u64>(mine, without(seen, m), SEEN);
    if (j == 0 && section(state, SUMS) != section(state, CENTROIDS)) withdraw(state, group, embedding(state, slot), seen);
    if (m == 1) store<u32>(mine, 0, MARK);
  }
  if (forgets) {
    const n = load<u64>(state, POPULATION);
    store<u64>(state, without(n, last + 1), POPULATION);
    shareRoom(state, <f64>load<u32>(state, LEFT) + <f64>(n - load<u64>(state, POPULATION)), last);
    store<u64>(state, load<u64>(state, FORGOTTEN) + 1, FORGOTTEN);
  }
  unlist(state, slot);
  if (slot != last) follow(state, last, slot);
  store<u32>(at(section(state, NUMBERS), last), 0);
  if ((load<u32>(state, FLAGS) & HAS_IDS) != 0) store<u64>(at8(section(state, IDS), last), 0);
  if ((load<u32>(state, FLAGS) & HAS_SCORES) != 0) store<f32>(at(section(state, SCORES), last), 0);
  if (hasWeakness(state)) setWeakness(state, last, 0);
  memory.fill(embedding(state, last), 0, (<usize>load<u32>(state, DIMS)) << 2);
  store<u32>(state, last, STORED);
  setPriority(state, last);
  stopSkipping(state);
  return last;
}

/** Lets so many rows share the room there is, beside the m that are stored; none need to where every row is stored. */
export function shareRoom(state: usize, rows: f64, m: u32): void {
  store<u32>(state, load<u64>(state, POPULATION) > m ? <u32>min(nearest(rows), 4294967295) : 0, LEFT);
}

/** Lets slot `to` hold what slot `from` holds. */
function follow(state: usize, from: u32, to: u32): void {
  const numbers = section(state, NUMBERS);
  store<u32>(at(numbers, to), load<u32>(at(numbers, from)));
  if ((load<u32>(state, FLAGS) & HAS_IDS) != 0) {
    const ids = section(state, IDS);
    store<u64>(at8(ids, to), load<u64>(at8(ids, from)));
    if (load<u64>(at8(ids, to)) != NO_ID) rename(state, 0, from, to);
  }
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) rehome(state, j, from, to);
  memory.copy(embedding(state, to), embedding(state, from), (<usize>load<u32>(state, DIMS)) << 2);
  if ((load<u32>(state, FLAGS) & HAS_SCORES) != 0) {
    const scores = section(state, SCORES);
    store<f32>(at(scores, to), load<f32>(at(scores, from)));
    setPriority(state, to);
  }
  if (hasWeakness(state)) setWeakness(state, to, weaknessOf(state, from));
}

/** What n rows count when one of the m that stand for them is forgotten. */
function without(n: u64, m: u32): u64 {
  return n <= m ? n - 1 : <u64>nearest((<f64>n * (m - 1)) / m);
}

/** Marks the classes that are a largest one, once the memory is filled. */
export function markFull(state: usize): void {
  if (load<u32>(state, POLICY) != CLASS_BALANCED || stored(state) < capacity(state)) return;
  const most = countOf(state, 0, largest(state));
  for (let group: u32 = 0; group < groupCount(state, 0); group++) {
    if (countOf(state, 0, group) == most) store<u32>(record(state, 0, group), 1, MARK);
  }
}

/** Lets algorithm L go on as R, of the same law: what it drew ahead holds no more. As long as every row is stored, it drew nothing ahead. */
export function stopSkipping(state: usize): void {
  if (load<u32>(state, POLICY) != RESERVOIR || load<f64>(state, OPTION2) > 1) return;
  if (load<u64>(state, NEXT) != 0 || load<u64>(state, POPULATION) > stored(state)) store<u64>(state, u64.MAX_VALUE, NEXT);
}
