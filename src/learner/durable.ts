/**
 * A learner's store while it learns: each change is recorded before it is done, and a snapshot is taken whenever changes since the last one took
 * fifty times as long as a snapshot does. Whoever opens it takes the snapshot and does the recorded changes again, in the same steps.
 */
import { fail, isError } from "../errors.ts";
import type { Storage, Store } from "../store/index.ts";
import type { Log, LogStats } from "../store/log.ts";
import { openLog } from "../store/open.ts";
import type { Config, Durability } from "./config.ts";
import type { Engine } from "./engine.ts";
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
}

/** Time between snapshots, in times one takes. */
const SPACING = 50;
const LEAST_MS = 1000;
/** Bytes of records beyond which a snapshot is taken, whatever it costs. */
const MOST_BYTES = 2 ** 28;
/** The part of a snapshot that stores call their value. */
const PART = "checkpoint";

/** The log of one learner. */
export class Durable {
  readonly #log: Log;
  /** The files among which the log lies. */
  readonly files: Storage;
  /** The rows of the memory, where they lie in one of them. */
  pages: Pages | undefined;
  readonly #durability: Durability;
  /** Milliseconds that changes took since the last snapshot. */
  #worked = 0;
  #snapshotMs = 0;
  #bytes = 0;
  /** Whether the state is not what the records lead to: nothing more is recorded before a snapshot stands in their place. */
  owes = false;
  /** Why what was recorded without waiting failed. */
  #failed: unknown;
  #recording: Promise<void> = Promise.resolve();
  readonly #unwatch: () => void;

  private constructor(log: Log, files: Storage, durability: Durability) {
    this.#log = log;
    this.files = files;
    this.#durability = durability;
    this.#unwatch = onHidden(() => this.commit().catch(() => {}));
  }

  /** @throws E_CONFIG where the store has no log; E_LOCKED while another writes; E_CORRUPT E_VERSION */
  static async open(store: Store, durability: Durability): Promise<Durable> {
    if (store.open === undefined)
      fail("E_CONFIG", `${store.name}: this store keeps one file; expected one that can record changes, got a file store`, {
        hint: "Use stores.auto(name) or stores.folder(path), or leave out durability and call save().",
      });
    const files = await store.open("write");
    return new Durable(await openLog(files, { durability }), files, durability);
  }

  /** Owners of the store so far. */
  get epoch(): number {
    return this.#log.epoch;
  }

  get info(): StorageInfo {
    const { place, persistent, damage } = this.#log;
    return { place, persistent, damage, durability: this.#durability, stats: this.#log.stats() };
  }

  /** Returns the bytes of the snapshot; undefined before the first. */
  async snapshotBytes(): Promise<Uint8Array | undefined> {
    return (await this.#log.parts()).get(PART);
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
    await this.pages?.settle();
    const parts = encodeOperation(operation);
    this.#bytes += parts.reduce((sum, { length }) => sum + length, 0);
    await this.#log.append(...parts);
  }

  /** Records a change that is done already; where that fails, the next call says so. */
  appendLater(operation: Operation): void {
    if (this.owes) return;
    this.#recording = this.#recording
      .then(() => this.#log.append(...encodeOperation(operation)))
      .catch((error: unknown) => {
        this.#failed = error;
      });
  }

  /** Notes how long a change took; to repeat it would take as long. */
  worked(milliseconds: number): void {
    this.#worked += milliseconds;
  }

  /** Returns whether it is time for a snapshot. */
  get due(): boolean {
    return this.#bytes > MOST_BYTES || this.#worked > Math.max(SPACING * this.#snapshotMs, LEAST_MS);
  }

  /** Starts anew from the state as it is: what was recorded before is gone. */
  async snapshot(engine: Engine): Promise<number> {
    const began = performance.now();
    await this.#recording;
    await this.pages?.prepare();
    const bytes = await encodeSnapshot(engine);
    await this.#log.snapshot(new Map([[PART, bytes]]));
    this.owes = false;
    this.#bytes = 0;
    this.#worked = 0;
    this.#snapshotMs = performance.now() - began;
    await this.pages?.committed();
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
    await this.pages?.rest();
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
