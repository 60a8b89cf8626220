/**
 * A learner's store while it learns: each change is recorded before it is done, and a snapshot is taken whenever changes since the last one took
 * fifty times as long as a snapshot does. Whoever opens it takes the snapshot and does the recorded changes again, in the same steps.
 */
import { describe, fail, isError } from "../errors.ts";
import type { Store } from "../store/index.ts";
import type { Log, LogStats } from "../store/log.ts";
import { openLog } from "../store/open.ts";
import type { Config, Durability } from "./config.ts";
import type { Engine, StepOutputs } from "./engine.ts";
import { Annals, type History } from "./annals.ts";
import { decodeOperation, encodeOperation } from "./journal.ts";
import type { Operation } from "./operation.ts";
import { encodeState } from "./snapshot.ts";

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
  readonly history: History;
  /**
   * Notes something of the caller's, such as where its stream stands, as JSON: it lasts as changes do, behind those before it and before those after
   * it. From the first note on, the learner's history is kept. @throws E_DATA; E_LOCKED E_QUOTA and others of storage: then it is not noted
   */
  note(value: unknown): Promise<void>;
}

/** Time between snapshots, in times one takes. */
const SPACING = 50;
const LEAST_MS = 1000;
/** Bytes of records beyond which a snapshot is taken, whatever it costs. */
const MOST_BYTES = 2 ** 28;
/** The part of a snapshot that stores call their value. */
const PART = "checkpoint";
/** The part that holds the history, where there is one. */
const HISTORY = "history";

/** The log of one learner. */
export class Durable {
  readonly #log: Log;
  readonly #durability: Durability;
  /** Milliseconds that changes took since the last snapshot. */
  #worked = 0;
  #snapshotMs = 0;
  #history = new Annals();
  #bytes = 0;
  /** Why what was recorded without waiting failed. */
  #failed: unknown;
  #recording: Promise<void> = Promise.resolve();
  readonly #unwatch: () => void;

  private constructor(log: Log, durability: Durability) {
    this.#log = log;
    this.#durability = durability;
    this.#unwatch = onHidden(() => this.commit().catch(() => {}));
  }

  /** @throws E_CONFIG where the store has no log; E_LOCKED while another writes; E_CORRUPT E_VERSION */
  static async open(store: Store, durability: Durability): Promise<Durable> {
    if (store.open === undefined)
      fail("E_CONFIG", `${store.name}: this store keeps one file; expected one that can record changes, got a file store`, {
        hint: "Use stores.auto(name) or stores.folder(path), or leave out durability and call save().",
      });
    return new Durable(await openLog(await store.open("write"), { durability }), durability);
  }

  get info(): StorageInfo {
    const { place, persistent, damage } = this.#log;
    const note = (value: unknown): Promise<void> => this.#note(value);
    return { place, persistent, damage, durability: this.#durability, stats: this.#log.stats(), history: this.#history, note };
  }

  /** Returns the bytes of the snapshot, whose history goes on; undefined before the first. @throws E_CORRUPT */
  async snapshotBytes(): Promise<Uint8Array | undefined> {
    const parts = await this.#log.parts();
    this.#history = new Annals(parts.get(HISTORY), this.#log.name);
    return parts.get(PART);
  }

  /** Yields what was recorded since the snapshot. @throws E_CORRUPT E_DATA */
  async *operations(config: Config): AsyncGenerator<Operation> {
    for await (const record of this.#log.records()) {
      this.#bytes += record.length;
      yield decodeOperation(record, config, this.#log.name);
    }
  }

  /** Records a change. @throws E_LOCKED E_QUOTA and others of storage: then it is not recorded */
  async append(operation: Operation): Promise<void> {
    await this.#recording;
    if (this.#failed !== undefined) {
      const error = this.#failed;
      this.#failed = undefined;
      throw error;
    }
    const parts = encodeOperation(operation);
    this.#bytes += parts.reduce((sum, { length }) => sum + length, 0);
    await this.#log.append(...parts);
  }

  /** Records a change that is done already; where that fails, the next call says so. */
  appendLater(operation: Operation): void {
    this.#recording = this.#recording
      .then(() => this.#log.append(...encodeOperation(operation)))
      .catch((error: unknown) => {
        this.#failed = error;
      });
  }

  async #note(value: unknown): Promise<void> {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) fail("E_DATA", `note: JSON cannot keep this; expected plain data, got ${describe(value)}`);
    const operation: Operation = { kind: "note", value: JSON.parse(text) };
    const noted = this.#recording.then(async () => {
      await this.#log.append(...encodeOperation(operation));
      this.#history.add(operation, undefined);
    });
    this.#recording = noted.catch(() => {});
    await noted;
  }

  /** Takes in that a change is done, and how long it took; to repeat it would take as long. */
  worked(operation: Operation, outputs: StepOutputs | undefined, milliseconds: number): void {
    this.#history.add(operation, outputs);
    this.#worked += milliseconds;
  }

  /** Returns whether it is time for a snapshot. */
  get due(): boolean {
    return this.#bytes > MOST_BYTES || this.#worked > Math.max(SPACING * this.#snapshotMs, LEAST_MS);
  }

  /** Starts anew from the state as it is: what was recorded before is gone. */
  async snapshot(engine: Engine): Promise<number> {
    const began = performance.now();
    const bytes = await encodeState(engine);
    // From here to the cut of the journal nothing is noted, so that a note is in what is before the cut or behind it, not in both.
    await this.#recording;
    const history = this.#history.bytes();
    await this.#log.snapshot(new Map([[PART, bytes], ...(history === undefined ? [] : [[HISTORY, history] as const])]));
    this.#bytes = 0;
    this.#worked = 0;
    this.#snapshotMs = performance.now() - began;
    return bytes.length;
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

  async commit(): Promise<void> {
    await this.#recording;
    await this.#log.commit();
  }

  async close(): Promise<void> {
    this.#unwatch();
    await this.#recording;
    await this.#log.close();
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
