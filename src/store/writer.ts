import { joined } from "../bytes.ts";
import { fail, PalimpsestError } from "../errors.ts";
import { isColumn } from "./column.ts";
import { chunksOf, opening, readParts, readRecords, segmentOf } from "./contents.ts";
import { sha256Hex } from "./digest.ts";
import { type Extent, encodeFrames, kinds } from "./frame.ts";
import { epochOf, fresh, type Generation, type Head } from "./head.ts";
import { Ledger } from "./ledger.ts";
import { type GenerationInfo, infoOf, type Log, type LogStats, pickGeneration } from "./log.ts";
import { Meter } from "./meter.ts";
import type { Place, Storage } from "./storage.ts";

/** When records are committed. */
interface Grouping {
  readonly strict: boolean;
  readonly groupMs: number;
  readonly groupBytes: number;
}

/** Records that are written together. */
interface Batch {
  readonly records: Uint8Array[];
  bytes: number;
  /** Ends the wait for more of them. */
  hurry: () => void;
  readonly done: Promise<void>;
}

/**
 * Commit: append, flush, write the other slot, flush, acknowledge. What fails touches nothing that was acknowledged: a failed flush may have
 * dropped what it was to keep, so its segment gets no further bytes, and what was acknowledged but not committed is written again to a new
 * one; a slot that failed is written again, never the other.
 */
export class Writer implements Log {
  readonly name: string;
  readonly place: Place;
  readonly persistent: boolean;
  readonly epoch: number;
  readonly damage: readonly string[];
  readonly #ledger: Ledger;
  readonly #grouping: Grouping;
  readonly #meter = new Meter();
  /** Where records go; a new one where there is none. */
  #segment: Extent | undefined;
  /** Records since the last commit: acknowledged, or about to be. */
  #open: Uint8Array[] = [];
  #batch: Batch | undefined;
  /** Their bytes, and the time of the first, where they wait for others. */
  #bytes = 0;
  #since = 0;
  /** A flush beside which records are written. */
  #flushing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy: string | undefined;
  #closing: Promise<void> | undefined;

  constructor(storage: Storage, head: Head, damage: readonly string[], grouping: Grouping) {
    this.name = storage.name;
    this.place = storage.place;
    this.persistent = storage.persistent;
    this.epoch = head.epoch;
    this.damage = damage;
    this.#ledger = new Ledger(storage, head);
    this.#grouping = grouping;
  }

  get generations(): readonly GenerationInfo[] {
    return this.#ledger.head.generations.map(infoOf);
  }

  parts(id?: number): Promise<Map<string, Uint8Array>> {
    return this.#ledger.turn(() => readParts(this.#ledger.storage, this.#ledger.head.store, this.#pick(id)));
  }

  async *records(id?: number): AsyncGenerator<Uint8Array> {
    if (this.#ledger.over !== undefined) throw this.#ledger.over;
    yield* readRecords(this.#ledger.storage, this.#ledger.head.store, this.#pick(id).journal);
  }

  stats(): LogStats {
    return this.#meter.stats();
  }

  append(...parts: readonly Uint8Array[]): Promise<void> {
    const record = parts.length === 1 ? (parts[0] as Uint8Array).slice() : joined(parts);
    this.#batch ??= this.#newBatch();
    const batch = this.#batch;
    batch.records.push(record);
    batch.bytes += record.length;
    if (batch.bytes >= this.#grouping.groupBytes) batch.hurry();
    return batch.done;
  }

  commit(): Promise<void> {
    this.#closeBatch();
    return this.#ledger.turn(() => this.#commit());
  }

  async snapshot(parts: ReadonlyMap<string, Uint8Array>, keep: (generation: GenerationInfo) => boolean = () => false): Promise<void> {
    await this.#alone("snapshot", async () => {
      // The journal is cut at once; what is appended from here on belongs to the new generation.
      const cut = this.#ledger.turn(() => this.#cut());
      const described = [...parts].map(async ([name, bytes]) => ({ name, length: bytes.length, sha256: await sha256Hex(bytes) }));
      const [place, contents] = await Promise.all([cut, Promise.all(described)]);
      const { text, bytes, extent: start } = opening({ store: this.#ledger.head.store, file: this.#ledger.newName(), parts: contents });
      const root = await sha256Hex(text);
      await this.#ledger.making([start.file], async () => {
        let extent = start;
        await this.#ledger.turn(() => this.#ledger.create(extent.file, bytes));
        for (const chunk of chunksOf(parts.values())) {
          const { bytes: frame, extent: longer } = encodeFrames(extent, kinds.chunk, [chunk]);
          await this.#ledger.turn(() => this.#write(extent, frame));
          extent = longer;
        }
        await this.#ledger.turn(() => this.#ledger.storage.flush(extent.file));
        await this.#ledger.turn(async () => {
          await this.#commit();
          const last = this.#ledger.last();
          const before = [...this.#ledger.head.generations.slice(0, -1), { ...last, journal: last.journal.slice(0, place) }];
          const next: Generation = { id: last.id + 1, snapshot: { ...extent, root }, journal: last.journal.slice(place) };
          await this.#ledger.replace([...before.filter((each) => keep(infoOf(each))), next]);
        });
      });
    });
  }

