/**
 * A replay memory as bytes that depend on what it holds alone: the header up to its addresses (groups with room as 0), then of the stored rows
 * their numbers, identities, scores, weaknesses and embeddings, then of each grouping its records and the rows' groups and places, then sums and
 * centroids. Tables and trees are built anew. And how two samples become one.
 */
import {
  at,
  at8,
  below,
  CAPACITY,
  CENTROIDS,
  CLUSTERS,
  capacity,
  DIMS,
  EMBEDDINGS,
  FLAGS,
  GROUPINGS,
  groupsBySlot,
  HAS_IDS,
  HAS_SCORES,
  IDS,
  NO_ID,
  NONE,
  NUMBERS,
  POPULATION,
  placesBySlot,
  RECORD,
  ROOM,
  record,
  room,
  SAVED,
  SCORES,
  STORE,
  SUMS,
  section,
  stored,
  WEAKNESS,
} from "./block";
import { COUNT, countOf, FIRST, groupCount, groupOfSlot, indexKeys, SEEN } from "./group";
import { markFull, shareRoom, stopSkipping } from "./settle";
import { find, insert, memberKey } from "./table";
import { hasWeakness } from "./victim";

/** Bytes of the image. */
export function memorySaved(state: usize): usize {
  return copyAll(state, 0, false);
}

/** Writes the image to `out`. */
export function memorySave(state: usize, out: usize): void {
  copyAll(state, out, false);
  store<u32>(out, 0, ROOM);
}

/**
 * Puts an image of `bytes` bytes into a fresh block of the same policy, flags and lengths, which has room for its groups and rows. Returns whether
 * it holds together; if not, the block is of no use.
 */
export function memoryLoad(state: usize, image: usize, bytes: usize): bool {
  const rows = capacity(state);
  const groups = room(state);
  if (bytes < SAVED) return false;
  memory.copy(state, image, SAVED);
  const resized = load<u32>(state, CAPACITY) != rows;
  store<u32>(state, rows, CAPACITY);
  store<u32>(state, groups, ROOM);
  if (stored(state) > rows || stored(state) > load<u64>(state, POPULATION)) return false;
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) if (groupCount(state, j) > groups) return false;
  if (copyAll(state, 0, false) != bytes) return false;
  copyAll(state, image, true);
  for (let slot: u32 = 0; (load<u32>(state, FLAGS) & HAS_IDS) != 0 && slot < stored(state); slot++) {
    const id = load<u64>(at8(section(state, IDS), slot));
    if (id == NO_ID) continue;
    if (find(state, 0, id) != NONE) return false;
    insert(state, 0, slot);
  }
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) if (!relist(state, j)) return false;
  if (resized) resume(state);
  markFull(state);
  return true;
}

/** What goes on where the capacity has changed: at the same share of the rows seen, as many rows to come as make it full. */
function resume(state: usize): void {
  const m = stored(state);
  shareRoom(state, m > 0 ? (<f64>(capacity(state) - m) * <f64>load<u64>(state, POPULATION)) / m : 0, m);
  stopSkipping(state);
}

/** Builds the tables of a grouping; false where its numbers disagree. */
function relist(state: usize, j: u32): bool {
  if (!indexKeys(state, j)) return false;
  let sum: u64 = 0;
  for (let group: u32 = 0; group < groupCount(state, j); group++) {
    if (load<u64>(record(state, j, group), SEEN) < countOf(state, j, group)) return false;
    sum += countOf(state, j, group);
  }
  if (sum != stored(state)) return false;
  for (let slot: u32 = 0; slot < stored(state); slot++) {
    const group = groupOfSlot(state, j, slot);
    if (group >= groupCount(state, j)) return false;
    const place = load<u32>(at(placesBySlot(state, j), slot));
    const mine = record(state, j, group);
    if (place - load<u32>(mine, FIRST) >= load<u32>(mine, COUNT) || find(state, 1 + j, memberKey(group, place)) != NONE) return false;
    insert(state, 1 + j, slot);
  }
  return true;
}

/** Copies all parts to or, `back`, from an image, and returns its bytes; at 0 it copies nothing. */
function copyAll(state: usize, image: usize, back: bool): usize {
  const m = <usize>stored(state);
  const dims = <usize>load<u32>(state, DIMS);
  const flags = load<u32>(state, FLAGS);
  let end = part(state, back ? 0 : image, 0, SAVED, false);
  end = part(section(state, NUMBERS), image, end, 4 * m, back);
  if ((flags & HAS_IDS) != 0) end = part(section(state, IDS), image, end, 8 * m, back);
  if ((flags & HAS_SCORES) != 0) end = part(section(state, SCORES), image, end, 4 * m, back);
  if (hasWeakness(state)) end = part(section(state, WEAKNESS), image, end, 4 * m, back);
  end = part(section(state, EMBEDDINGS), image, end, 4 * m * dims, back);
  for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) {
    end = part(record(state, j, 0), image, end, RECORD * <usize>groupCount(state, j), back);
    end = part(groupsBySlot(state, j), image, end, 4 * m, back);
    end = part(placesBySlot(state, j), image, end, 4 * m, back);
  }
  if (section(state, SUMS) != section(state, CENTROIDS))
    end = part(section(state, SUMS), image, end, 8 * dims * groupCount(state, 0), back);
  return part(section(state, CENTROIDS), image, end, 4 * dims * load<u32>(state, CLUSTERS), back);
}

function part(section: usize, image: usize, from: usize, bytes: usize, back: bool): usize {
  if (image != 0 && back) memory.copy(section, image + from, bytes);
  else if (image != 0) memory.copy(image + from, section, bytes);
  return from + bytes;
}

/**
 * Chooses `count` rows, uniform among the n + n2 rows that two uniform samples stand for, of m and m2 rows: one after the other, from the first with
 * probability n/(n + n2), less what was taken. Writes their numbers, 0 … m - 1 and m … m + m2 - 1, to `out` [m + m2] and returns how many there
 * are: fewer where a sample ran out.
 */
export function memoryMerge(state: usize, m: u32, n: f64, m2: u32, n2: f64, count: u32, out: usize): u32 {
  for (let i: u32 = 0; i < m + m2; i++) store<u32>(at(out, i), i);
  let left = <u64>n;
  let left2 = <u64>n2;
  let first: u32 = 0;
  let first2 = m;
  let taken: u32 = 0;
  // Places before `first` are taken; those of the second sample are brought there one by one, so that the chosen end up in front.
  for (; taken < count && left + left2 > 0; taken++) {
    if (below(state + STORE, left + left2) < left) {
      if (first == m) break;
      swap(out, first, first + <u32>below(state + STORE, m - first));
      first++;
      left--;
    } else {
      if (first2 == m + m2) break;
      swap(out, first2, first2 + <u32>below(state + STORE, m + m2 - first2));
      first2++;
      left2--;
    }
  }
  for (let i = m; i < first2; i++) store<u32>(at(out, first + i - m), load<u32>(at(out, i)));
  return taken;
}

function swap(words: usize, i: u32, j: u32): void {
  const held = load<u32>(at(words, i));
  store<u32>(at(words, i), load<u32>(at(words, j)));
  store<u32>(at(words, j), held);
}
