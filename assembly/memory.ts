/**
 * Replay memory: which incoming rows are kept, which they replace, which are forgotten. Only slot numbers leave it; the rows themselves lie
 * elsewhere. `block.ts` says what it knows of each row, `insert.ts` decides, `draw.ts` draws.
 */
import {
  at,
  CAPACITY,
  CENTROIDS,
  CLOCK,
  CLUSTERS,
  DIMS,
  DRAW,
  EMBEDDINGS,
  FLAGS,
  GROUPING,
  GROUPINGS,
  groupingBytes,
  HAS_IDS,
  HAS_SCORES,
  HEADER,
  ID_TABLE,
  IDS,
  lists,
  MAGIC,
  NONE,
  NUMBERS,
  numbersByKey,
  OPTION,
  OPTION2,
  POLICY,
  POPULATION,
  ROOM,
  record,
  SCORES,
  STORE,
  SUMS,
  section,
  stored,
  tableLength,
  VERSION,
  WEAKNESS,
} from "./block";
import { assign, crowding, likeness, rank } from "./exemplar";
import { groupOf, SEEN } from "./group";
import { choose } from "./insert";
import { setPriorities } from "./priority";
import { countDuplicate, isStored, noteScore, number, remove, scoreGiven, settle, stopSkipping } from "./settle";
import { find } from "./table";
import { CLOSEST, CLUSTERED, GRADIENT_DIVERSE, HERDING, hasWeakness, victim } from "./victim";

/** Whether a policy ranks rows by their embeddings. */
function ranks(policy: u32): bool {
  return policy == HERDING || policy == CLOSEST;
}

/** Bytes of a block; `groups` is how many of each grouping have room. */
export function memoryBytes(policy: u32, rows: u32, flags: u32, dims: u32, groupings: u32, groups: u32, clusters: u32): usize {
  return memoryInit(0, policy, rows, flags, dims, groupings, groups, clusters, 0, 0, 0, 0, 0, 0);
}

/** Makes an empty block at `state`, a multiple of 8, with the keys of its two streams, and returns its bytes. At 0 it writes nothing. */
export function memoryInit(
  state: usize,
  policy: u32,
  rows: u32,
  flags: u32,
  dims: u32,
  groupings: u32,
  groups: u32,
  clusters: u32,
  store0: u32,
  store1: u32,
  draw0: u32,
  draw1: u32,
  option: f64,
  option2: f64,
): usize {
  const writes = state != 0;
  if (writes) {
    memory.fill(state, 0, HEADER);
    store<u32>(state, MAGIC);
    store<u32>(state, VERSION, 4);
    store<u32>(state, policy, POLICY);
    store<u32>(state, rows, CAPACITY);
    store<u32>(state, flags, FLAGS);
    store<u32>(state, dims, DIMS);
    store<u32>(state, groupings, GROUPINGS);
    store<u32>(state, store0, STORE);
    store<u32>(state, store1, STORE + 4);
    store<u32>(state, draw0, DRAW);
    store<u32>(state, draw1, DRAW + 4);
    store<f64>(state, option, OPTION);
    store<f64>(state, option2, OPTION2);
    store<u32>(state, groups, ROOM);
    store<u32>(state, clusters, CLUSTERS);
  }
  const table: usize = 4 * <usize>tableLength(rows);
  let end = place(state, NUMBERS, state + HEADER, 4 * <usize>rows);
  end = place(state, IDS, end, (flags & HAS_IDS) != 0 ? 8 * <usize>rows : <usize>0);
  end = place(state, ID_TABLE, end, (flags & HAS_IDS) != 0 ? table : <usize>0);
  if (writes) memory.fill(section(state, ID_TABLE), 0xff, end - section(state, ID_TABLE));
  end = place(state, SCORES, end, (flags & HAS_SCORES) != 0 ? 4 * <usize>rows : <usize>0);
  end = place(state, WEAKNESS, end, policy >= GRADIENT_DIVERSE && dims > 0 ? 4 * <usize>rows : <usize>0);
  if (writes && !hasWeakness(state)) store<u32>(state, <u32>section(state, SCORES), WEAKNESS);
  end = place(state, EMBEDDINGS, end, (<usize>dims * rows) << 2);
  for (let j: u32 = 0; j < groupings; j++) {
    end = place(state, GROUPING + (j << 2), end, groupingBytes(rows, groups));
    if (!writes) continue;
    memory.fill(numbersByKey(state, j), 0xff, 8 * <usize>groups);
    memory.fill(lists(state, j), 0xff, table);
  }
  end = place(state, SUMS, end, ranks(policy) ? 8 * <usize>dims * groups : <usize>0);
  if (writes) memory.fill(section(state, SUMS), 0, end - section(state, SUMS));
  return place(state, CENTROIDS, end, 4 * <usize>dims * clusters) - state;
}

