/** The log of a store: a snapshot, and the records since. Whoever opens it finds what was committed last, or something whole after it. */
import { fail, type PalimpsestError } from "../errors.ts";
import type { ClaimOptions } from "./claim.ts";
import type { Generation } from "./head.ts";
import type { Place } from "./storage.ts";

/** Options of {@link openLog}. */
export interface LogOptions extends ClaimOptions {
  /**
   * When `append` resolves: once the record is on the device (`strict`, the default), or once it outlives the program, though not a loss of
   * power within the next `groupMs` (`relaxed`).
   */
  readonly durability?: "strict" | "relaxed";
  /** For how long records wait to be committed together, in milliseconds. Default 0 (`strict`), 1000 (`relaxed`). */
  readonly groupMs?: number;
  /** Bytes of records at which they wait no longer. Default 1 MiB (`strict`), 8 MiB (`relaxed`). */
  readonly groupBytes?: number;
}

/** A snapshot that can be read, and how much was recorded from there to the next. */
export interface GenerationInfo {
  readonly id: number;
  /** Whether there is a snapshot: not so before the first. */
  readonly snapshot: boolean;
  /** Bytes of the snapshot, and of the records. */
  readonly bytes: readonly [snapshot: number, records: number];
  /** Files that hold them. */
  readonly segments: number;
}

/** What becomes of generations; by default all stay as they are. */
export interface Compaction {
  /** The oldest that stays. */
  readonly from?: number;
  /** Snapshots after that of this generation go; all records since become its own. */
  readonly onto?: number;
  /** Returns what a record becomes, undefined to drop it; it may be asked twice. */
  edit?(record: Uint8Array, generation: number): Uint8Array | undefined;
}

/** A log as it was when it was opened, or last refreshed. */
export interface LogReader {
  readonly name: string;
  /** 64 random bits of the store, the same whatever path or handle it is opened by; empty before anyone wrote. */
  readonly id: string;
  readonly place: Place;
  /** Whether only the user removes the store; false where the browser may, to make room. */
  readonly persistent: boolean;
  /** Owners so far. */
  readonly epoch: number;
  /** What was found damaged and could be done without. */
  readonly damage: readonly string[];
  /** Oldest first; the last is the present one, and each begins with what the records of the one before led to. */
  readonly generations: readonly GenerationInfo[];
  /** Returns the parts of a generation's snapshot, of the present one by default. @throws E_CORRUPT */
  parts(id?: number): Promise<Map<string, Uint8Array>>;
  /** Yields what was recorded from a generation's snapshot to the next and committed, oldest first. @throws E_CORRUPT where the first damaged one begins */
  records(id?: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A log that others write. */
export interface FollowingLog extends LogReader {
  /** The end of the present generation, as it is known. */
  readonly mark: Mark;
  /** Looks again, and tells whether more was committed. */
  refresh(): Promise<boolean>;
  /** Yields the records from an earlier mark to the present one; undefined where these do not follow it, since a snapshot or an edit came between. */
  since(mark: Mark): AsyncIterable<Uint8Array> | undefined;
}

/** How far a reader has come. */
export interface Mark {
  readonly store: string;
  readonly generation: Generation;
}

/** Counts of what was written, and how long it took. */
export interface LogStats {
  readonly records: number;
  readonly commits: number;
  readonly bytes: number;
  /** Times of the last 256 commits, in milliseconds. */
  readonly commitMs: { readonly mean: number; readonly p99: number; readonly max: number };
  /** Why the last commit failed, until one succeeds. */
  readonly failure: PalimpsestError | undefined;
}

/** A log to write. Calls may overlap; they take effect in the order in which they are made. */
export interface Log extends LogReader {
  /**
   * Records bytes, several parts as if joined; they are copied at once.
   * @throws E_LOCKED when the store was taken over; E_QUOTA and others: then it is not recorded, and nothing else is lost
   */
  append(...parts: readonly Uint8Array[]): Promise<void>;
  /** Resolves once all that was recorded is on the device. @throws as {@link Log.append} */
  commit(): Promise<void>;
  /**
   * Starts a generation with the state after all records so far, whose bytes must not change until it resolves; others may be recorded meanwhile.
   * Generations before `from`, by default all, are gone when it resolves, their bytes included.
   * @throws E_STATE while another snapshot is under way
   */
  snapshot(parts: ReadonlyMap<string, Uint8Array>, from?: number): Promise<void>;
  /** Rewrites generations in one commit: what they held and hold no more is gone when it resolves. @throws E_STATE while a snapshot is under way */
  compact(how: Compaction): Promise<void>;
  stats(): LogStats;
  /** Commits, and lets go of the store. */
  close(): Promise<void>;
  /** Removes all there is, and lets go. */
  erase(): Promise<void>;
}

/** Returns what callers see of a generation. */
export function infoOf({ id, snapshot, journal }: Generation): GenerationInfo {
  const records = journal.reduce((sum, { length }) => sum + length, 0);
  const segments = journal.length + (snapshot === null ? 0 : 1);
  return { id, snapshot: snapshot !== null, bytes: [snapshot?.length ?? 0, records], segments };
}

/** Returns the generation called `id`, by default the last. @throws E_CONFIG */
export function pickGeneration(
  store: string,
  generations: readonly Generation[],
  id: number | undefined = generations.at(-1)?.id,
): Generation {
  const found = generations.find((generation) => generation.id === id);
  if (found !== undefined) return found;
  fail("E_CONFIG", `${store}: no such generation; expected one of ${generations.map((each) => each.id).join(", ")}, got ${id}`, {
    hint: "Older generations are gone unless a snapshot is told to keep them.",
  });
}
