import { checkNumber, fail } from "../errors.ts";
import {
  type AdaptiveDraw,
  type DrawPolicy,
  drawDefinition,
  drawKey,
  drawNumbers,
  type LimitedDraw,
  type MixtureDraw,
  type MixturePart,
  type StoreDraw,
} from "./draw.ts";
import { corrupt } from "./image.ts";
import { checkPolicy, keyOf, type MemoryPolicy, storesOf } from "./policy.ts";
import { DROPPED, type MemoryHost, type Move, type Offer, Slots } from "./slots.ts";

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

/** Rows that were drawn, all [n]. Slots count through all stores. */
export interface DrawnRows {
  readonly slots: Uint32Array;
  /** Importance weights, the largest 1. */
  readonly weights: Float32Array;
  /** What tells {@link Replay.update} whether a slot still holds the row that was drawn. */
  readonly generations: Uint32Array;
}

/** One of the stores side by side: its slots begin at `first`. */
export interface PlacedStore {
  readonly name: string;
  readonly slots: Slots;
  readonly first: number;
}

/** Calls remembered before the state is copied anew: a copy of a large memory takes as long as many steps. */
const REMEMBERED = 512;

/** The index of a replay memory: which slot each row takes, in one store or several, and which are drawn. The rows themselves lie elsewhere. */
export class Replay {
  readonly policy: MemoryPolicy;
  /** Columns whose values make groups in any store. */
  readonly keys: readonly string[];
  #stores: readonly PlacedStore[];
  /** What draws keep between calls, by policy and store. */
  #carried = new Map<string, Float64Array>();
  /** The state some calls ago, those calls, and how many of them came before the mark. */
  #past: { readonly bytes: Uint8Array; readonly calls: (() => void)[]; marked: number } | undefined;

  /** @throws E_CONFIG */
  constructor(host: MemoryHost, spec: ReplaySpec, seed: number) {
    this.policy = checkPolicy("memory", spec.policy);
    const { ids, scores, dims, keys: drawn } = spec;
    const stores = [...storesOf(this.policy)].map(([name, policy], i) => {
      const own = keyOf(policy);
      const keys = [...new Set([...(own === undefined ? [] : [own]), ...drawn])];
      if (keys.length > 4) fail("E_CONFIG", `memory: too many keys; expected at most 4, got ${keys.join(", ")}`);
      const capacity = spec.capacities[i] as number;
      return { name, slots: new Slots(host, { policy, capacity, keys, ids, scores, dims }, seed, name), first: 0 };
    });
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
    const parts = this.#draw(n, policy, "", undefined);
    const total = parts.reduce((sum, part) => sum + part.slots.length, 0);
    const drawn = { slots: new Uint32Array(total), weights: new Float32Array(total), generations: new Uint32Array(total) };
    let at = 0;
    for (const part of parts) {
      drawn.slots.set(part.slots, at);
      drawn.weights.set(part.weights, at);
      drawn.generations.set(part.generations, at);
      at += part.slots.length;
    }
    return drawn;
  }

