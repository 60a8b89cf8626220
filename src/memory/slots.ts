/** One store of a replay memory: the face of `assembly/memory.ts`, `draw.ts` and `image.ts`. */
import { fail } from "../errors.ts";
import { streamKey } from "../random.ts";
import type { Kernels } from "../wasm/instance.ts";
import { type DrawName, drawNames } from "./draw.ts";
import { checkImage, corrupt } from "./image.ts";
import { definitionOf, hasWeakness, indexBytes, numbersOf, policyNames, type StorePolicy } from "./policy.ts";
import { BlockView, type Group } from "./view.ts";

/** What a replay memory needs of the Wasm exports (`assembly/memory.ts`, `draw.ts`, `image.ts`). */
export type MemoryKernels = Pick<Kernels, Extract<keyof Kernels, `memory${string}`>>;

/** The Wasm instance a replay memory lives in, and the allocator of its memory; addresses are multiples of 8. */
export interface MemoryHost {
  readonly exports: MemoryKernels;
  readonly memory: { readonly buffer: ArrayBufferLike };
  alloc(bytes: number): number;
  free(address: number): void;
}

/** The slot of a row that is not kept. */
export const DROPPED = 0xffffffff;

/** What a store knows of each row beside its number. */
export interface SlotsSpec {
  readonly policy: StorePolicy;
  /** Slots. */
  readonly capacity: number;
  /** Columns whose values make groups, that of the policy first; "": one group of all rows. */
  readonly keys: readonly string[];
  readonly ids: boolean;
  /** Whether it has scores though its policy needs none. */
  readonly scores: boolean;
  /** Length of an embedding, 0 for none. */
  readonly dims: number;
}

/** Rows offered, all columns [count]. */
export interface Offer {
  readonly count: number;
  /** Values of the key columns. */
  readonly keys: Readonly<Record<string, Uint32Array>>;
  /** Identities, whole numbers from 0 to 2^53 - 1; NaN for a row that has none. */
  readonly ids?: Float64Array;
  readonly scores?: Float32Array;
  /** [count × dims] */
  readonly embeddings?: Float32Array;
}

/** A row that took the slot of one that was taken out: `from` → `to`; where both are the same, nothing moved. */
export interface Move {
  readonly from: number;
  readonly to: number;
}

/** Groups that have room at first. */
const ROOM = 64;

/** One store of a replay memory: decides in Wasm which slot each row takes and which are drawn. The rows themselves lie elsewhere. */
export class Slots {
  readonly policy: StorePolicy;
  readonly keys: readonly string[];
  readonly #spec: SlotsSpec;
  readonly #host: MemoryHost;
  readonly #streams: readonly [number, number, number, number];
  #capacity: number;
  #room: number;
  #state: number;
  #tree = 0;
  #treeAlpha = Number.NaN;
  #scratch = 0;
  #scratchBytes = 0;

