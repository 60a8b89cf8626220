import { fail, PalimpsestError } from "../errors.ts";
import { checkFence } from "./claim.ts";
import { isColumn } from "./column.ts";
import { chunksOf, opening, readParts, readRecords, segmentOf } from "./contents.ts";
import { sha256Hex } from "./digest.ts";
import { type Extent, encodeFrames, kinds } from "./frame.ts";
import { Gatherer, type Grouping } from "./gather.ts";
import { epochOf, fresh, type Generation, type Head } from "./head.ts";
import { Ledger } from "./ledger.ts";
import { type Compaction, type GenerationInfo, infoOf, type Log, type LogStats, pickGeneration } from "./log.ts";
import { Meter } from "./meter.ts";
import { failureOf, macrotask, unreferenced } from "./pause.ts";
import type { Place, Storage } from "./storage.ts";

/** For how much longer than `groupMs` records may wait for the device before further ones wait with them. */
const PATIENCE_MS = 1000;

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
  readonly #gatherer: Gatherer;
  /** Their bytes, and the time of the first, where they wait for others. */
  #bytes = 0;
  #since = 0;
  /** A commit beside which records are written, and its flush of them. */
  #committing: Promise<void> | undefined;
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
    this.#gatherer = new Gatherer(
      grouping,
      (run) => this.#ledger.turn(run, true),
      (records) => this.#store(records),
    );
  }

  get id(): string {
    return this.#ledger.head.store;
  }

  get generations(): readonly GenerationInfo[] {
    return this.#ledger.head.generations.map(infoOf);
  }

  parts(id?: number): Promise<Map<string, Uint8Array>> {
    return this.#ledger.turn(() => readParts(this.#ledger.storage, this.#ledger.head.store, this.#pick(id)));
  }

  async *records(id?: number): AsyncGenerator<Uint8Array> {
    if (this.#ledger.over !== undefined) throw this.#ledger.over;
    try {
      yield* readRecords(this.#ledger.storage, this.#ledger.head.store, this.#pick(id).journal);
    } catch (error) {
      throw await this.#ledger.explained(error);
    }
  }

  stats(): LogStats {
    return this.#meter.stats();
  }

  append(...parts: readonly Uint8Array[]): Promise<void> {
    return this.#gatherer.add(parts);
  }

  async commit(): Promise<void> {
    this.#gatherer.end();
    await this.#ledger.turn(async () => undefined, true);
    // One that is under way began before these records came.
    await failureOf(this.#committing);
    await this.#commitBeside().catch((error: unknown) => {
      if (this.#closing === undefined) throw error;
      return this.#closing;
    });
  }

  async snapshot(parts: ReadonlyMap<string, Uint8Array>, from: number = Number.POSITIVE_INFINITY): Promise<void> {
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
          await this.#ledger.replace([...before.filter(({ id }) => id >= from), next]);
        });
      });
    });
  }

  async compact({ from = 0, onto = Number.POSITIVE_INFINITY, edit }: Compaction): Promise<void> {
    await this.#alone("compact", () =>
      this.#ledger.turn(async () => {
        await this.#cut();
        const { generations } = this.#ledger.head;
        const made: string[] = [];
        await this.#ledger.making(made, async () => {
          const after: Generation[] = [];
          for (const each of generations.filter(({ id }) => id >= from)) {
            const { id } = each;
            const journal = edit === undefined ? each.journal : await this.#edited(each.journal, (record) => edit(record, id), made);
            const before = id > onto ? after.pop() : undefined;
            after.push(before === undefined ? { ...each, journal } : { ...before, journal: [...before.journal, ...journal] });
          }
          if (after.length < generations.length || made.length > 0) await this.#ledger.replace(after);
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
      const heads = files.filter((file) => epochOf(file) > 0 && epochOf(file) <= this.epoch);
      for (const head of heads.sort((a, b) => epochOf(a) - epochOf(b))) await storage.remove(head);
    });
    await this.#closing;
  }

  async #alone(what: string, run: () => Promise<void>): Promise<void> {
    if (this.#busy !== undefined)
      fail("E_STATE", `${this.name}: ${what} while there is a ${this.#busy} under way; expected one at a time, got two`);
    this.#busy = what;
    this.#gatherer.end();
    try {
      await run();
    } finally {
      this.#busy = undefined;
    }
  }

  async #end(run: () => Promise<void>): Promise<void> {
    this.#gatherer.end();
    clearTimeout(this.#timer);
    try {
      await this.#ledger.turn(run);
    } finally {
      this.#ledger.over = new PalimpsestError("E_STATE", `${this.name}: the log is closed; expected an open one, got a call after close()`);
      await this.#ledger.storage.close();
    }
  }

  /** Resolves once no flush is under way, before files are removed or closed. */
  async #settled(): Promise<void> {
    await failureOf(this.#flushing);
  }

  async #store(records: readonly Uint8Array[]): Promise<void> {
    const first = this.#open.length === 0;
    this.#open.push(...records);
    try {
      const waits = !this.#grouping.strict && this.#segment !== undefined;
      if (this.#segment !== undefined) await this.#extend(this.#segment, records);
      // A segment is of use from when a head speaks of it.
      if (!waits) await this.#commit();
      else {
        await this.#checkOwner();
        await this.#commitSoon(first, sizeOf(records));
      }
    } catch (error) {
      this.#open.length -= records.length;
      throw error;
    }
    this.#meter.wrote(records);
  }

  /** Whoever claims the store takes over what it finds: what was written before has been found, where nobody has claimed it yet. */
  async #checkOwner(): Promise<void> {
    try {
      await checkFence(this.#ledger.storage, this.epoch);
    } catch (error) {
      // What is there but not acknowledged is not to be committed with what is.
      this.#segment = undefined;
      throw error;
    }
  }

  async #extend(segment: Extent, records: readonly Uint8Array[]): Promise<void> {
    const { bytes, extent } = encodeFrames(segment, kinds.record, records);
    await this.#write(segment, bytes);
    this.#segment = extent;
  }

  #write({ file, length }: Extent, bytes: Uint8Array): Promise<void> {
    return this.#ledger.storage.write(file, length, bytes);
  }

  /** Has records committed in time, though a program that only computes lets no timer fire and no flush end. */
  async #commitSoon(first: boolean, bytes: number): Promise<void> {
    const now = performance.now();
    if (first) this.#since = now;
    this.#bytes += bytes;
    const { groupMs, groupBytes } = this.#grouping;
    const late = now - this.#since - groupMs;
    if (late >= PATIENCE_MS || this.#bytes >= 2 * groupBytes) return this.#commit();
    if (late >= 0 || this.#bytes >= groupBytes) {
      this.#commitBeside().catch(() => undefined);
      await macrotask();
    } else this.#timer ??= unreferenced(setTimeout(() => void this.#commitBeside().catch(() => undefined), groupMs));
  }

  /**
   * Commits what was recorded so far while more is recorded: records of 25 kB, as fast as they come, take 0.15 ms so, and 0.32 ms where they
   * wait for the device (Node). What fails here is told by stats() too, and tried again by the next call.
   */
  #commitBeside(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#committing ??= this.#beside().finally(() => {
      this.#committing = undefined;
    });
    return this.#committing;
  }

  async #beside(): Promise<void> {
    const [segment, open] = [this.#segment, this.#open];
    const count = open.length;
    if (segment === undefined || count === 0) return this.#ledger.turn(() => this.#commit());
    const start = performance.now();
    this.#flushing = this.#ledger.storage.flush(segment.file).finally(() => {
      this.#flushing = undefined;
    });
    const failure = await failureOf(this.#flushing);
    let failed: unknown;
    const end = (error?: unknown): void => {
      failed = error;
      if (error === undefined) {
        this.#bytes -= sizeOf(open.splice(0, count));
        this.#since = start;
        this.#meter.committed(performance.now() - start);
      } else this.#giveUp(error);
    };
    await this.#ledger.turn(async () => {
      await this.#ledger.settle();
      // Another commit may have had all this done meanwhile, or have failed, which gives the segment up.
      if (this.#open !== open || this.#segment?.file !== segment.file) return this.#commit();
      try {
        if (failure !== undefined) throw failure;
        await this.#ledger.start(this.#listing(segment), end);
      } catch (error) {
        this.#giveUp(error);
        throw error;
      }
    }, true);
    await this.#ledger.arrived();
    await this.#ledger.turn(async () => undefined);
    if (failed !== undefined) throw failed;
  }

  /** What a commit failed to keep is written anew, to another segment. */
  #giveUp(error: unknown): void {
    this.#segment = undefined;
    this.#meter.failed(error as PalimpsestError);
  }

  /** Makes what was recorded durable. On a failure, what was acknowledged of it is still to be committed. */
  async #commit(): Promise<void> {
    await this.#ledger.settle();
    if (this.#open.length === 0) return;
    const start = performance.now();
    const made: string[] = [];
    try {
      await this.#ledger.making(made, async () => {
        const segment = this.#segment ?? (await this.#begin(made));
        await this.#ledger.storage.flush(segment.file);
        await this.#ledger.put(this.#listing(segment));
        this.#segment = segment;
      });
    } catch (error) {
      this.#giveUp(error);
      throw error;
    }
    this.#open = [];
    this.#bytes = 0;
    this.#meter.committed(performance.now() - start);
  }

  /** What a head says of records up to an extent. */
  #listing(segment: Extent): Partial<Head> {
    const last = this.#ledger.last();
    const journal = [...last.journal.filter(({ file }) => file !== segment.file), segment];
    return { generations: [...this.#ledger.head.generations.slice(0, -1), { ...last, journal }] };
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
