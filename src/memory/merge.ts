/** Two memories become one. */
import { fail } from "../errors.ts";
import { keyOf } from "./policy.ts";
import type { PlacedStore } from "./replay.ts";
import type { Contents } from "./setup.ts";
import { DROPPED, type Offer, type Slots } from "./slots.ts";
import { kindOf } from "./snapshot.ts";

/** Policies that keep a uniform sample, of all rows or of each group. */
const samples: readonly string[] = ["reservoir", "quota", "class-balanced", "balanced-reservoir", "greedy"];

/** One group in both memories: slots of its rows, and the rows these stand for. */
interface Pair {
  readonly key: number;
  readonly mine: number[];
  readonly theirs: number[];
  n: number;
  n2: number;
}

/** Takes the rows of another memory into this one and returns how many were kept. @throws E_MISMATCH, E_OOM before anything changed */
export function mergeInto(mine: Contents, theirs: Contents): number {
  const [own, other] = [kindOf(mine.plan), kindOf(theirs.plan)];
  for (const name of ["columns", "policy", "keys"] as const) {
    if (own[name] === other[name]) continue;
    fail("E_MISMATCH", `memory.merge: the other memory has other ${name}; expected ${own[name]}, got ${other[name]}`, {
      hint: `Open both memories with the same ${name}.`,
    });
  }
  const { wasm, replay } = mine;
  // Once had, memory is there for all that follows.
  const bytes = replay.stores.reduce((sum, { slots }) => sum + 4 * slots.bytes, 0);
  wasm.free(wasm.alloc(bytes + 2 * theirs.replay.stored * (64 + 4 * mine.plan.index.dims)));
  let kept = 0;
  for (const [s, store] of replay.stores.entries()) {
    const from = theirs.replay.stores[s] as PlacedStore;
    const passed = pass(mine, store.slots, theirs, from);
    kept += samples.includes(store.slots.policy.policy)
      ? mergeSamples(mine, store, theirs, from, passed)
      : offer(mine, store, theirs, from, passed);
  }
  return kept;
}

/** Returns the other store's slots, oldest row first, that are neither here nor refused. */
function pass({ refusals, counters }: Contents, slots: Slots, theirs: Contents, from: PlacedStore): number[] {
  const ages = from.slots.ages();
  const ids = theirs.plan.index.ids ? from.slots.ids() : undefined;
  const passed: number[] = [];
  for (let slot = 0; slot < ages.length; slot++) {
    const id = ids?.[slot];
    if (id !== undefined && refusals.has(id, counters.offered)) counters.refused++;
    else if (id !== undefined && slots.find(id) !== undefined) counters.duplicates++;
    else passed.push(slot);
  }
  return passed.sort((a, b) => (ages[b] as number) - (ages[a] as number));
}

/** Returns rows as they are offered. */
function rowsOf({ plan, rows, replay }: Contents, { first, slots }: PlacedStore, taken: readonly number[]): Offer {
  const { id, score, embedding, ...keys } = rows.gather(
    taken.map((slot) => first + slot),
    replay.stores,
    [...slots.keys, ...plan.fields.filter(({ indexed }) => indexed).map(({ name }) => name)],
  );
  return {
    count: taken.length,
    keys: keys as Record<string, Uint32Array>,
    ...(id && { ids: id as Float64Array }),
    ...(score && { scores: score as Float32Array }),
    ...(embedding && { embeddings: embedding as Float32Array }),
  };
}

/** Offers rows, or, `admits`, puts them where there is room. */
function offer(mine: Contents, store: PlacedStore, theirs: Contents, from: PlacedStore, taken: readonly number[], admits = false): number {
  const slots = store.slots.offer(rowsOf(theirs, from, taken), admits).map((slot) => (slot === DROPPED ? slot : store.first + slot));
  const sources = taken.map((slot) => from.first + slot);
  mine.rows.adopt(theirs.rows, sources, slots);
  return slots.reduce((sum, slot) => sum + (slot === DROPPED ? 0 : 1), 0);
}

