/**
 * The rows of a memory that lie in a file instead of the arena. The rows that a step draws are put behind those that arrive, where its program
 * finds both, so that what is learned of them has the same bits. A row is x, padded to words, and its targets.
 */
import type { Machine } from "../backend/machine.ts";
import { crc32c } from "../crc.ts";
import { fail } from "../errors.ts";
import type { Replay } from "../memory/replay.ts";
import type { Move } from "../memory/slots.ts";
import type { Column } from "../state/arena.ts";
import type { ColumnFile } from "../store/column.ts";
import type { Strategy } from "../strategy/strategy.ts";
import { holders, Places } from "./places.ts";
import { Resident } from "./resident.ts";

/** Rows as they arrived. */
interface Arrived {
  readonly count: number;
  readonly x: Float32Array | Uint8Array;
  readonly targets: Float32Array | Uint32Array;
}

/** What of an engine rows are put into. */
interface Stage {
  readonly config: { readonly strategies: readonly Pick<Strategy, "draw" | "draws" | "config">[] };
  readonly machine: Machine;
  readonly layout: Readonly<Record<"x" | "y", Column>>;
  readonly memory: { readonly replay: Replay } | undefined;
}

/** Drawn rows, and the first of their places among the rows of the step. */
interface Chosen {
  readonly first: number;
  readonly count: number;
  readonly slots: ArrayLike<number>;
}

interface Found {
  readonly rows: readonly Uint8Array[];
  readonly missing: readonly number[];
  readonly unread: readonly number[];
}

/** What a paged memory tells of its file. */
export interface PagedStats {
  /** The file in the learner's store. */
  readonly file: string;
  /** Rows there is room for in the file: those stored, those that the last snapshot speaks of, and free places. */
  readonly places: number;
  /** Bytes of rows kept in memory. */
  readonly residentBytes: number;
  /** Rows that steps found in memory, that were read while the step before was computed, and that a step had to wait for. */
  readonly hits: number;
  readonly ahead: number;
  readonly waited: number;
}

/** Draws that cost next to nothing, so that they may be made twice. */
const CHEAP: readonly string[] = ["uniform", "balanced", "recall"];
/** Rows read at once where all are. */
const AT_ONCE = 4096;
const DROPPED = 0xffffffff;

/** The rows of one learner's memory. Engines come and go, as devices do; these stay. */
export class Pages {
  readonly #file: ColumnFile;
  readonly #resident: Resident;
  readonly #places: Places;
  /** Bytes of x in a row, before its targets. */
  readonly #xBytes: number;
  /** Rows by place that are not in the file, since it could not be written. */
  readonly #waiting = new Map<number, Uint8Array>();
  /** Whether a flush failed, or is under way: what was written since the one before may be lost, though it can still be read. */
  #doubtful = false;
  /** Whether the bytes of rows that are gone must leave the file. */
  #forgets = false;
  #alone = false;
  readonly #counts = { hits: 0, ahead: 0, waited: 0 };
  /** Rows by place that were read ahead, and the reading of more. */
  readonly #ahead = new Map<number, Uint8Array>();
  #reading: Promise<void> | undefined;

  /** `pairs`: what the snapshot in the store says of `size` rows in the file. @throws E_CORRUPT */
  constructor(
    file: ColumnFile,
    size: number,
    xBytes: number,
    capacity: number,
    residentBytes: number,
    pairs: Uint32Array = new Uint32Array(0),
  ) {
    this.#file = file;
    this.#xBytes = xBytes;
    this.#resident = new Resident(residentBytes, file.rowBytes);
    this.#places = new Places(capacity, size, pairs, file.name);
  }

  get file(): string {
    return this.#file.file;
  }

  get rowBytes(): number {
    return this.#file.rowBytes;
  }

  /** Bytes of rows kept in memory. */
  get bytes(): number {
    return this.#resident.bytes;
  }

