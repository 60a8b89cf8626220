/**
 * A grouping of the stored rows by a key (class, task, source, …): the rows of each group as a list with constant-time join, leave, n-th and
 * oldest, and counts of what was seen. Groups are numbered as their keys first appear. Sections of grouping j, with room for G groups:
 *
 *   records [G], 32 bytes: key · stored m · place of the first member · mark · seen (u64) · number of the latest row · spare
 *   numbers of groups by key, a table of 2G words · by slot: group [M], place [M] · slots by group and place, a table (`table.ts`)
 *
 * A group's members have the places first … first + m - 1, modulo 2^32.
 */
import { at, CLOCK, GROUPS, groupsBySlot, NONE, numbersByKey, placesBySlot, RECORD, record, room } from "./block";
import { find, home, insert, memberKey, rename, take } from "./table";

export const KEY: usize = 0;
export const COUNT: usize = 4;
export const FIRST: usize = 8;
export const MARK: usize = 12;
export const SEEN: usize = 16;
export const LATEST: usize = 24;
/** Groups seen. */
export function groupCount(state: usize, j: u32): u32 {
  return load<u32>(at(state + GROUPS, j));
}

/** Group of a slot. */
export function groupOfSlot(state: usize, j: u32, slot: u32): u32 {
  return load<u32>(at(groupsBySlot(state, j), slot));
}

/** Rows stored of a group. */
export function countOf(state: usize, j: u32, group: u32): u32 {
  return load<u32>(record(state, j, group), COUNT);
}

/** The group of a key, or NONE. */
export function findGroup(state: usize, j: u32, key: u32): u32 {
  return load<u32>(seekKey(state, j, key));
}

function seekKey(state: usize, j: u32, key: u32): usize {
  const words = numbersByKey(state, j);
  const length = 2 * room(state);
  let i = home(key, length);
  while (true) {
    const group = load<u32>(at(words, i));
    if (group == NONE || load<u32>(record(state, j, group), KEY) == key) return at(words, i);
    i = i + 1 == length ? 0 : i + 1;
  }
}

/** The group of a key, a new one if need be, for which there is room. */
export function groupOf(state: usize, j: u32, key: u32): u32 {
  const entry = seekKey(state, j, key);
  if (load<u32>(entry) != NONE) return load<u32>(entry);
  const group = groupCount(state, j);
  store<u32>(at(state + GROUPS, j), group + 1);
  store<u32>(entry, group);
  const fresh = record(state, j, group);
  memory.fill(fresh, 0, RECORD);
  store<u32>(fresh, key, KEY);
  return group;
}

/** Enters the groups of a saved block in the empty table of keys; false where two have the same key. */
export function indexKeys(state: usize, j: u32): bool {
  for (let group: u32 = 0; group < groupCount(state, j); group++) {
    const entry = seekKey(state, j, load<u32>(record(state, j, group), KEY));
    if (load<u32>(entry) != NONE) return false;
    store<u32>(entry, group);
  }
  return true;
}

/** Counts a row of a group, the one about to be numbered. */
export function countRow(state: usize, j: u32, group: u32): void {
  const mine = record(state, j, group);
  store<u64>(mine, load<u64>(mine, SEEN) + 1, SEEN);
  store<u32>(mine, <u32>load<u64>(state, CLOCK), LATEST);
}

/** The r-th of a group's members, oldest first as long as only the oldest left. */
export function member(state: usize, j: u32, group: u32, r: u32): u32 {
  return find(state, 1 + j, memberKey(group, load<u32>(record(state, j, group), FIRST) + r));
}

/** Adds a slot behind a group's members. */
export function join(state: usize, j: u32, group: u32, slot: u32): void {
  const mine = record(state, j, group);
  const count = load<u32>(mine, COUNT);
  store<u32>(at(groupsBySlot(state, j), slot), group);
  store<u32>(at(placesBySlot(state, j), slot), load<u32>(mine, FIRST) + count);
  store<u32>(mine, count + 1, COUNT);
  insert(state, 1 + j, slot);
}

/** Takes a slot out of its group. Unless it was the first, the last takes its place, or, `ordered`, those before it move up by one. */
export function leave(state: usize, j: u32, slot: u32, ordered: bool): void {
  const mine = record(state, j, groupOfSlot(state, j, slot));
  const first = load<u32>(mine, FIRST);
  const count = load<u32>(mine, COUNT);
  let place = load<u32>(at(placesBySlot(state, j), slot));
  const group = groupOfSlot(state, j, slot);
  take(state, 1 + j, slot);
  if (place == first || ordered) {
    for (; place != first; place--) move(state, j, find(state, 1 + j, memberKey(group, place - 1)), place);
    store<u32>(mine, first + 1, FIRST);
  } else if (place != first + count - 1) {
    move(state, j, find(state, 1 + j, memberKey(group, first + count - 1)), place);
  }
  store<u32>(mine, count - 1, COUNT);
}

function move(state: usize, j: u32, slot: u32, place: u32): void {
  take(state, 1 + j, slot);
  store<u32>(at(placesBySlot(state, j), slot), place);
  insert(state, 1 + j, slot);
}

/** Lets slot `to` stand where slot `from` stood. */
export function rehome(state: usize, j: u32, from: u32, to: u32): void {
  store<u32>(at(groupsBySlot(state, j), to), groupOfSlot(state, j, from));
  store<u32>(at(placesBySlot(state, j), to), load<u32>(at(placesBySlot(state, j), from)));
  rename(state, 1 + j, from, to);
}
