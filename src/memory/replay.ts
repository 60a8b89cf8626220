/** A replay memory of one store or several: the one object that a learner and `openMemory` share. */
import { checkNumber, fail } from "../errors.ts";
import type { DrawPolicy } from "./draw.ts";
import { Drawing, type DrawnRows, type PlacedStore } from "./drawing.ts";
import { corrupt } from "./image.ts";
import { checkPolicy, keyOf, type MemoryPolicy, storesOf } from "./policy.ts";
import { DROPPED, type MemoryHost, type Move, type Offer, Slots } from "./slots.ts";

export type { DrawnRows, PlacedStore } from "./drawing.ts";

/** What a replay memory knows of each row. */
export interface ReplaySpec {
  readonly policy: MemoryPolicy;
  /** Rows of each store, in order. */
  readonly capacities: readonly number[];
  /** Columns that draws group rows by; that of a store's policy joins them. */
  readonly keys: readonly string[];
  readonly ids: boolean;
  readonly scores: boolean;
  /** Length of an embedding, 0 for none. */
  readonly dims: number;
}

/** Where a block keeps its stream of draws; see `assembly/block.ts`. */
const DRAW = 48;
/** Calls remembered before the state is copied anew: a copy of a large memory takes as long as many steps. */
const REMEMBERED = 512;

/** The index of a replay memory: which slot each row takes, in one store or several, and which are drawn. The rows themselves lie elsewhere. */
export class Replay {
  readonly policy: MemoryPolicy;
  /** Columns whose values make groups in any store. */
  readonly keys: readonly string[];
  readonly #host: MemoryHost;
  #stores: readonly PlacedStore[];
  readonly #drawing = new Drawing();
  /** The state some calls ago, those calls, and how many of them came before the mark. */
  #past: { readonly bytes: Uint8Array; readonly calls: (() => void)[]; marked: number } | undefined;

  /** @throws E_CONFIG */
  constructor(host: MemoryHost, spec: ReplaySpec, seed: number) {
    this.policy = checkPolicy("memory", spec.policy);
    this.#host = host;
    const { ids, scores, dims, keys: drawn } = spec;
    const stores: PlacedStore[] = [];
    try {
      for (const [name, policy] of storesOf(this.policy)) {
        const own = keyOf(policy);
        const keys = [...new Set([...(own === undefined ? [] : [own]), ...drawn])];
        if (keys.length > 4) fail("E_CONFIG", `memory: too many keys; expected at most 4, got ${keys.join(", ")}`);
        const capacity = spec.capacities[stores.length] as number;
        stores.push({ name, slots: new Slots(host, { policy, capacity, keys, ids, scores, dims }, seed, name), first: 0 });
      }
    } catch (error) {
      for (const { slots } of stores) slots.close();
      throw error;
    }
    this.#stores = placed(stores);
    this.keys = [...new Set(stores.flatMap(({ slots }) => slots.keys))].filter((key) => key !== "");
  }

  get stores(): readonly PlacedStore[] {
    return this.#stores;
  }

  /** Rows it can hold. */
  get capacity(): number {
    return this.#sum((slots) => slots.capacity);
  }

  /** Rows stored. */
  get stored(): number {
    return this.#sum((slots) => slots.stored);
  }

  /** Rows that the stored ones stand for. */
  get seen(): number {
    return this.#first.seen;
  }

  /** Rows taken in so far. */
  get clock(): number {
    return this.#first.clock;
  }

  get #first(): Slots {
    return (this.#stores[0] as PlacedStore).slots;
  }