  stats(): PagedStats {
    return { file: this.file, places: this.#places.end, residentBytes: this.bytes, ...this.#counts };
  }

  /** Goes on from what a state says of its rows. @throws E_CORRUPT */
  adopt({ stores }: Replay, pairs: Uint32Array): void {
    this.#places.adopt(stores, pairs, this.#file.name);
  }

  /** Returns what a state says of its rows: places and checksums [stored, 2] in the order of the slots. */
  pairs({ stores }: Replay): Uint32Array {
    return this.#places.pairs(stores);
  }

  /** Puts drawn rows where a step of an engine finds them, and writes to its input `slots` where that is. @throws E_CORRUPT; what the store throws */
  async stage({ machine, layout: { x, y }, memory }: Omit<Stage, "config">, slots: Uint32Array, drawn: readonly Chosen[]): Promise<void> {
    const { replay } = memory as { replay: Replay };
    for (const { first, count, slots: chosen } of drawn) {
      if (count === 0) continue;
      const wanted = Array.from({ length: count }, (_, i) => chosen[i] as number);
      const { rows, missing, unread } = await this.#rowsOf(wanted, replay);
      machine.write("rows", x.byteOffset + first * x.rowBytes, this.#part(rows, 0, this.#xBytes));
      machine.write("rows", y.byteOffset + first * y.rowBytes, this.#part(rows, this.#xBytes, this.#file.rowBytes));
      for (const i of missing) this.#resident.put(this.#places.of(wanted[i] as number), rows[i] as Uint8Array);
      for (let i = 0; i < count; i++) slots[first + i] = first + i;
      this.#counts.hits += count - missing.length;
      this.#counts.ahead += missing.length - unread.length;
      this.#counts.waited += unread.length;
    }
  }

  /**
   * Begins to read the rows that the next step will draw as far as that can be told, while this one is computed. A wrong guess costs no more than
   * the reading.
   */
  readAhead({ config, memory }: Pick<Stage, "config" | "memory">): void {
    const { replay } = memory as { replay: Replay };
    const wanted = config.strategies.flatMap(({ draw, draws = [], config: own }) => {
      const [policy, ...more] = draws;
      // Those of the user's own may draw otherwise than they say.
      if (own === undefined || policy === undefined || more.length > 0 || !CHEAP.includes(policy.draw)) return [];
      return [...replay.peek(draw?.groups[0]?.size ?? 0, policy)];
    });
    const known = (place: number): boolean => this.#waiting.has(place) || this.#resident.get(place) !== undefined;
    const slots = wanted.filter((slot) => this.#places.of(slot) >= 0 && !known(this.#places.of(slot)));
    // One that is still under way must not put rows among those of this one.
    if (this.#reading !== undefined) return;
    this.#ahead.clear();
    if (slots.length === 0) return;
    const places = slots.map((slot) => this.#places.of(slot));
    const sums = slots.map((slot) => this.#places.sumOf(slot));
    const read = async (): Promise<void> => {
      const rows = await this.#file.read(places);
      for (const [i, row] of rows.entries()) if (crc32c(row) === sums[i]) this.#ahead.set(places[i] as number, row);
    };
    // What cannot be read is told when it is drawn.
    this.#reading = read().catch(() => {});
  }

  /** Resolves once nothing is read any more. */
  async rest(): Promise<void> {
    await this.#reading;
    this.#reading = undefined;
  }

  /**
   * Keeps rows of a batch in slots [stores × count]. What cannot be written stays in memory until {@link settle} has written it: the step that
   * brought it is done.
   */
  async keep({ count, x, targets }: Arrived, slots: ArrayLike<number>): Promise<void> {
    const bytesOf = (values: Arrived["x"] | Arrived["targets"], i: number): Uint8Array => {
      const size = values.byteLength / count;
      return new Uint8Array(values.buffer, values.byteOffset + i * size, size);
    };
    await this.rest();
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i] as number;
      if (slot === DROPPED) continue;
      const row = new Uint8Array(this.#file.rowBytes);
      row.set(bytesOf(x, i % count));
      row.set(bytesOf(targets, i % count), this.#xBytes);
      const place = this.#places.take(slot, crc32c(row));
      this.#resident.put(place, row);
      this.#waiting.set(place, row);
      this.#ahead.delete(place);
    }
    await this.#write().catch(() => {});
  }

  /** Writes what could not be written. @throws E_LOCKED where the store has another owner; E_QUOTA and others of storage */
  async settle(): Promise<void> {
    await this.rest();
    await this.#file.checkFence();
    await this.#write();
  }

  async #write(): Promise<void> {
    const writing = [...this.#waiting].map(async ([place, row]) => {
      await this.#file.write(place, row);
      this.#waiting.delete(place);
    });
    for (const { reason } of (await Promise.allSettled(writing)) as { reason?: unknown }[]) if (reason !== undefined) throw reason;
  }

  /** Has all rows on the device before a snapshot speaks of them; from here on it may, even where it is not known to be committed. */
  async prepare(): Promise<void> {
    await this.settle();
    if (this.#doubtful) await this.#rewrite();
    this.#doubtful = true;
    await this.#file.flush();
    this.#doubtful = false;
    this.#places.flushed();
    this.#places.hold(holders.attempt, 0);
  }

  async #rewrite(): Promise<void> {
    const slots = this.#places.fresh();
    const { rows } = await this.#rowsOf(slots);
    for (const [i, slot] of slots.entries()) await this.#file.write(this.#places.of(slot), rows[i] as Uint8Array);
  }

  /** Notes that the snapshot is committed: places that only the one before spoke of may be written, and are cleared where rows were forgotten. */
  async committed(): Promise<void> {
    this.#places.hold(holders.snapshot, holders.snapshot | holders.attempt);
    // What cannot be removed now harms nothing, and is tried again.
    if (!this.#alone)
      this.#alone = await this.#file.removeOthers().then(
        () => true,
        () => false,
      );
    if (!this.#forgets) return;
    const places = this.#places.clean();
    try {
      const zeros = new Uint8Array(this.#file.rowBytes);
      for (const place of places) {
        this.#resident.wipe(place);
        await this.#file.write(place, zeros);
      }
      await this.#file.flush();
    } catch (error) {
      this.#places.soil(places);
      throw error;
    }
    this.#forgets = false;
  }

  /** Notes whether a copy of the state is kept, as it is now, against loss of the device. */
  copied(kept: boolean): void {
    this.#places.hold(kept ? holders.copy : 0, holders.copy);
  }

  /** Follows rows that left the index, one after another. Their bytes are gone from the file when the next snapshot is committed. */
  forget(moves: readonly Move[]): void {
    for (const { from, to } of moves) this.#places.move(from, to);
    this.#ahead.clear();
    this.#forgets = true;
  }

  /** Returns all stored rows in the order of their slots: x, padded to words, and targets. @throws E_CORRUPT; what the store throws */
  async all(replay: Replay): Promise<{ x: Uint8Array; y: Uint8Array }> {
    return this.read(
      replay.stores.flatMap(({ first, slots: { stored } }) => Array.from({ length: stored }, (_, i) => first + i)),
      replay,
    );
  }

  /** Returns the rows of slots one after another: x, padded to words, and targets. @throws E_CORRUPT; what the store throws */
  async read(slots: readonly number[], replay: Replay): Promise<{ x: Uint8Array; y: Uint8Array }> {
    const { rowBytes } = this.#file;
    const x = new Uint8Array(slots.length * this.#xBytes);
    const y = new Uint8Array(slots.length * (rowBytes - this.#xBytes));
    for (let at = 0; at < slots.length; at += AT_ONCE) {
      const { rows } = await this.#rowsOf(slots.slice(at, at + AT_ONCE), replay);
      x.set(this.#part(rows, 0, this.#xBytes), at * this.#xBytes);
      y.set(this.#part(rows, this.#xBytes, rowBytes), at * (rowBytes - this.#xBytes));
    }
    return { x, y };
  }

  /** Returns the rows of slots, views valid until one is put; which of them were not kept in memory, and which of those not read ahead. */
  async #rowsOf(slots: readonly number[], replay?: Replay): Promise<Found> {
    const rows = slots.map((slot) => {
      const place = this.#places.of(slot);
      return this.#waiting.get(place) ?? this.#resident.get(place);
    });
    const missing = [...rows.keys()].filter((i) => rows[i] === undefined);
    for (const i of missing) rows[i] = this.#ahead.get(this.#places.of(slots[i] as number));
    const unread = missing.filter((i) => rows[i] === undefined);
    const found = await this.#file.read(unread.map((i) => this.#places.of(slots[i] as number)));
    for (const [k, i] of unread.entries()) rows[i] = this.#sound(slots[i] as number, found[k] as Uint8Array, replay);
    return { rows: rows as Uint8Array[], missing, unread };
  }

  #sound(slot: number, row: Uint8Array, replay?: Replay): Uint8Array {
    const expected = this.#places.sumOf(slot);
    const got = crc32c(row);
    if (got === expected && row.length === this.#file.rowBytes) return row;
    const store = replay?.stores.findLast(({ first }) => slot >= first);
    const id = store?.slots.ids()[slot - store.first];
    const named = id === undefined || Number.isNaN(id) ? "" : `: forget([${id}])`;
    const offset = this.#places.of(slot) * this.#file.rowBytes;
    fail("E_CORRUPT", `${this.#file.name}: the row at byte ${offset} is damaged; expected the checksum ${expected}, got ${got}`, {
      hint: `Nothing was learned of it. Restore the store from a copy, or forget the row${named}.`,
      context: { file: this.#file.name, offset, slot, id },
    });
  }

  /** Returns bytes `from` … `to` - 1 of rows, one row after another. */
  #part(rows: readonly Uint8Array[], from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(rows.length * (to - from));
    for (const [i, row] of rows.entries()) bytes.set(row.subarray(from, to), i * (to - from));
    return bytes;
  }
}
