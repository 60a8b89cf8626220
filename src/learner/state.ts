/** What a learner goes on from, beside its options. */
import type { Settings } from "../optim/parts.ts";
import type { Cursor } from "../strategy/strategy.ts";
import type { SavedRates } from "./rates.ts";
import type { SavedMemory } from "./remember.ts";

/** What counts as state beside the arenas. */
export interface Counters {
  /** Steps done. */
  step: number;
  /** Rows learned from the stream. */
  samples: number;
  /** Boundaries told. */
  boundaries: number;
  /** Rows a step has room for. */
  batchSize: number;
}

/** The bytes of what outlives a step. */
export interface StateBytes {
  readonly state: Uint8Array;
  /** Stored rows by column, and what the rows of the stream carry by name. */
  readonly rows: ReadonlyMap<string, Uint8Array>;
}

/** Work of a strategy that began, and where it stands. */
export interface Pending {
  readonly strategy: string;
  /** Which of its phases. */
  readonly phase: number;
  /** Null before its first piece. */
  readonly cursor: Cursor | null;
}

/** What strategies go on from on the host. */
export interface SavedHooks {
  /** What folds gathered, by "strategy/name". */
  readonly numbers: ReadonlyMap<string, Float64Array>;
  readonly pending: readonly Pending[];
}

/** What an engine goes on from. */
export interface SavedState extends SavedMemory {
  readonly state: StateBytes;
  readonly counters: Counters;
  readonly rates: SavedRates;
  /** Numbers changed while training. */
  readonly settings: Settings;
  readonly hooks?: SavedHooks;
}
