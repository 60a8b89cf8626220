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
} from "./block";
import { COUNT, countOf, countRow, groupCount, groupOf, groupOfSlot, join, leave, MARK, rehome, SEEN } from "./group";
import { setPriority } from "./priority";
import { find, insert, rename, take } from "./table";
import { CLASS_BALANCED, largest, RESERVOIR, RING } from "./victim";

/** Whether the i-th of the offered rows is stored already; counts it then. */
export function isStored(state: usize, ids: usize, i: u32): bool {
  const id = idOf(ids, i);
  if (id == NO_ID || find(state, 0, id) == NONE) return false;
  store<u64>(state, load<u64>(state, DUPLICATES) + 1, DUPLICATES);
  return true;
}

/** Identity of the i-th of the offered rows, of ids f64 [n]; NaN: it has none. */
function idOf(ids: usize, i: u32): u64 {
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

/** Puts the i-th of n offered rows into a slot, in place of what is there. */
export function settle(state: usize, slot: u32, i: u32, n: u32, keys: usize, ids: usize, score: f32, own: usize, slots: usize): void {
  if (slot == stored(state)) {
    store<u32>(state, slot + 1, STORED);
  } else {
    unlist(state, slot);
    for (let k = i; k > 0; k--) {
      if (load<u32>(at(slots, k - 1)) != slot) continue;
      store<u32>(at(slots, k - 1), NONE);
      break;
    }
  }
  store<u32>(at(slots, i), slot);
  store<u32>(at(section(state, NUMBERS), slot), <u32>load<u64>(state, CLOCK));
  if ((load<u32>(state, FLAGS) & HAS_IDS) != 0) {
    const id = idOf(ids, i);
    store<u64>(at8(section(state, IDS), slot), id);
    if (id != NO_ID) insert(state, 0, slot);
  }
  memory.copy(embedding(state, slot), own, (<usize>load<u32>(state, DIMS)) << 2);
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) join(state, j, groupOf(state, j, load<u32>(at(keys, j * n + i))), slot);
  setScore(state, slot, score);
  markFull(state);
}

function unlist(state: usize, slot: u32): void {
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) leave(state, j, slot, load<u32>(state, POLICY) == RING);
  if ((load<u32>(state, FLAGS) & HAS_IDS) != 0 && load<u64>(at8(section(state, IDS), slot)) != NO_ID) take(state, 0, slot);
}

/** Adds `weight` times an embedding f32 [d] to the sum of a group. */
export function addTo(state: usize, group: u32, own: usize, weight: f64): void {
  const dims = load<u32>(state, DIMS);
  const sum = at8(section(state, SUMS), group * dims);
  for (let k: u32 = 0; k < dims; k++) store<f64>(at8(sum, k), load<f64>(at8(sum, k)) + weight * load<f32>(at(own, k)));
}

/** Sets a slot's score where the memory has scores. */
export function setScore(state: usize, slot: u32, score: f32): void {
  if ((load<u32>(state, FLAGS) & HAS_SCORES) == 0) return;
  noteScore(state, slot, score);
  setPriority(state, slot);
}

/** As `setScore`, but leaves the tree of priorities to be brought up to date. */
export function noteScore(state: usize, slot: u32, score: f32): void {
  store<f32>(at(section(state, SCORES), slot), score);
  store<f64>(state, max(load<f64>(state, TOP), <f64>score), TOP);
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
    if (j == 0 && section(state, SUMS) != section(state, CENTROIDS)) addTo(state, group, embedding(state, slot), -<f64>(seen - load<u64>(mine, SEEN)));
    if (m == 1) store<u32>(mine, 0, MARK);
  }
  if (forgets) {
    store<u64>(state, without(load<u64>(state, POPULATION), last + 1), POPULATION);
    store<u64>(state, load<u64>(state, FORGOTTEN) + 1, FORGOTTEN);
  }
  unlist(state, slot);
  if (slot != last) follow(state, last, slot);
  store<u32>(at(section(state, NUMBERS), last), 0);
  if ((load<u32>(state, FLAGS) & HAS_IDS) != 0) store<u64>(at8(section(state, IDS), last), 0);
  if ((load<u32>(state, FLAGS) & HAS_SCORES) != 0) store<f32>(at(section(state, SCORES), last), 0);
  memory.fill(embedding(state, last), 0, (<usize>load<u32>(state, DIMS)) << 2);
  store<u32>(state, last, STORED);
  setPriority(state, last);
  stopSkipping(state);
  return last;
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
}

/** What n rows count when one of the m that stand for them is forgotten. */
function without(n: u64, m: u32): u64 {
  return n <= m ? n - 1 : <u64>nearest((<f64>n * (m - 1)) / m);
}

/** Marks the classes that are a largest one, once the memory is filled. */
function markFull(state: usize): void {
  if (load<u32>(state, POLICY) != CLASS_BALANCED || stored(state) < capacity(state)) return;
  const most = countOf(state, 0, largest(state));
  for (let group: u32 = 0; group < groupCount(state, 0); group++) {
    if (countOf(state, 0, group) == most) store<u32>(record(state, 0, group), 1, MARK);
  }
}

/** Lets algorithm L go on as R, of the same law: what it drew ahead holds no more. */
export function stopSkipping(state: usize): void {
  if (load<u32>(state, POLICY) == RESERVOIR && load<f64>(state, OPTION2) <= 1) store<u64>(state, u64.MAX_VALUE, NEXT);
}
