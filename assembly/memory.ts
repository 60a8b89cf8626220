/**
 * Replay memory: which incoming rows are kept, which they replace, which stored rows are drawn. Only slot numbers leave it.
 *
 * All state is one flat block, so that saving and restoring copy bytes. Words are little-endian u32 unless marked:
 *   0 magic · 4 version · 8 policy · 12 capacity M · 16 classes C · 20 stored · 24 rows seen (u64)
 *   32 `store` stream, 48 `draw` stream: key (2 words), words read (u64)
 *   64 by class, 16 bytes each: rows seen (u64), rows stored, whether it is or was a largest class since filling
 *   then label by slot [M] · number of the slot's row, low word [M] · deck, a permutation of the stored slots [M]
 *   and, class-balanced, the stored slots grouped by class in ascending order [M]
 *
 * Policy 0, reservoir: Vitter 1985, algorithm R, O(1) a row. Policy 1, class-balanced: Chrysakis and Moens 2020, algorithm 1, O(C) a row.
 */
import { philox } from "./random";

const MAGIC: u32 = 0x52504c50;
const VERSION: u32 = 1;
const BALANCED: u32 = 1;
const NONE: u32 = 0xffffffff;

// Offsets in the block, and in a class's record.
const POLICY: usize = 8;
const CAPACITY: usize = 12;
const CLASSES: usize = 16;
const STORED: usize = 20;
const SEEN: usize = 24;
const STORE: usize = 32;
const DRAW: usize = 48;
const RECORDS: usize = 64;
const COUNT: usize = 8;
const FULL: usize = 12;

function at(array: usize, i: u32): usize {
  return array + ((<usize>i) << 2);
}

function record(state: usize, label: u32): usize {
  return state + RECORDS + ((<usize>label) << 4);
}

function labels(state: usize): usize {
  return record(state, load<u32>(state, CLASSES));
}

function rowNumbers(state: usize): usize {
  return at(labels(state), load<u32>(state, CAPACITY));
}

function deck(state: usize): usize {
  return at(rowNumbers(state), load<u32>(state, CAPACITY));
}

function grouped(state: usize): usize {
  return at(deck(state), load<u32>(state, CAPACITY));
}

/** Bytes of a block. */
export function memoryBytes(policy: u32, capacity: u32, classes: u32): usize {
  return RECORDS + 16 * <usize>classes + (policy == BALANCED ? 16 : 12) * <usize>capacity;
}

/** Makes an empty block at `state`, a multiple of 8, with the keys of its two streams. */
export function memoryInit(state: usize, policy: u32, capacity: u32, classes: u32, store0: u32, store1: u32, draw0: u32, draw1: u32): void {
  memory.fill(state, 0, memoryBytes(policy, capacity, classes));
  store<u32>(state, MAGIC);
  store<u32>(state, VERSION, 4);
  store<u32>(state, policy, POLICY);
  store<u32>(state, capacity, CAPACITY);
  store<u32>(state, classes, CLASSES);
  store<u32>(state, store0, STORE);
  store<u32>(state, store1, STORE + 4);
  store<u32>(state, draw0, DRAW);
  store<u32>(state, draw1, DRAW + 4);
}

/** Whether a block of known policy, capacity and classes holds no number that would lead outside it. */
export function memoryValid(state: usize): bool {
  const stored = load<u32>(state, STORED);
  const classes = load<u32>(state, CLASSES);
  const balanced = load<u32>(state, POLICY) == BALANCED;
  if (stored > load<u32>(state, CAPACITY) || stored > load<u64>(state, SEEN)) return false;
  for (let i: u32 = 0; i < stored; i++) {
    if (load<u32>(at(deck(state), i)) >= stored || load<u32>(at(labels(state), i)) >= classes) return false;
  }
  let i: u32 = 0;
  let end: u32 = 0;
  for (let c: u32 = 0; c < classes; c++) {
    const count = memoryCount(state, c);
    if (count > stored - end) return false;
    for (end += count; balanced && i < end; i++) {
      const slot = load<u32>(at(grouped(state), i));
      if (slot >= stored || load<u32>(at(labels(state), slot)) != c) return false;
    }
  }
  return end == stored;
}

/** Rows stored of one class. */
export function memoryCount(state: usize, label: u32): u32 {
  return load<u32>(record(state, label), COUNT);
}

/** Rows stored. */
export function memoryStored(state: usize): u32 {
  return load<u32>(state, STORED);
}

/** Rows seen. */
export function memorySeen(state: usize): f64 {
  return <f64>load<u64>(state, SEEN);
}

/**
 * Offers rows in order, their labels (< classes) at `rows` `[n]`. Writes to `slots` `[n]` where each goes, or 0xffffffff to drop it.
 * A row whose slot a later row of the same call takes is dropped too, so that the copies may run in any order.
 */
export function memoryOffer(state: usize, rows: usize, n: u32, slots: usize): void {
  const first = <u32>load<u64>(state, SEEN);
  for (let i: u32 = 0; i < n; i++) {
    const slot = place(state, load<u32>(at(rows, i)));
    if (slot != NONE) {
      const row = at(rowNumbers(state), slot);
      const earlier = load<u32>(row) - first;
      if (earlier < i && load<u32>(at(slots, earlier)) == slot) store<u32>(at(slots, earlier), NONE);
      store<u32>(row, first + i);
    }
    store<u32>(at(slots, i), slot);
  }
}

