/** What a learner tells of the rows in its memory. */
import type { Replay } from "../memory/replay.ts";

/** The rows of a class or task, summed over the stores. */
export interface GroupStats {
  readonly key: number;
  readonly stored: number;
  /** Rows of the stream, less what was forgotten. */
  readonly seen: number;
  /** Of the rows stored. */
  readonly share: number;
}

/** Rows of a memory by class, by task and by age. */
export interface LearnerMemoryStats {
  readonly capacity: number;
  readonly stored: number;
  /** Rows of the stream that the stored ones stand for. */
  readonly seen: number;
  /** Rows that came though their identity was stored, and rows forgotten: each store counts. */
  readonly duplicates: number;
  readonly forgotten: number;
  /** Identities that are refused. */
  readonly refused: number;
  /** By ascending number. */
  readonly groups: Readonly<Record<"label" | "task", readonly GroupStats[]>>;
  /** Rows of the stream since a row came, itself included; 0 where nothing is stored. */
  readonly ages: {
    readonly least: number;
    readonly mean: number;
    readonly most: number;
    /** How many ages lie from 2^i to below twice as much. */
    readonly histogram: readonly number[];
  };
}

/** Returns what a memory holds. */
export function statsOf(replay: Replay, refused: number): LearnerMemoryStats {
  const { capacity, stored, seen, stores } = replay;
  const total = (of: "duplicates" | "forgotten"): number => stores.reduce((sum, { slots }) => sum + slots.counts[of], 0);
  return {
    ...{ capacity, stored, seen, refused },
    duplicates: total("duplicates"),
    forgotten: total("forgotten"),
    groups: { label: groupsBy(replay, "label"), task: groupsBy(replay, "task") },
    ages: agesOf(stores.map(({ slots }) => slots.ages())),
  };
}

function groupsBy({ stores, stored: all }: Replay, key: string): GroupStats[] {
  const found = new Map<number, { stored: number; seen: number }>();
  for (const group of stores.flatMap(({ slots }) => slots.groups(key))) {
    const { stored, seen } = found.get(group.key) ?? { stored: 0, seen: 0 };
    found.set(group.key, { stored: stored + group.stored, seen: Math.max(seen, group.seen) });
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([value, group]) => ({ key: value, ...group, share: all === 0 ? 0 : group.stored / all }));
}

function agesOf(ages: readonly Uint32Array[]): LearnerMemoryStats["ages"] {
  const histogram: number[] = [];
  let [least, most, sum, count] = [Number.POSITIVE_INFINITY, 0, 0, 0];
  for (const age of ages.flatMap((list) => [...list])) {
    least = Math.min(least, age);
    most = Math.max(most, age);
    sum += age;
    count++;
    const i = 31 - Math.clz32(age);
    while (histogram.length <= i) histogram.push(0);
    histogram[i] = (histogram[i] as number) + 1;
  }
  return { least: count === 0 ? 0 : least, mean: count === 0 ? 0 : sum / count, most, histogram };
}
