/**
 * A learner's store while it learns: each change is recorded before it is done, and a snapshot is taken whenever changes since the last one took
 * fifty times as long as a snapshot does. Whoever opens it takes the snapshot and does the recorded changes again, in the same steps.
 */
import { describe, fail, isError } from "../errors.ts";
import type { ClaimOptions } from "../store/claim.ts";
import type { Storage, Store } from "../store/index.ts";
import type { Log, LogStats } from "../store/log.ts";
import { openLog } from "../store/open.ts";
import { Annals, type Chronicle } from "./annals.ts";
import type { Config, Durability } from "./config.ts";
import type { Engine, StepOutputs } from "./engine.ts";
import { Handed } from "./handed.ts";
import { decodeOperation, encodeOperation } from "./journal.ts";
import type { Operation } from "./operation.ts";
import type { Pages } from "./pages.ts";
import { encodeSnapshot } from "./snapshot.ts";

/** Where a learner's changes are recorded. */
export interface StorageInfo {
  readonly place: "files" | "opfs" | "indexeddb" | "memory";
  /** Whether only the user removes it; false where the browser may, to make room. */
  readonly persistent: boolean;
  readonly durability: Durability;
  /** What was found damaged when it was opened, and could be done without. */
  readonly damage: readonly string[];
  readonly stats: LogStats;
  /** What was done since the first note, and all notes. */
  readonly annals: Chronicle;
  /**
   * Notes something of the caller's, such as where its stream stands, as JSON: it lasts as changes do, behind those before it and before those after
   * it. From the first note on, the learner's annals are kept. @throws E_DATA; E_LOCKED E_QUOTA and others of storage: then it is not noted
   */
  note(value: unknown): Promise<void>;
}

/** Time between snapshots, in times one takes. */
const SPACING = 50;
const LEAST_MS = 1000;
/** Bytes of records beyond which a snapshot is taken, whatever it costs. */
const MOST_BYTES = 2 ** 28;
/** Files of one generation, and of all that are kept, beyond which fewer are made: a head has room for about four hundred. */
const MOST_SEGMENTS = 64;
const MOST_KEPT = 200;
/** The part of a snapshot that stores call their value. */
const PART = "checkpoint";
/** The part that holds the annals, where there are any. */
const ANNALS = "annals";

/** The log of one learner. */
export class Durable {
  readonly #log: Log;
  /** The files among which the log lies. */
  readonly files: Storage;
  /** The rows of the memory, where they lie in one of them. */
  pages: Pages | undefined;
  readonly #durability: Durability;
  readonly #history: number;
  #owes = false;
  /** What followers handed over. */
  handed: Handed = new Handed();
  /** Milliseconds that changes took since the last snapshot. */
  #worked = 0;
  #snapshotMs = 0;
  #bytes = 0;
  /** Why what was recorded without waiting failed. */
  #failed: unknown;
  #recording: Promise<void> = Promise.resolve();
  /** What was done and noted; none before the first note. */
  annals: Annals = new Annals();
  readonly #unwatch: () => void;

  private constructor(log: Log, files: Storage, durability: Durability, history: number) {
    this.#log = log;
    this.files = files;
    this.#durability = durability;
    this.#history = history;
    this.#unwatch = onHidden(() => this.commit().catch(() => {}));
  }

  /** @throws E_CONFIG where the store has no log; E_LOCKED while another writes; E_CORRUPT E_VERSION */
  static async open(store: Store, durability: Durability, history: number, claim: ClaimOptions = {}): Promise<Durable> {
    if (store.open === undefined)
      fail("E_CONFIG", `${store.name}: this store keeps one file; expected one that can record changes, got a file store`, {
        hint: "Use stores.auto(name) or stores.folder(path), or leave out durability and call save().",
      });
    const files = await store.open("write");
    return new Durable(await openLog(files, { durability, ...claim }), files, durability, history);
  }

  /** What the store is called by everywhere. */
  get id(): string {
    return this.#log.id;
  }