/** Writes min(n, stored) distinct slots to `slots`, uniform without replacement, and returns their number: a partial Fisher–Yates shuffle. */
export function memoryDraw(state: usize, n: u32, slots: usize): u32 {
  const stored = load<u32>(state, STORED);
  const count = min(n, stored);
  for (let i: u32 = 0; i < count; i++) {
    const here = at(deck(state), i);
    const there = at(deck(state), i + <u32>below(state + DRAW, stored - i));
    store<u32>(at(slots, i), load<u32>(there));
    store<u32>(there, load<u32>(here));
    store<u32>(here, load<u32>(at(slots, i)));
  }
  return count;
}

/** Next word of a stream. */
function next(stream: usize): u64 {
  const position = load<u64>(stream, 8);
  store<u64>(stream, position + 1, 8);
  const block = position >> 2;
  return philox(<u32>block, <u32>(block >> 32), 0, 0, load<u32>(stream), load<u32>(stream, 4), <u32>position & 3);
}

/** An integer uniform on [0, n), by rejection: one word a try up to n = 2^32, two (low, high) beyond. */
function below(stream: usize, n: u64): u64 {
  const wide = n > 0x100000000;
  const last: u64 = wide ? u64.MAX_VALUE - ((0 - n) % n) : 0xffffffff - (0x100000000 % n);
  let word: u64;
  do {
    word = next(stream);
    if (wide) word |= next(stream) << 32;
  } while (word > last);
  return word % n;
}

/** The slot the next row goes to, or NONE; updates everything but the row numbers. */
function place(state: usize, label: u32): u32 {
  const stored = load<u32>(state, STORED);
  const balanced = load<u32>(state, POLICY) == BALANCED;
  const seen = load<u64>(state, SEEN) + 1;
  const mine = record(state, label);
  store<u64>(state, seen, SEEN);
  store<u64>(mine, load<u64>(mine) + 1);
  let slot = stored;
  if (stored < load<u32>(state, CAPACITY)) {
    store<u32>(state, stored + 1, STORED);
    store<u32>(at(deck(state), slot), slot);
    if (balanced) {
      store<u32>(at(grouped(state), slot), slot);
      regroup(state, slot, load<u32>(state, CLASSES), label);
    }
  } else {
    slot = balanced ? balance(state, label) : <u32>min<u64>(below(state + STORE, seen), NONE);
    if (slot >= stored) return NONE;
    const victim = record(state, load<u32>(at(labels(state), slot)));
    store<u32>(victim, load<u32>(victim, COUNT) - 1, COUNT);
  }
  store<u32>(mine, load<u32>(mine, COUNT) + 1, COUNT);
  store<u32>(at(labels(state), slot), label);
  if (balanced && load<u32>(state, STORED) == load<u32>(state, CAPACITY)) markFull(state);
  return slot;
}

/**
 * Class-balanced choice in a filled memory. A class that is not full replaces any row of any largest class, all equally likely; a full one
 * replaces one of its own m rows with probability m/n after n rows of it. One draw decides the class or acceptance, and the row.
 */
function balance(state: usize, label: u32): u32 {
  const mine = record(state, label);
  if (load<u32>(mine, FULL) != 0) {
    const r = below(state + STORE, load<u64>(mine));
    return r < load<u32>(mine, COUNT) ? load<u32>(at(grouped(state), groupStart(state, label) + <u32>r)) : NONE;
  }
  const most = largest(state);
  let ties: u32 = 0;
  for (let c = record(state, 0); c < labels(state); c += 16) ties += u32(load<u32>(c, COUNT) == most);
  let r = <u32>below(state + STORE, ties * most);
  let victim: u32 = 0;
  for (; memoryCount(state, victim) != most || r >= most; victim++) if (memoryCount(state, victim) == most) r -= most;
  return regroup(state, groupStart(state, victim) + r, victim, label);
}

/** Where a class's slots begin in the grouped list. */
function groupStart(state: usize, label: u32): u32 {
  let start: u32 = 0;
  for (let c = record(state, 0); c < record(state, label); c += 16) start += load<u32>(c, COUNT);
  return start;
}

/** Rows stored of a largest class. */
function largest(state: usize): u32 {
  let most: u32 = 0;
  for (let c = record(state, 0); c < labels(state); c += 16) most = max(most, load<u32>(c, COUNT));
  return most;
}

function markFull(state: usize): void {
  const most = largest(state);
  for (let c = record(state, 0); c < labels(state); c += 16) if (load<u32>(c, COUNT) == most) store<u32>(c, 1, FULL);
}

/**
 * Moves the slot at `position` from the group of class `from` to that of class `to`, before their counts change, and returns it.
 * The hole it leaves travels there, one slot of each group on the way stepping over it. `from` = classes takes a slot behind all groups.
 */
function regroup(state: usize, position: u32, from: u32, to: u32): u32 {
  let hole = at(grouped(state), position);
  let edge = at(grouped(state), groupStart(state, from));
  const slot = load<u32>(hole);
  for (let c = from; c > to; c--) {
    store<u32>(hole, load<u32>(edge));
    hole = edge;
    edge -= (<usize>memoryCount(state, c - 1)) << 2;
  }
  for (let c = from; c < to; c++) {
    edge += (<usize>memoryCount(state, c)) << 2;
    store<u32>(hole, load<u32>(edge - 4));
    hole = edge - 4;
  }
  store<u32>(hole, slot);
  return slot;
}
