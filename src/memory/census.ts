/** What a memory tells about itself. */
import type { Replay } from "./replay.ts";
import type { Contents } from "./setup.ts";

/** The rows of one group, summed over the stores. */
export interface GroupStats {
  readonly key: number;
  readonly stored: number;
  /** Rows seen, less what was forgotten; only of groups that the memory keeps. */
  readonly seen?: number;
  /** Of the rows stored. */
  readonly share: number;
}

/** Rows offered since a stored row was, itself included; 0 where nothing is stored. */
export interface Ages {
  readonly least: number;
  readonly mean: number;
  readonly most: number;
  /** `counts[i]` ages from `edges[i]` to below the next edge, which is twice as much. */
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] };
}

/** What `stats` returns. */
export interface MemoryStats {
  readonly stored: number;
  readonly seen: number;
  readonly capacity: number;
  readonly bytes: {
    /** All columns at full capacity. */
    readonly columns: number;
    /** What is known of rows beside their columns. */
    readonly index: number;
    /** `index` by capacity. */
    readonly perRow: number;
  };
  /** Rows dropped since their `id` was stored, and rows forgotten: each store counts. */
  readonly duplicates: number;
  readonly forgotten: number;
  /** Rows dropped since their `id` is refused. */
  readonly refused: number;
  readonly drawn: number;
  /** Groups by each key, and by `label` and `task`, by ascending value. */
  readonly groups: Readonly<Record<string, readonly GroupStats[]>>;
  readonly ages: Ages;
  /** Share of each store of the rows drawn so far. */
  readonly effectiveShare: Readonly<Record<string, number>>;
}

/** Returns the statistics of a memory. */
export function statsOf(contents: Contents): MemoryStats {
  const { plan, replay, rows, counters } = contents;
  const { stores, capacity, stored } = replay;
  const kept = (key: string): boolean => stores.every(({ slots }) => slots.keys.includes(key));
  const held = capacity * plan.fields.reduce((sum, { indexed, bytes }) => sum + (indexed ? bytes : 0), 0);
  const index = stores.reduce((sum, { slots }) => sum + slots.bytes, 0) - held;
  const drawn = counters.drawn.reduce((sum, n) => sum + n, 0);
  const named = plan.fields.filter(({ name, dtype, length }) => (name === "label" || name === "task") && dtype === "u32" && length === 1);
  const keys = [...new Set([...replay.keys, ...named.map(({ name }) => name)])].sort();
  return {
    ...{ stored, seen: replay.seen, capacity, drawn },
    bytes: { columns: rows.bytes + held, index, perRow: index / capacity },
    duplicates: totalOf(replay, "duplicates") + counters.duplicates,
    forgotten: totalOf(replay, "forgotten"),
    refused: counters.refused,
    groups: Object.fromEntries(keys.map((key) => [key, kept(key) ? groupsBy(replay, key) : countBy(contents, key)])),
    ages: agesOf(replay),
    effectiveShare: Object.fromEntries(stores.map(({ name }, s) => [name, drawn === 0 ? 0 : (counters.drawn[s] as number) / drawn])),
  };
}

/** Groups by a column of which the memory keeps none. */
function countBy({ replay, rows }: Contents, key: string): GroupStats[] {
  const found = new Map<number, number>();
  for (const { slots, first } of replay.stores) {
    const own = Array.from({ length: slots.stored }, (_, slot) => first + slot);
    for (const value of rows.gather(own, replay.stores, [key])[key] ?? []) found.set(value, (found.get(value) ?? 0) + 1);
  }
  return [...found].sort(([a], [b]) => a - b).map(([value, stored]) => ({ key: value, stored, share: stored / replay.stored }));
}

/** Returns the groups that every store keeps by a key, by ascending value. */
export function groupsBy({ stores, stored: all }: Replay, key: string): (GroupStats & { readonly seen: number })[] {
  const found = new Map<number, { stored: number; seen: number }>();
  for (const group of stores.flatMap(({ slots }) => slots.groups(key))) {
    const { stored, seen } = found.get(group.key) ?? { stored: 0, seen: 0 };
    found.set(group.key, { stored: stored + group.stored, seen: Math.max(seen, group.seen) });
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([value, group]) => ({ key: value, ...group, share: all === 0 ? 0 : group.stored / all }));
}

/** Returns how old the stored rows are. */
export function agesOf({ stores, stored }: Replay): Ages {
  let [least, most, sum] = [stored === 0 ? 0 : Number.POSITIVE_INFINITY, 0, 0];
  const counts: number[] = [];
  for (const { slots } of stores) {
    for (const age of slots.ages()) {
      least = Math.min(least, age);
      most = Math.max(most, age);
      sum += age;
      const i = 31 - Math.clz32(age);
      while (counts.length <= i) counts.push(0);
      counts[i] = (counts[i] as number) + 1;
    }
  }
  return { least, mean: stored === 0 ? 0 : sum / stored, most, histogram: { edges: counts.map((_, i) => 2 ** i), counts } };
}

/** Returns how often identities were found stored, or were forgotten: each store counts. */
export function totalOf({ stores }: Replay, of: "duplicates" | "forgotten"): number {
  return stores.reduce((sum, { slots }) => sum + slots.counts[of], 0);
}
