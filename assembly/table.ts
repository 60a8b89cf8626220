/**
 * Tables that find a slot by what it holds, T = M + ⌊M/3⌋ + 8 words: open addressing, linear probing, deletion by shifting back (Knuth,
 * volume 3, 6.4, algorithm R). An entry is a slot alone, whose key is read where the slot's own facts stand: 5⅓ bytes a row. Table 0 finds
 * identities, table 1 + j the members of grouping j by group and place.
 */
import { at, at8, capacity, groupsBySlot, ID_TABLE, IDS, lists, NONE, placesBySlot, section, tableLength } from "./block";

/** The bits of a key, well mixed: the finaliser of MurmurHash3. */
export function mix(key: u64): u32 {
  key = (key ^ (key >> 33)) * 0xff51afd7ed558ccd;
  key = (key ^ (key >> 33)) * 0xc4ceb9fe1a85ec53;
  return <u32>(key ^ (key >> 33));
}

/** Where the search for a key begins in a table of `length` words. */
export function home(key: u64, length: u32): u32 {
  return <u32>((<u64>mix(key) * length) >> 32);
}

/** The key under which a member is found. */
export function memberKey(group: u32, place: u32): u64 {
  return ((<u64>group) << 32) | place;
}

export function tableOf(state: usize, table: u32): usize {
  return table == 0 ? section(state, ID_TABLE) : lists(state, table - 1);
}

function keyOf(state: usize, table: u32, slot: u32): u64 {
  if (table == 0) return load<u64>(at8(section(state, IDS), slot));
  return memberKey(load<u32>(at(groupsBySlot(state, table - 1), slot)), load<u32>(at(placesBySlot(state, table - 1), slot)));
}

/** The slot of a key, or NONE. */
export function find(state: usize, table: u32, key: u64): u32 {
  const words = tableOf(state, table);
  const length = tableLength(capacity(state));
  let i = home(key, length);
  while (true) {
    const slot = load<u32>(at(words, i));
    if (slot == NONE || keyOf(state, table, slot) == key) return slot;
    i = i + 1 == length ? 0 : i + 1;
  }
}

/** Where a slot that is in the table stands. */
function seek(state: usize, table: u32, slot: u32): u32 {
  const words = tableOf(state, table);
  const length = tableLength(capacity(state));
  let i = home(keyOf(state, table, slot), length);
  while (load<u32>(at(words, i)) != slot) i = i + 1 == length ? 0 : i + 1;
  return i;
}

/** Adds a slot, whose key is not in the table. */
export function insert(state: usize, table: u32, slot: u32): void {
  const words = tableOf(state, table);
  const length = tableLength(capacity(state));
  let i = home(keyOf(state, table, slot), length);
  while (load<u32>(at(words, i)) != NONE) i = i + 1 == length ? 0 : i + 1;
  store<u32>(at(words, i), slot);
}

/** Takes a slot out while its key still stands. */
export function take(state: usize, table: u32, slot: u32): void {
  const words = tableOf(state, table);
  const length = tableLength(capacity(state));
  let hole = seek(state, table, slot);
  let i = hole;
  while (true) {
    i = i + 1 == length ? 0 : i + 1;
    const other = load<u32>(at(words, i));
    if (other == NONE) break;
    const start = home(keyOf(state, table, other), length);
    // An entry may move into the hole unless its search begins behind the hole.
    const reach = i >= start ? i - start : i + length - start;
    const gap = i >= hole ? i - hole : i + length - hole;
    if (reach < gap) continue;
    store<u32>(at(words, hole), other);
    hole = i;
  }
  store<u32>(at(words, hole), NONE);
}

/** Lets the entry of slot `from` name slot `to`, which has the same key. */
export function rename(state: usize, table: u32, from: u32, to: u32): void {
  store<u32>(at(tableOf(state, table), seek(state, table, from)), to);
}