  async compact(edit: (record: Uint8Array) => Uint8Array | undefined): Promise<void> {
    await this.#alone("compact", () =>
      this.#ledger.turn(async () => {
        await this.#cut();
        const made: string[] = [];
        await this.#ledger.making(made, async () => {
          const generations: Generation[] = [];
          for (const each of this.#ledger.head.generations)
            generations.push({ ...each, journal: await this.#edited(each.journal, edit, made) });
          if (made.length > 0) await this.#ledger.replace(generations);
        });
      }),
    );
  }

  async close(): Promise<void> {
    this.#closing ??= this.#end(async () => {
      await this.#commit();
      await this.#settled();
      // Whoever waits may claim the store from the moment that it is free; all is committed then.
      await this.#ledger.put({ owner: "" }).catch((error: PalimpsestError) => {
        if (error.code !== "E_LOCKED") throw error;
      });
    });
    await this.#closing;
  }

  async erase(): Promise<void> {
    this.#closing = this.#end(async () => {
      this.#open = [];
      this.#segment = undefined;
      await this.#settled();
      await this.#ledger.replace(fresh);
      const { storage } = this.#ledger;
      const files = await storage.list();
      for (const file of files.filter(isColumn)) await storage.remove(file);
      const heads = files.filter((file) => epochOf(file) > 0);
      for (const head of heads.sort((a, b) => epochOf(a) - epochOf(b))) await storage.remove(head);
    });
    await this.#closing;
  }

  async #alone(what: string, run: () => Promise<void>): Promise<void> {
    if (this.#busy !== undefined)
      fail("E_STATE", `${this.name}: ${what} while there is a ${this.#busy} under way; expected one at a time, got two`);
    this.#busy = what;
    this.#closeBatch();
    try {
      await run();
    } finally {
      this.#busy = undefined;
    }
  }

  async #end(run: () => Promise<void>): Promise<void> {
    this.#closeBatch();
    clearTimeout(this.#timer);
    try {
      await this.#ledger.turn(run);
    } finally {
      this.#ledger.over = new PalimpsestError("E_STATE", `${this.name}: the log is closed; expected an open one, got a call after close()`);
      await this.#ledger.storage.close();
    }
  }

  #newBatch(): Batch {
    const records: Uint8Array[] = [];
    const { strict, groupMs } = this.#grouping;
    let hurry = (): void => undefined;
    const full = new Promise<void>((resolve) => {
      hurry = resolve;
    });
    const done = this.#ledger.turn(async () => {
      if (strict && groupMs > 0) await Promise.race([full, new Promise((resolve) => setTimeout(resolve, groupMs))]);
      if (this.#batch?.records === records) this.#batch = undefined;
      await this.#store(records);
    });
    return { records, bytes: 0, hurry, done };
  }

  /** Resolves once no flush is under way, before files are removed or closed. */
  async #settled(): Promise<void> {
    await this.#flushing?.catch(() => undefined);
  }

  #closeBatch(): void {
    this.#batch?.hurry();
    this.#batch = undefined;
  }

  async #store(records: readonly Uint8Array[]): Promise<void> {
    const before = this.#open.length;
    this.#open.push(...records);
    try {
      const waits = !this.#grouping.strict && this.#segment !== undefined;
      if (this.#segment !== undefined) await this.#extend(this.#segment, records);
      // A segment is of use from when a head speaks of it.
      if (!waits || this.#isLate(before === 0, sizeOf(records))) await this.#commit();
      else this.#commitSoon(sizeOf(records));
    } catch (error) {
      this.#open.length = before;
      throw error;
    }
    this.#meter.wrote(records);
  }

  async #extend(segment: Extent, records: readonly Uint8Array[]): Promise<void> {
    const { bytes, extent } = encodeFrames(segment, kinds.record, records);
    await this.#write(segment, bytes);
    this.#segment = extent;
  }

  #write({ file, length }: Extent, bytes: Uint8Array): Promise<void> {
    return this.#ledger.storage.write(file, length, bytes);
  }

  /** Tells whether what was to be committed behind is not: a program that only computes lets no timer fire and no flush end. */
  #isLate(first: boolean, bytes: number): boolean {
    const now = performance.now();
    if (first) this.#since = now;
    return now - this.#since >= this.#grouping.groupMs || this.#bytes + bytes >= 2 * this.#grouping.groupBytes;
  }

  #commitSoon(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= this.#grouping.groupBytes) this.#commitBehind();
    else this.#timer ??= unreferenced(setTimeout(() => this.#commitBehind(), this.#grouping.groupMs));
  }

  /**
   * Commits what was recorded so far while more is recorded: records of 25 kB, as fast as they come, take 0.15 ms so, and 0.32 ms where they
   * wait for the device (Node). What fails here is told by stats() and tried again by the next call.
   */
  #commitBehind(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [segment, open] = [this.#segment, this.#open];
    const count = open.length;
    if (segment === undefined || count === 0 || this.#flushing !== undefined) return;
    const start = performance.now();
    this.#flushing = this.#ledger.storage.flush(segment.file).finally(() => {
      this.#flushing = undefined;
    });
    const flushed = this.#flushing.then(
      () => undefined,
      (error: PalimpsestError) => error,
    );
    const commit = async (): Promise<void> => {
      const failure = await flushed;
      // Another commit may have had all this done meanwhile, or have failed, which gives the segment up.
      if (this.#open !== open || this.#segment?.file !== segment.file) return;
      try {
        if (failure !== undefined) throw failure;
        await this.#list(segment);
        this.#bytes -= sizeOf(open.splice(0, count));
        this.#since = start;
        this.#meter.committed(performance.now() - start);
      } catch (error) {
        this.#segment = undefined;
        this.#meter.failed(error as PalimpsestError);
      }
    };
    flushed.then(() => this.#ledger.turn(commit)).catch(() => undefined);
  }

  /** Makes what was recorded durable. On a failure, what was acknowledged of it is still to be committed. */
  async #commit(): Promise<void> {
    if (this.#open.length === 0) return;
    const start = performance.now();
    const made: string[] = [];
    try {
      await this.#ledger.making(made, async () => {
        const segment = this.#segment ?? (await this.#begin(made));
        await this.#ledger.storage.flush(segment.file);
        await this.#list(segment);
        this.#segment = segment;
      });
    } catch (error) {
      this.#segment = undefined;
      this.#meter.failed(error as PalimpsestError);
      throw error;
    }
    this.#open = [];
    this.#bytes = 0;
    this.#meter.committed(performance.now() - start);
  }

  /** Commits that records are up to an extent. */
  #list(segment: Extent): Promise<void> {
    const last = this.#ledger.last();
    const journal = [...last.journal.filter(({ file }) => file !== segment.file), segment];
    return this.#ledger.put({ generations: [...this.#ledger.head.generations.slice(0, -1), { ...last, journal }] });
  }

  /** Writes all that is to be committed to a new segment. */
  async #begin(made: string[]): Promise<Extent> {
    const { bytes, extent } = segmentOf({ store: this.#ledger.head.store, file: this.#ledger.newName() }, this.#open);
    made.push(extent.file);
    await this.#ledger.create(extent.file, bytes);
    return extent;
  }

  /** Commits, and has records go to a new segment; returns how many extents the present generation has. */
  async #cut(): Promise<number> {
    await this.#commit();
    await this.#settled();
    this.#segment = undefined;
    return this.#ledger.last().journal.length;
  }

  /** Returns extents as `edit` would have them: the same ones when it changes nothing, else one that it makes. */
  async #edited(
    journal: readonly Extent[],
    edit: (record: Uint8Array) => Uint8Array | undefined,
    made: string[],
  ): Promise<readonly Extent[]> {
    const { store } = this.#ledger.head;
    let changed = false;
    for await (const record of readRecords(this.#ledger.storage, store, journal)) if (edit(record) !== record) changed = true;
    if (!changed) return journal;
    const { bytes, extent: start } = opening({ store, file: this.#ledger.newName() });
    made.push(start.file);
    await this.#ledger.create(start.file, bytes);
    let extent = start;
    for await (const record of readRecords(this.#ledger.storage, store, journal)) {
      const edited = edit(record);
      if (edited === undefined) continue;
      const frame = encodeFrames(extent, kinds.record, [edited]);
      await this.#write(extent, frame.bytes);
      extent = frame.extent;
    }
    await this.#ledger.storage.flush(extent.file);
    return [extent];
  }

  #pick(id?: number): Generation {
    return pickGeneration(this.name, this.#ledger.head.generations, id);
  }
}

function sizeOf(records: readonly Uint8Array[]): number {
  return records.reduce((sum, { length }) => sum + length, 0);
}

/** Node waits for no timer that is let go of, so that a program may end. */
function unreferenced<T>(timer: T): T {
  (timer as { unref?: () => void }).unref?.();
  return timer;
}
