/** What a learner tells of the rows in its memory. */
import { type Ages, agesOf, type GroupStats, groupsBy, totalOf } from "../memory/census.ts";
import type { Replay } from "../memory/replay.ts";
import type { PagedStats } from "./pages.ts";

/** Rows of a memory by class, by task and by age. */
export interface LearnerMemoryStats {
  readonly capacity: number;
  readonly stored: number;
  /** Rows of the stream that the stored ones stand for. */
  readonly seen: number;
  /** Rows that came though their identity was stored, and rows forgotten: each store counts. */
  readonly duplicates: number;
  readonly forgotten: number;
  /** Identities that are refused; those whose time is over count until the next save. */
  readonly refused: number;
  /** By ascending number. */
  readonly groups: Readonly<Record<"label" | "task", readonly GroupStats[]>>;
  readonly ages: Ages;
  /** Where the learner has `residentBytes`: its file of rows, and how often that was read. */
  readonly paged?: PagedStats;
}

/** Returns what a memory holds. */
export function statsOf(replay: Replay, refused: number, paged?: PagedStats): LearnerMemoryStats {
  const { capacity, stored, seen } = replay;
  return {
    ...{ capacity, stored, seen, refused },
    duplicates: totalOf(replay, "duplicates"),
    forgotten: totalOf(replay, "forgotten"),
    groups: { label: groupsBy(replay, "label"), task: groupsBy(replay, "task") },
    ages: agesOf(replay),
    ...(paged && { paged }),
  };
}