  #draw(n: number, policy: DrawPolicy, path: string, store: string | undefined): DrawnRows[] {
    if (policy.draw === "mixture") return this.#mix(n, (policy as MixtureDraw).parts, `${path}/mixture`, store);
    if (policy.draw === "limited") {
      const { policy: inner, ...limits } = policy as LimitedDraw;
      const most = this.#due(n, limits, this.#carry(`${path}/limited ${JSON.stringify(limits)}`));
      return this.#draw(most, inner, `${path}/limited`, store);
    }
    if (policy.draw === "adaptive") {
      const { low, high, policy: inner } = policy as AdaptiveDraw;
      const carry = this.#carry(adaptiveKey(policy as AdaptiveDraw));
      const ratio = carry[2] === 0 ? low : high;
      carry[0] = (carry[0] as number) + ratio * (this.clock - (carry[1] as number));
      carry[1] = this.clock;
      const most = Math.min(n, Math.floor(carry[0] as number), this.stored === 0 ? 0 : n);
      carry[0] = (carry[0] as number) - most;
      return this.#draw(most, inner, `${path}/adaptive`, store);
    }
    const stores = this.#stores.filter(({ name }) => store === undefined || name === store);
    if (stores.length === 0) {
      fail("E_CONFIG", `memory: no store called "${store}"; expected one of ${this.#stores.map(({ name }) => name).join(", ")}`);
    }
    if (stores.length > 1)
      return this.#mix(
        n,
        stores.map(({ name }) => ({ share: 1, store: name, policy })),
        `${path}/stores`,
        undefined,
      );
    return [this.#drawFrom(stores[0] as PlacedStore, n, policy as StoreDraw, path)];
  }

  #drawFrom({ name, slots, first }: PlacedStore, n: number, policy: StoreDraw, path: string): DrawnRows {
    const key = drawKey(policy);
    if (key !== undefined && !slots.keys.includes(key)) {
      fail(
        "E_CONFIG",
        `memory: draw "${policy.draw}" needs groups by "${key}"; expected one of keys ${slots.keys.join(", ") || "(none)"}`,
        {
          hint: `Open the memory with keys: ["${key}"].`,
        },
      );
    }
    const numbers = drawNumbers(policy);
    const carry = policy.draw === "recall" ? this.#carry(`${path}/${name} ${JSON.stringify(policy)}`) : new Float64Array(4);
    const { distinct } = drawDefinition(policy.draw);
    const most = slots.stored === 0 ? 0 : distinct && numbers[0] === 0 ? Math.min(n, slots.stored) : n;
    const drawn = slots.draw(most, policy.draw, key, numbers, carry);
    if (drawn.slots.length === 0 && most > 0 && policy.draw === "proportional") {
      fail("E_STATE", "memory: every priority is 0; expected a row of a score above 0, got none", {
        hint: "Update scores, or draw by rank.",
      });
    }
    return {
      slots: drawn.slots.map((slot) => slot + first),
      weights: drawn.weights.slice(),
      generations: drawn.generations.slice(),
    };
  }

  /** Shares out n rows: what a part is owed grows by its share, and the part that is owed most comes next. */
  #mix(n: number, parts: readonly MixturePart[], path: string, store: string | undefined): DrawnRows[] {
    const total = parts.reduce((sum, { share }) => sum + share, 0);
    const owed = this.#carry(`${path} ${JSON.stringify(parts)}`, parts.length);
    for (const [k, { share }] of parts.entries()) owed[k] = (owed[k] as number) + (n * share) / total;
    const counts = parts.map(() => 0);
    for (let i = 0; i < n; i++) {
      const next = owed.indexOf(Math.max(...owed));
      counts[next] = (counts[next] as number) + 1;
      owed[next] = (owed[next] as number) - 1;
    }
    return parts.flatMap((part, k) =>
      this.#draw(counts[k] as number, part.policy ?? { draw: "uniform" }, `${path}/${k}`, part.store ?? store),
    );
  }

  /** How many of n rows a limit allows now: carry [rows drawn]. */
  #due(n: number, { samplesPerInsert, minRows, errorBuffer }: Omit<LimitedDraw, "policy">, carry: Float64Array): number {
    if (this.stored < minRows) return 0;
    const due = Math.floor(samplesPerInsert * this.clock + errorBuffer - (carry[0] as number));
    const most = Math.max(0, Math.min(n, due));
    carry[0] = (carry[0] as number) + most;
    return most;
  }

  #carry(key: string, length = 4): Float64Array {
    const known = this.#carried.get(key) ?? new Float64Array(length);
    this.#carried.set(key, known);
    return known;
  }

  /** Tells an adaptive policy the share of active units, once an episode. */
  signal(policy: DrawPolicy, active: number): void {
    if (policy.draw !== "adaptive")
      fail("E_CONFIG", `memory: signals are for draws.adaptive; expected such a policy, got "${policy.draw}"`);
    checkNumber("memory.signal", "active", active, { min: 0, max: 1 });
    this.#past?.calls.push(() => this.signal(policy, active));
    const { gap, check } = policy as AdaptiveDraw;
    // Signals since the last check and their outcome; the share at the last check begins at one half.
    const carry = this.#carry(adaptiveKey(policy as AdaptiveDraw));
    const told = this.#carry(`${adaptiveKey(policy as AdaptiveDraw)} told`);
    told[0] = (told[0] as number) + 1;
    if ((told[0] as number) % check !== 0) return;
    const before = told[0] === check ? 0.5 : (told[1] as number);
    if (Math.abs(active - before) <= gap) carry[2] = 1;
    told[1] = active;
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
    const draws = Object.fromEntries([...this.#carried].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, carry]) => [key, [...carry]]));
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
    this.#carried = draws;
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

function adaptiveKey({ policy: _, ...options }: AdaptiveDraw): string {
  return `adaptive ${JSON.stringify(options)}`;
}

function parse(saved: Uint8Array): { draws: Map<string, Float64Array>; images: Uint8Array[] } {
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
  return { draws: new Map(Object.entries(head.draws).map(([key, carry]) => [key, Float64Array.from(carry)])), images };
}