  #sum(of: (slots: Slots) => number): number {
    return this.#stores.reduce((sum, { slots }) => sum + of(slots), 0);
  }

  /** Sees that an offer of so many rows, and an update of so many that were drawn, will find their memory. @throws E_OOM */
  prepare(count: number, keys: Offer["keys"], drawn: number): void {
    for (const { slots } of this.#stores) slots.prepare(count, keys, drawn);
  }

  /** Offers rows to every store and returns the slot that each takes in each `[stores × count]`, or {@link DROPPED}. */
  offer(rows: Offer): Uint32Array {
    this.#remember(rows, (copy) => this.offer(copy));
    const slots = new Uint32Array(this.#stores.length * rows.count);
    for (const [i, { slots: store, first }] of this.#stores.entries()) {
      const own = store.offer(rows);
      for (let k = 0; k < own.length; k++) slots[i * rows.count + k] = own[k] === DROPPED ? DROPPED : first + (own[k] as number);
    }
    return slots;
  }

  /**
   * Returns n rows, or as many as the policy and what is stored allow.
   * @throws E_CONFIG for a key or store that is not there; E_STATE for priorities that are all 0
   */
  draw(n: number, policy: DrawPolicy = { draw: "uniform" }): DrawnRows {
    checkNumber("memory", "n", n, { min: 0, max: 2 ** 24, integer: true });
    this.#past?.calls.push(() => this.draw(n, policy));
    return this.#drawing.draw(this.#stores, n, policy);
  }

  /** Returns the slots that a draw would give now, which it changes nothing of. @throws as {@link draw} */
  peek(n: number, policy: DrawPolicy): Uint32Array {
    const draws = this.#drawing.save();
    const streamOf = ({ slots }: PlacedStore): Uint8Array => new Uint8Array(this.#host.memory.buffer, slots.address + DRAW, 16);
    const streams = this.#stores.map((store) => streamOf(store).slice());
    try {
      return Uint32Array.from(this.#drawing.draw(this.#stores, n, policy).slots);
    } finally {
      this.#drawing.load(draws);
      for (const [i, store] of this.#stores.entries()) streamOf(store).set(streams[i] as Uint8Array);
    }
  }

  /** Tells an adaptive policy the share of active units, once an episode. @throws E_CONFIG */
  signal(policy: DrawPolicy, active: number): void {
    this.#past?.calls.push(() => this.signal(policy, active));
    this.#drawing.signal(policy, active);
  }

  /** Sets scores of slots whose rows are still those of the generations, where these are given, and returns how many. */
  update(slots: ArrayLike<number>, generations: ArrayLike<number> | undefined, scores: ArrayLike<number>): number {
    if (this.#past !== undefined) {
      const copies = [Uint32Array.from(slots), generations && Uint32Array.from(generations), Float32Array.from(scores)] as const;
      this.#past.calls.push(() => this.update(...copies));
    }
    let count = 0;
    for (const { slots: store, first } of this.#stores) {
      const mine = Array.from(slots).flatMap((slot, i) => (slot >= first && slot < first + store.capacity ? [i] : []));
      if (mine.length === 0) continue;
      const pick = (values: ArrayLike<number>): number[] => mine.map((i) => values[i] as number);
      count += store.update(
        pick(slots).map((slot) => slot - first),
        generations && pick(generations),
        pick(scores),
      );
    }
    return count;
  }

  /** Returns the slots of an identity: one in each store that has it. */
  find(id: number): number[] {
    return this.#stores.flatMap(({ slots, first }) => {
      const slot = slots.find(id);
      return slot === undefined ? [] : [first + slot];
    });
  }

  /**
   * Takes rows out and returns, in order, which row moved into each slot. What was counted for them is counted no more.
   * @throws E_DATA for a slot that holds no row
   */
  forget(slots: Iterable<number>): Move[] {
    // From the last on, so that no slot is named that a row has left.
    const chosen = [...new Set(slots)]
      .sort((a, b) => b - a)
      .map((slot) => ({ slot, store: this.#stores.findLast(({ first }) => slot >= first) }));
    const empty = chosen.find(({ slot, store }) => store === undefined || !(slot - store.first < store.slots.stored));
    if (empty !== undefined) fail("E_DATA", `memory: slot ${empty.slot} holds no row; expected a slot of a stored row, got an empty one`);
    this.#past = undefined;
    const moves = chosen.map(({ slot, store }) => {
      const { slots: own, first } = store as PlacedStore;
      const { from, to } = own.remove(slot - first, true);
      return { from: from + first, to: to + first };
    });
    for (const { slots: own } of this.#stores) own.wipe();
    return moves;
  }

  /** Makes room for as many rows in each store, and returns, in order, what moved in the slots there were when policies gave up those beyond. */
  resize(capacities: readonly number[]): Move[] {
    this.#past = undefined;
    const moves = this.#stores.flatMap(({ slots, first }, i) =>
      slots.resize(capacities[i] as number).map(({ from, to }) => ({ from: from + first, to: to + first })),
    );
    this.#stores = placed(this.#stores);
    return moves;
  }

  /** Makes this the state that {@link rollBack} returns to. */
  mark(): void {
    if (this.#past === undefined || this.#past.calls.length >= REMEMBERED) this.#past = { bytes: this.save(), calls: [], marked: 0 };
    this.#past.marked = this.#past.calls.length;
  }

  /** Undoes every call since the last {@link mark}: those before it are made again on an older copy. */
  rollBack(): void {
    const past = this.#past;
    if (past === undefined) return;
    this.load(past.bytes);
    past.calls.length = past.marked;
    for (const call of past.calls) {
      try {
        call();
      } catch {
        // It failed the first time, too, as far as it came then.
      }
    }
    this.#past = past;
  }

  #remember(rows: Offer, call: (copy: Offer) => void): void {
    if (this.#past === undefined) return;
    const { count, keys, ids, scores, embeddings } = rows;
    const copy: Offer = {
      count,
      keys: Object.fromEntries(Object.entries(keys).map(([name, values]) => [name, values.slice()])),
      ...(ids && { ids: ids.slice() }),
      ...(scores && { scores: scores.slice() }),
      ...(embeddings && { embeddings: embeddings.slice() }),
    };
    this.#past.calls.push(() => call(copy));
  }

  /** Returns the whole state, streams included, as bytes that depend on what it holds alone. */
  save(): Uint8Array {
    const images = this.#stores.map(({ slots }) => slots.save());
    const draws = this.#drawing.save();
    const head = new TextEncoder().encode(JSON.stringify({ draws, stores: images.map((image) => image.length) }));
    const bytes = new Uint8Array(4 + head.length + images.reduce((sum, image) => sum + image.length, 0));
    new DataView(bytes.buffer).setUint32(0, head.length, true);
    bytes.set(head, 4);
    let at = 4 + head.length;
    for (const image of images) {
      bytes.set(image, at);
      at += image.length;
    }
    return bytes;
  }

  /** Puts the state that {@link save} returned in place of this one. On an error nothing has changed. @throws E_CORRUPT E_VERSION E_MISMATCH */
  load(saved: Uint8Array): void {
    const { draws, images } = parse(saved);
    if (images.length !== this.#stores.length)
      fail("E_MISMATCH", `memory: saved state has other stores; expected ${this.#stores.length}, got ${images.length}`);
    const before = this.#stores.map(({ slots }) => slots.save());
    for (const [i, { slots }] of this.#stores.entries()) {
      try {
        slots.load(images[i] as Uint8Array);
      } catch (error) {
        for (let k = 0; k < i; k++) this.#stores[k]?.slots.load(before[k] as Uint8Array);
        throw error;
      }
    }
    this.#drawing.load(draws);
    this.#past = undefined;
  }

  /** Frees the Wasm memory; every later use but this one fails. */
  close(): void {
    for (const { slots } of this.#stores) slots.close();
  }
}

function placed(stores: readonly PlacedStore[]): PlacedStore[] {
  let end = 0;
  return stores.map((store) => {
    const first = end;
    end += store.slots.capacity;
    return { ...store, first };
  });
}

function parse(saved: Uint8Array): { draws: Record<string, number[]>; images: Uint8Array[] } {
  if (saved.length < 4) corrupt(`expected at least 4 bytes, got ${saved.length}`);
  const length = new DataView(saved.buffer, saved.byteOffset).getUint32(0, true);
  let head: { draws: Record<string, number[]>; stores: number[] };
  try {
    head = JSON.parse(new TextDecoder().decode(saved.subarray(4, 4 + length)));
  } catch (cause) {
    fail("E_CORRUPT", "memory: saved state is damaged; expected its parts, got something else", {
      hint: "Restore an earlier copy.",
      cause,
    });
  }
  if (!Array.isArray(head?.stores) || typeof head.draws !== "object") corrupt("expected its parts, got something else");
  let at = 4 + length;
  const images = head.stores.map((bytes) => {
    at += bytes;
    return saved.subarray(at - bytes, at);
  });
  if (at !== saved.length) corrupt(`expected ${at} bytes, got ${saved.length}`);
  return { draws: head.draws, images };
}