  /** Owners of the store so far. */
  get epoch(): number {
    return this.#log.epoch;
  }

  get info(): StorageInfo {
    const { place, persistent, damage } = this.#log;
    const note = (value: unknown): Promise<void> => this.#note(value);
    return { place, persistent, damage, durability: this.#durability, stats: this.#log.stats(), annals: this.annals, note };
  }

  /** What messages call the store. */
  get name(): string {
    return this.#log.name;
  }

  /** Returns the bytes of a snapshot, by default the last; undefined before the first. */
  async snapshotBytes(generation?: number): Promise<Uint8Array | undefined> {
    const parts = await this.#log.parts(generation);
    if (generation === undefined) {
      this.handed = Handed.of(parts, this.#log.name);
      this.annals = new Annals(parts.get(ANNALS), this.#log.name);
    }
    return parts.get(PART);
  }

  /** Returns the annals up to a snapshot. @throws E_CORRUPT E_FORMAT */
  async annalsAt(generation: number): Promise<Annals> {
    return new Annals((await this.#log.parts(generation)).get(ANNALS), this.#log.name);
  }

  /** Snapshots that there are, oldest first, by the numbers of their generations. */
  get snapshots(): readonly number[] {
    return this.#log.generations.filter(({ snapshot }) => snapshot).map(({ id }) => id);
  }

  /** Whether anything was recorded since the last snapshot. */
  get recorded(): boolean {
    return (this.#log.generations.at(-1)?.bytes[1] ?? 0) > 0;
  }

  /** Yields what was recorded from a snapshot to the next, by default since the last. @throws E_CORRUPT */
  records(generation?: number): AsyncIterable<Uint8Array> {
    return this.#log.records(generation);
  }

  /** Yields what was recorded since the last snapshot; `config` tells the options as they are then. @throws E_CORRUPT E_DATA */
  async *operations(config: () => Config): AsyncGenerator<Operation> {
    for await (const record of this.records()) {
      this.#bytes += record.length;
      const operation = decodeOperation(record, config(), this.#log.name);
      this.handed.note(operation);
      yield operation;
    }
    if ((this.#log.generations.at(-1)?.segments ?? 0) > MOST_SEGMENTS) this.#bytes = Number.POSITIVE_INFINITY;
  }

  /** Records a change. @throws E_LOCKED E_QUOTA and others of storage: then it is not recorded */
  async append(operation: Operation): Promise<void> {
    await this.#recording;
    if (this.#failed !== undefined) {
      const error = this.#failed;
      this.#failed = undefined;
      throw error;
    }
    await this.pages?.settle();
    const parts = encodeOperation(operation);
    this.#bytes += parts.reduce((sum, { length }) => sum + length, 0);
    await this.#log.append(...parts);
    this.handed.note(operation);
  }

  /** Records a change that is done already; where that fails, the next call says so. */
  appendLater(operation: Operation): void {
    if (this.#owes) return;
    this.#recording = this.#recording
      .then(() => this.#log.append(...encodeOperation(operation)))
      .catch((error: unknown) => {
        this.#failed = error;
        this.#owes = true;
      });
  }

  async #note(value: unknown): Promise<void> {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) fail("E_DATA", `note: JSON cannot keep this; expected plain data, got ${describe(value)}`);
    const operation: Operation = { kind: "note", value: JSON.parse(text) };
    const noted = this.#recording.then(async () => {
      await this.#log.append(...encodeOperation(operation));
      this.annals.add(operation, undefined);
    });
    this.#recording = noted.catch(() => {});
    await noted;
  }

  /** Takes in that a change is done, and how long it took. */
  done(operation: Operation, outputs: StepOutputs | undefined, milliseconds: number): void {
    this.annals.add(operation, outputs);
    this.worked(milliseconds);
  }

  /** Notes how long changes took; to repeat them would take as long. */
  worked(milliseconds: number): void {
    this.#worked += milliseconds;
  }

  /** Whether the state is not what the records lead to: a snapshot must come before anything else is recorded. */
  get owes(): boolean {
    return this.#owes;
  }

  /** Returns whether it is time for a snapshot. */
  get due(): boolean {
    return this.#bytes > MOST_BYTES || this.#worked > Math.max(SPACING * this.#snapshotMs, LEAST_MS);
  }

  /**
   * Takes a snapshot of the state as it is, from where records begin anew. What was before is kept as far as `history` reaches; where the state is
   * not what the records lead to, nothing is.
   */
  async snapshot(engine: Engine): Promise<number> {
    const began = performance.now();
    await this.pages?.prepare();
    const bytes = await encodeSnapshot(engine);
    // From here to the cut of the journal nothing is noted, so that a note is in what is before the cut or behind it, not in both.
    await this.#recording;
    const annals = this.annals.bytes();
    const parts = new Map([[PART, bytes], ...this.handed.parts(), ...(annals === undefined ? [] : [[ANNALS, annals] as const])]);
    try {
      await this.#log.snapshot(parts, this.#oldest());
    } catch (error) {
      const last = this.#log.generations.at(-1)?.id;
      if (!isError(error, "E_QUOTA") || last === undefined) throw error;
      // What is older makes room.
      await this.#log.compact({ from: last });
      await this.#log.snapshot(parts);
    }
    this.#owes = false;
    this.#bytes = 0;
    this.#worked = 0;
    this.#snapshotMs = performance.now() - began;
    await this.pages?.committed();
    return bytes.length;
  }

  /** The oldest generation that stays when there is another; rows that lie in a file of their own are written over once a snapshot is old. */
  #oldest(): number | undefined {
    if (this.#owes || this.pages !== undefined) return undefined;
    let oldest: number | undefined;
    let [bytes, files] = [0, 0];
    for (const { id, snapshot, bytes: parts, segments } of [...this.#log.generations].reverse()) {
      bytes += parts[0] + parts[1];
      files += segments;
      if (!snapshot || (oldest !== undefined && (bytes > this.#history || files > MOST_KEPT))) break;
      oldest = id;
    }
    return oldest;
  }

  /** Takes a snapshot if it can: what is recorded is not lost without one, and it is tried again later. */
  async trySnapshot(engine: Engine): Promise<void> {
    try {
      await this.snapshot(engine);
    } catch (error) {
      if (isError(error, "E_DEVICE_LOST")) throw error;
      this.#worked = 0;
    }
  }

  /** Has the store follow a change that is not recorded; where that fails, before the next one. */
  async restart(engine: Engine): Promise<void> {
    this.#owes = true;
    await this.snapshot(engine);
  }

  /** Has the store follow a change that was recorded and could not be done, so that no one tries it again. */
  async undo(engine: Engine): Promise<void> {
    this.#owes = true;
    await this.trySnapshot(engine);
  }

  /** Goes back to a snapshot: what was recorded since becomes what `edit` returns, and snapshots since are gone. */
  async rewrite(generation: number, edit: (record: Uint8Array) => Uint8Array | undefined): Promise<void> {
    await this.#recording;
    await this.#log.compact({ onto: generation, edit: (record, id) => (id < generation ? record : edit(record)) });
  }

  async commit(): Promise<void> {
    await this.#recording;
    await this.#log.commit();
  }

  async close(): Promise<void> {
    this.#unwatch();
    await this.pages?.rest();
    await this.#recording;
    await this.#log.close().catch((error: unknown) => {
      // All that was acknowledged is another's by now.
      if (!isError(error, "E_LOCKED")) throw error;
    });
  }
}

/** Calls back when a page is hidden or frozen, after which it may not run again; returns the way to stop that. */
function onHidden(listener: () => void): () => void {
  const { document } = globalThis as { document?: Document };
  if (document === undefined) return () => {};
  const hear = (): void => {
    if (document.visibilityState === "hidden") listener();
  };
  const kinds = ["visibilitychange", "freeze"] as const;
  for (const kind of kinds) document.addEventListener(kind, hear);
  return () => {
    for (const kind of kinds) document.removeEventListener(kind, hear);
  };
}