/** Makes one uniform sample of two, whole or group by group. */
function mergeSamples(mine: Contents, store: PlacedStore, theirs: Contents, from: PlacedStore, passed: readonly number[]): number {
  const { slots, first } = store;
  const all = Array.from({ length: slots.stored }, (_, slot) => slot);
  const key = keyOf(slots.policy);
  const pairs = key === undefined ? [whole(slots, all, from.slots, passed)] : byGroup(mine, store, all, theirs, from, passed, key);
  const sizes = shares(slots, pairs);
  const leaving: number[] = [];
  const coming = new Set<number>();
  for (const [g, { mine: here, theirs: there, n, n2 }] of pairs.entries()) {
    const chosen = new Set(slots.choose(here.length, n, there.length, n2, sizes[g] as number));
    leaving.push(...here.filter((_, i) => !chosen.has(i)));
    for (const [i, slot] of there.entries()) if (chosen.has(here.length + i)) coming.add(slot);
  }
  const taken = passed.filter((slot) => coming.has(slot));
  count(mine, slots, theirs, from, passed, taken);
  const moves = leaving.sort((a, b) => b - a).map((slot) => slots.remove(slot, false));
  mine.rows.follow(moves.map(({ from: left, to }) => ({ from: first + left, to: first + to })));
  return offer(mine, store, theirs, from, taken, true);
}

/** Counts the rows that those taken stand for beside themselves, of the whole stream and of every group. */
function count(
  mine: Contents,
  slots: Slots,
  theirs: Contents,
  from: PlacedStore,
  passed: readonly number[],
  taken: readonly number[],
): void {
  for (const key of slots.keys) {
    const [among, chosen] = [tally(theirs, from, passed, key), tally(theirs, from, taken, key)];
    for (const group of from.slots.groups(key)) {
      const rest = part(group.seen, group.stored, among.get(group.key)?.length ?? 0) - (chosen.get(group.key)?.length ?? 0);
      slots.count(rest, key, group.key);
    }
  }
  slots.count(part(from.slots.seen, from.slots.stored, passed.length) - taken.length);
  mine.rows.wipe();
}

function whole(slots: Slots, all: number[], other: Slots, passed: readonly number[]): Pair {
  return { key: 0, mine: all, theirs: [...passed], n: slots.seen, n2: part(other.seen, other.stored, passed.length) };
}

function byGroup(
  mine: Contents,
  store: PlacedStore,
  all: readonly number[],
  theirs: Contents,
  from: PlacedStore,
  passed: readonly number[],
  key: string,
): Pair[] {
  const [here, there] = [tally(mine, store, all, key), tally(theirs, from, passed, key)];
  const pairs = new Map<number, Pair>();
  for (const group of store.slots.groups(key)) {
    const own = here.get(group.key) ?? [];
    pairs.set(group.key, { key: group.key, mine: own, theirs: [], n: own.length === 0 ? 0 : group.seen, n2: 0 });
  }
  for (const group of from.slots.groups(key)) {
    const own = there.get(group.key) ?? [];
    const known = pairs.get(group.key) ?? { key: group.key, mine: [], n: 0 };
    pairs.set(group.key, { ...known, theirs: own, n2: part(group.seen, group.stored, own.length) });
  }
  return [...pairs.values()];
}

/** Returns slots by the value of their key column. */
function tally({ rows, replay }: Contents, { first }: PlacedStore, slots: readonly number[], key: string): Map<number, number[]> {
  const values = rows.gather(
    slots.map((slot) => first + slot),
    replay.stores,
    [key],
  )[key] as Uint32Array;
  const found = new Map<number, number[]>();
  for (const [i, slot] of slots.entries()) {
    const value = values[i] as number;
    const list = found.get(value) ?? [];
    list.push(slot);
    found.set(value, list);
  }
  return found;
}

/** Rows that `left` of `stored` rows stand for, where all stand for `seen`. */
function part(seen: number, stored: number, left: number): number {
  return left === 0 ? 0 : Math.round((seen * left) / stored);
}

/** Returns how many rows each group has afterwards: what its samples can give and its share of the capacity. */
function shares({ policy, capacity }: Slots, pairs: readonly Pair[]): number[] {
  // A sample that rows are missing from may be asked for every row of its own in turn.
  const most = pairs.map(({ mine, n, theirs, n2 }) =>
    Math.min(mine.length + theirs.length, n > mine.length ? mine.length : capacity, n2 > theirs.length ? theirs.length : capacity),
  );
  const equal = Math.floor(capacity / pairs.length);
  if (policy.policy === "quota") return most.map((size, g) => Math.min(size, equal + (g < capacity % pairs.length ? 1 : 0)));
  // The highest level that all groups together reach without spilling over; what is left goes to the first that have more.
  let left = capacity;
  const order = [...most.keys()].sort((a, b) => (most[a] as number) - (most[b] as number) || b - a);
  const sizes: number[] = [];
  for (const [i, g] of order.entries()) {
    sizes[g] = Math.min(most[g] as number, Math.floor(left / (order.length - i)));
    left -= sizes[g] as number;
  }
  return sizes;
}