/** Notes where a section begins, a multiple of 8, and returns where it ends. */
function place(state: usize, field: usize, from: usize, bytes: usize): usize {
  const start = (from + 7) & ~(<usize>7);
  if (state != 0) store<u32>(state + field, <u32>start);
  return start + bytes;
}

/** Bytes of scratch that {@link memoryOffer} of n rows needs. */
export function memoryOfferScratch(state: usize, n: u32): usize {
  return ranks(load<u32>(state, POLICY)) ? 8 * <usize>load<u32>(state, DIMS) + 4 * (<usize>stored(state) + 2 * <usize>n) : <usize>0;
}

/**
 * Offers rows in order: `keys` u32 [J, n], `ids` f64 [n] (NaN: none) and `scores` f32 [n] where the memory has them (a NaN: the largest so far), `embeddings`
 * f32 [n, d]. Writes to `slots` [n] where each row goes, or NONE to drop it; one whose slot a later row takes is dropped too, so that the
 * copies may run in any order. A row whose identity is stored is dropped and not counted.
 */
export function memoryOffer(
  state: usize,
  n: u32,
  keys: usize,
  ids: usize,
  scores: usize,
  embeddings: usize,
  scratch: usize,
  slots: usize,
): void {
  const policy = load<u32>(state, POLICY);
  const dims = load<u32>(state, DIMS);
  if (ranks(policy)) {
    rank(state, n, keys, ids, scores, embeddings, scratch, slots);
    return;
  }
  for (let i: u32 = 0; i < n; i++) {
    store<u32>(at(slots, i), NONE);
    if (isStored(state, ids, i)) {
      countDuplicate(state);
      continue;
    }
    const own = embeddings + ((<usize>i * dims) << 2);
    let group: u32 = 0;
    if (policy == CLUSTERED && dims > 0) store<u32>(at(keys, i), assign(state, own));
    for (let j: u32 = 0; j < load<u32>(state, GROUPINGS); j++) {
      const other = groupOf(state, j, load<u32>(at(keys, j * n + i)));
      if (j == 0) group = other;
    }
    let weakness: f32;
    if (!hasWeakness(state)) weakness = scoreGiven(state, scores, i);
    else weakness = policy == CLUSTERED ? crowding(state, own, group) : likeness(state, own);
    const slot = choose(state, group, weakness);
    if (slot != NONE) settle(state, slot, i, n, <u32>load<u64>(state, CLOCK), keys, ids, scores, weakness, own, slots);
    number(state, n, keys, i);
  }
}

/** Adds rows, given as to {@link memoryOffer}, for which there is room and of which none is stored, without a decision. */
export function memoryAdmit(state: usize, n: u32, keys: usize, ids: usize, scores: usize, embeddings: usize, slots: usize): void {
  for (let i: u32 = 0; i < n; i++) {
    const own = embeddings + ((<usize>i * load<u32>(state, DIMS)) << 2);
    settle(state, stored(state), i, n, <u32>load<u64>(state, CLOCK), keys, ids, scores, 0, own, slots);
    number(state, n, keys, i);
  }
  stopSkipping(state);
}

/** Counts rows that were seen elsewhere: of the group of a key in grouping j, or, where j is NONE, of the whole stream. */
export function memoryCount(state: usize, j: u32, key: u32, rows: f64): void {
  const counter = j == NONE ? state + POPULATION : record(state, j, groupOf(state, j, key)) + SEEN;
  store<u64>(counter, load<u64>(counter) + <u64>rows);
}

/** Sets the scores f32 [n] of `slots` [n] whose rows still have the numbers `generations` [n] (0: any), and returns how many. */
export function memoryUpdate(state: usize, n: u32, slots: usize, generations: usize, scores: usize): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < n && (load<u32>(state, FLAGS) & HAS_SCORES) != 0; i++) {
    const slot = load<u32>(at(slots, i));
    if (slot >= stored(state)) continue;
    if (generations != 0 && load<u32>(at(generations, i)) != load<u32>(at(section(state, NUMBERS), slot))) continue;
    noteScore(state, slot, load<f32>(at(scores, i)));
    count++;
  }
  setPriorities(state, slots, n);
  return count;
}

/** Writes the numbers of `slots` [n] to `generations` [n]. */
export function memoryGenerations(state: usize, n: u32, slots: usize, generations: usize): void {
  for (let i: u32 = 0; i < n; i++) {
    store<u32>(at(generations, i), load<u32>(at(section(state, NUMBERS), load<u32>(at(slots, i)))));
  }
}

/** The slot of an identity, or NONE. */
export function memoryFind(state: usize, id: f64): u32 {
  return find(state, 0, <u64>id);
}

/** The slot that the policy gives up where there is to be room for `size` rows. */
export function memoryVictim(state: usize, size: u32): u32 {
  return victim(state, size);
}

/** Takes a row out, see {@link remove}. */
export function memoryRemove(state: usize, slot: u32, forgets: bool): u32 {
  return remove(state, slot, forgets);
}
