/** What a learner tells of the rows in its memory. */
import type { Replay } from "../memory/replay.ts";
import type { Group } from "../memory/slots.ts";

/** Rows of a memory by class, by task and by age. */
export interface MemoryStats {
  readonly capacity: number;
  readonly stored: number;
  /** Rows of the stream that the stored ones stand for. */
  readonly seen: number;
  /** Rows that came though their identity was stored, and rows forgotten. */
  readonly duplicates: number;
  readonly forgotten: number;
  /** Identities that are refused. */
  readonly refused: number;
  /** Rows by label and by task, in the order in which these appeared. */
  readonly classes: readonly Group[];
  readonly tasks: readonly Group[];
  /** How many rows of the stream ago the stored ones came: least, mean and most; 1 is the newest. Absent where none is stored. */
  readonly ages?: { readonly least: number; readonly mean: number; readonly most: number };
}

/** Returns what a memory holds. Rows that several stores keep count in each; seen they were once. */
export function statsOf(replay: Replay, refused: number): MemoryStats {
  const { capacity, stored, seen, stores } = replay;
  const counts = stores.map(({ slots }) => slots.counts);
  const ages = stores.flatMap(({ slots }) => [...slots.ages()]);
  const groups = (key: string): Group[] => {
    const [first, ...others] = stores.map(({ slots }) => slots.groups(key));
    const more = others.map((list) => new Map(list.map((group) => [group.key, group.stored])));
    return (first as Group[]).map((group) => ({
      ...group,
      stored: more.reduce((sum, of) => sum + (of.get(group.key) ?? 0), group.stored),
    }));
  };
  return {
    capacity,
    stored,
    seen,
    duplicates: counts.reduce((sum, { duplicates }) => sum + duplicates, 0),
    forgotten: counts.reduce((sum, { forgotten }) => sum + forgotten, 0),
    refused,
    classes: groups("label"),
    tasks: groups("task"),
    ...(ages.length > 0 && {
      ages: {
        least: ages.reduce((a, b) => Math.min(a, b)),
        mean: ages.reduce((a, b) => a + b) / ages.length,
        most: ages.reduce((a, b) => Math.max(a, b)),
      },
    }),
  };
}