  constructor(host: MemoryHost, spec: SlotsSpec, seed: number, name: string) {
    this.policy = spec.policy;
    this.keys = spec.keys;
    this.#spec = spec;
    this.#host = host;
    this.#capacity = spec.capacity;
    this.#room = ROOM;
    const suffix = name === "memory" ? "" : `/${name}`;
    this.#streams = [...streamKey(seed, `store${suffix}`), ...streamKey(seed, `draw${suffix}`)];
    this.#state = this.#fresh(spec.capacity, ROOM);
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Rows stored. */
  get stored(): number {
    return this.#view.stored;
  }

  /** Rows that the stored ones stand for. */
  get seen(): number {
    return this.#view.seen;
  }

  /** Rows taken in so far, those forgotten since included. */
  get clock(): number {
    return this.#view.clock;
  }

  /** Rows that were offered though their identity was stored, and rows forgotten. */
  get counts(): { readonly duplicates: number; readonly forgotten: number } {
    const { duplicates, forgotten } = this.#view;
    return { duplicates, forgotten };
  }

  /** The largest score so far. */
  get top(): number {
    return this.#view.top;
  }

  /** The address of the block. */
  get address(): number {
    return this.#open();
  }

  /** Bytes of what is known of the rows, their identities, scores, groups and embeddings included. */
  get bytes(): number {
    const { exports } = this.#host;
    return this.#blockBytes(this.#capacity, this.#room) + (this.#tree === 0 ? 0 : exports.memoryTreeBytes(this.#capacity));
  }

  /** Returns the groups of a key in the order in which they appeared. */
  groups(key: string): Group[] {
    return this.#view.groups(this.keys.indexOf(key));
  }

  /** Returns the rows' values `[stored]` of a key by slot. */
  values(key: string): Uint32Array {
    return this.#view.values(this.keys.indexOf(key));
  }

  /** Returns the rows' ages `[stored]` by slot: 1 for the newest. */
  ages(): Uint32Array {
    return this.#view.ages();
  }

  /** Returns the rows' identities `[stored]` by slot; NaN for a row without one. */
  ids(): Float64Array {
    return this.#view.ids();
  }

  /** Returns a copy of the rows' scores `[stored]` by slot. */
  scores(): Float32Array {
    return this.#view.scores();
  }

  /** Returns the slot of an identity. */
  find(id: number): number | undefined {
    if (!this.#spec.ids) return undefined;
    const slot = this.#host.exports.memoryFind(this.#open(), id) >>> 0;
    return slot === DROPPED ? undefined : slot;
  }

  /**
   * Offers rows and returns the slot `[count]` that each takes, or {@link DROPPED}; no slot comes twice. A view, valid until the next call.
   * `admits`: takes all, there is room for them.
   */
  offer({ count, keys, ids, scores, embeddings }: Offer, admits = false): Uint32Array {
    this.prepare(count, keys);
    const { exports, memory } = this.#host;
    const { buffer } = memory;
    const [keyBytes, vectors, slots] = [align(4 * this.keys.length * count), align(4 * this.#spec.dims * count), this.#scratch];
    const keysAt = slots + align(4 * count);
    const idsAt = keysAt + keyBytes;
    const [scoresAt, vectorsAt] = [idsAt + 8 * count, idsAt + align(12 * count)];
    for (const [j, name] of this.keys.entries()) {
      const column = new Uint32Array(buffer, keysAt + 4 * j * count, count);
      if (keys[name] === undefined) column.fill(0);
      else column.set(keys[name]);
    }
    if (ids !== undefined) new Float64Array(buffer, idsAt, count).set(ids);
    if (scores !== undefined) new Float32Array(buffer, scoresAt, count).set(scores);
    if (embeddings !== undefined) new Float32Array(buffer, vectorsAt, count * this.#spec.dims).set(embeddings);
    const givenIds = this.#spec.ids && ids !== undefined ? idsAt : 0;
    const given = [this.#open(), count, keysAt, givenIds, scores === undefined ? 0 : scoresAt, vectorsAt] as const;
    if (admits) exports.memoryAdmit(...given, slots);
    else exports.memoryOffer(...given, vectorsAt + vectors, slots);
    return new Uint32Array(buffer, slots, count);
  }

  /** Sees that an offer of so many rows, and an update of so many that were drawn, will find their memory. @throws E_OOM */
  prepare(count: number, keys: Offer["keys"], drawn: number = 0): void {
    this.#makeRoom(count, keys);
    const columns = align(4 * this.keys.length * count) + align(12 * count) + align(4 * this.#spec.dims * count);
    const bytes = align(4 * count) + columns + this.#host.exports.memoryOfferScratch(this.#open(), count);
    this.#reserve(Math.max(bytes, 12 * drawn));
  }

  /** Counts rows that were seen elsewhere: of a group of a key, or, without one, of the whole stream. */
  count(rows: number, key?: string, group = 0): void {
    this.#makeRoom(1, {});
    this.#host.exports.memoryCount(this.#open(), key === undefined ? DROPPED : this.keys.indexOf(key), group, rows);
  }

  /**
   * Draws n rows: writes how many there are to `slots`, their weights and their generations, all views valid until the next call. `carry` f64 [4]
   * is what the policy keeps between draws.
   */
  draw(
    n: number,
    draw: DrawName,
    key: string | undefined,
    [a, b]: readonly [number, number],
    carry: Float64Array,
  ): { readonly slots: Uint32Array; readonly weights: Float32Array; readonly generations: Uint32Array } {
    const state = this.#open();
    const { exports, memory } = this.#host;
    if (draw === "proportional") this.#prioritise(a);
    const kind = drawNames.indexOf(draw);
    const carryAt = this.#reserve(32 + align(12 * n) + exports.memoryDrawScratch(state, kind, n, a));
    const slots = carryAt + 32;
    const [weights, generations] = [slots + 4 * n, slots + 8 * n];
    new Float64Array(memory.buffer, carryAt, 4).set(carry);
    const grouping = key === undefined ? DROPPED : this.keys.indexOf(key);
    const count = exports.memoryDraw(state, kind, n, grouping, a, b, carryAt, slots + align(12 * n), slots, weights);
    exports.memoryGenerations(state, count, slots, generations);
    carry.set(new Float64Array(memory.buffer, carryAt, 4));
    return {
      slots: new Uint32Array(memory.buffer, slots, count),
      weights: new Float32Array(memory.buffer, weights, count),
      generations: new Uint32Array(memory.buffer, generations, count),
    };
  }

  /** Builds the tree of priorities score^alpha unless it stands. */
  #prioritise(alpha: number): void {
    if (this.#tree !== 0 && this.#treeAlpha === alpha) return;
    const { exports } = this.#host;
    if (this.#tree === 0) this.#tree = this.#host.alloc(exports.memoryTreeBytes(this.#capacity));
    exports.memoryTree(this.#open(), this.#tree, alpha);
    this.#treeAlpha = alpha;
  }

  /** Sets scores of slots whose rows are still those of the generations, where these are given, and returns how many. */
  update(slots: ArrayLike<number>, generations: ArrayLike<number> | undefined, scores: ArrayLike<number>): number {
    const n = slots.length;
    const at = this.#reserve(12 * n);
    const { buffer } = this.#host.memory;
    new Uint32Array(buffer, at, n).set(slots);
    if (generations !== undefined) new Uint32Array(buffer, at + 4 * n, n).set(generations);
    new Float32Array(buffer, at + 8 * n, n).set(scores);
    return this.#host.exports.memoryUpdate(this.#open(), n, at, generations === undefined ? 0 : at + 4 * n, at + 8 * n);
  }

  /** Takes a row out; the last row moves into its slot. `forgets`: what was counted for it is counted no more. */
  remove(slot: number, forgets: boolean): Move {
    return { from: this.#host.exports.memoryRemove(this.#open(), slot, forgets ? 1 : 0), to: slot };
  }

  /** Makes room for as many rows, and returns what moved when the policy gave up those beyond. */
  resize(capacity: number): Move[] {
    const moves: Move[] = [];
    while (this.stored > capacity) moves.push(this.remove(this.#host.exports.memoryVictim(this.#open(), capacity), false));
    this.#relocate(capacity, this.#room);
    return moves;
  }

  /**
   * Chooses `count` rows, uniform among all that two samples of m and m2 rows, out of n and n2, stand for. Returns their numbers: those below m
   * are of the first.
   */
  choose(m: number, n: number, m2: number, n2: number, count: number): Uint32Array {
    const out = this.#reserve(4 * (m + m2));
    const taken = this.#host.exports.memoryMerge(this.#open(), m, n, m2, n2, count, out);
    return new Uint32Array(this.#host.memory.buffer, out, taken).slice();
  }

  /** Returns the state as bytes that depend on what it holds alone. */
  save(): Uint8Array {
    const state = this.#open();
    const { exports } = this.#host;
    const bytes = exports.memorySaved(state);
    const at = this.#reserve(bytes);
    exports.memorySave(state, at);
    return new Uint8Array(this.#host.memory.buffer, at, bytes).slice();
  }

  /** Puts a saved state in place of this one. On an error nothing has changed. @throws E_CORRUPT E_VERSION E_MISMATCH */
  load(saved: Uint8Array): void {
    const old = this.#open();
    const known = { capacity: this.#capacity, columns: this.#flags, dims: this.#spec.dims, keys: this.keys.length };
    const most = checkImage(saved, this.policy, known);
    const room = Math.max(ROOM, most);
    const at = this.#reserve(saved.length);
    const state = this.#fresh(this.#capacity, room);
    new Uint8Array(this.#host.memory.buffer, at, saved.length).set(saved);
    if (!this.#host.exports.memoryLoad(state, at, saved.length)) {
      this.#host.free(state);
      corrupt("its rows and counts disagree");
    }
    this.#host.free(old);
    this.#state = state;
    this.#room = room;
    this.#fell();
  }

  /** Overwrites the scratch, where copies of identities and embeddings lie. */
  wipe(): void {
    if (this.#scratch !== 0) new Uint8Array(this.#host.memory.buffer, this.#scratch, this.#scratchBytes).fill(0);
  }

  /** Frees the Wasm memory; every later use but this one fails. */
  close(): void {
    for (const address of [this.#state, this.#scratch]) if (address !== 0) this.#host.free(address);
    this.#fell();
    this.#state = this.#scratch = this.#scratchBytes = 0;
  }

  get #flags(): number {
    const { ids, scores, policy } = this.#spec;
    const { measure } = definitionOf(policy.policy);
    // What no embedding tells, scores do.
    return (ids ? 1 : 0) + (scores || measure === "loss" || (measure !== undefined && this.#spec.dims === 0) ? 2 : 0);
  }

  #blockBytes(capacity: number, room: number): number {
    const { policy, dims, keys } = this.#spec;
    const { clusters } = numbersOf(policy);
    const { exports } = this.#host;
    const bytes = exports.memoryBytes(policyNames.indexOf(policy.policy), capacity, this.#flags, dims, keys.length, room, clusters) >>> 0;
    // Wasm counts modulo 2^32: what goes beyond is for the allocator to refuse.
    const known = { keys: keys.length, ids: this.#spec.ids, scores: (this.#flags & 2) !== 0, dims, weakness: hasWeakness(policy, dims) };
    return Math.max(bytes, Math.floor(capacity * indexBytes(known)));
  }

  /** Returns the address of a fresh block. */
  #fresh(capacity: number, room: number): number {
    const { policy, dims, keys } = this.#spec;
    const { clusters, options } = numbersOf(policy);
    const state = this.#host.alloc(this.#blockBytes(capacity, room));
    const kind = policyNames.indexOf(policy.policy);
    this.#host.exports.memoryInit(state, kind, capacity, this.#flags, dims, keys.length, room, clusters, ...this.#streams, ...options);
    return state;
  }

  /** Sees that the groups of `count` more rows have room. */
  #makeRoom(count: number, keys: Offer["keys"]): void {
    const { dims, policy } = this.#spec;
    const { clusters } = numbersOf(policy);
    // Values are looked at only where each might begin a group of its own.
    const groups = this.keys.map((name, j) => {
      const known = this.#view.groupCount(j);
      if (known + count <= this.#room) return 0;
      return j === 0 && clusters > 0 && dims > 0 ? clusters : known + (new Set(keys[name]).size || 1);
    });
    const most = Math.max(0, ...groups);
    if (most > this.#room) this.#relocate(this.#capacity, Math.max(most, 2 * this.#room));
  }

  /** Moves into a block of other size. */
  #relocate(capacity: number, room: number): void {
    const image = this.save();
    const at = this.#reserve(image.length);
    const state = this.#fresh(capacity, room);
    new Uint8Array(this.#host.memory.buffer, at, image.length).set(image);
    this.#host.exports.memoryLoad(state, at, image.length);
    this.#host.free(this.#open());
    this.#state = state;
    this.#capacity = capacity;
    this.#room = room;
    this.#fell();
  }

  /** The tree of priorities does not fit any more. */
  #fell(): void {
    if (this.#tree !== 0) this.#host.free(this.#tree);
    this.#tree = 0;
  }

  get #view(): BlockView {
    return new BlockView(this.#host.memory.buffer, this.#open());
  }

  /** The address of the block. */
  #open(): number {
    if (this.#state === 0) fail("E_STATE", "memory: it is closed; expected an open one, got a closed one", { hint: "Create a new one." });
    return this.#state;
  }

  /** The address of at least `bytes` of scratch. */
  #reserve(bytes: number): number {
    if (bytes > this.#scratchBytes) {
      const larger = Math.max(bytes, 2 * this.#scratchBytes, 256);
      const scratch = this.#host.alloc(larger);
      if (this.#scratch !== 0) this.#host.free(this.#scratch);
      this.#scratch = scratch;
      this.#scratchBytes = larger;
    }
    return this.#scratch;
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
