import { streamKey } from "../../src/random.ts";
import { type Compiled, compileAssembly } from "./assembly.ts";

/** Draw policies, in the order of their numbers in Wasm. */
export const kinds = ["uniform", "balanced", "proportional", "rank", "power-law", "fading", "recency", "recall", "top", "softmax"] as const;

export interface DrawExports {
  memoryDraw(
    state: number,
    kind: number,
    n: number,
    grouping: number,
    a: number,
    b: number,
    carry: number,
    scratch: number,
    slots: number,
    weights: number,
  ): number;
  memoryDrawScratch(state: number, kind: number, n: number, a: number): number;
  treeBytes(capacity: number): number;
  buildTree(state: number, tree: number, alpha: number): void;
  setPriority(state: number, slot: number): void;
  setPriorities(state: number, slots: number, n: number): void;
  totalPriority(state: number): number;
  findPriority(state: number, target: number): number;
  search(sums: number, n: number, target: number): number;
  groupingBytes(rows: number, room: number): number;
  groupOf(state: number, j: number, key: number): number;
  countRow(state: number, j: number, group: number): void;
  join(state: number, j: number, group: number, slot: number): void;
}

/** What a block is filled with. */
export interface Rows {
  readonly stored: number;
  /** `stored` if absent. */
  readonly capacity?: number;
  /** Number of the row by slot; that of the slot if absent. */
  readonly numbers?: ArrayLike<number>;
  /** Number of the next row; that after the latest if absent. */
  readonly clock?: number;
  /** By slot; 0 where absent. */
  readonly scores?: ArrayLike<number>;
  /** By slot; groups are numbered as their keys first appear. */
  readonly keys?: ArrayLike<number>;
  readonly seed?: number;
}

/** What a draw gave; views, valid until the next. */
export interface Draw {
  readonly slots: Uint32Array;
  readonly weights: Float32Array;
}

const [STATE, NONE, CANARY] = [65_536, 0xffffffff, 0xa5];
const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Compiles what draws, with the given pages of memory. */
export function compileDraws(pages = 1024): Promise<Compiled<DrawExports>> {
  const entry = `export * from "./draw"; export * from "./priority"; export * from "./group"; export { search } from "./weigh";
    export { groupingBytes } from "./block";`;
  return compileAssembly<DrawExports>(entry, pages);
}

/** A replay memory's block, laid out by hand, with at most one grouping. */
export class Block {
  readonly exports: DrawExports;
  readonly state = STATE;
  /** By slot [capacity]; `setPriority` brings the tree up to date. */
  readonly scores: Float32Array;
  /** What a policy remembers [4]. */
  readonly carry: Float64Array;
  readonly #grouping: number;
  readonly #buffer: ArrayBuffer;
  readonly #tree: number;

  constructor(
    { exports, memory }: Compiled<DrawExports>,
    { stored, capacity = stored, numbers, clock, scores = [], keys, seed = 1 }: Rows,
  ) {
    this.exports = exports;
    this.#buffer = memory.buffer;
    this.#grouping = keys === undefined ? NONE : 0;
    const room = new Set(Array.from(keys ?? [0])).size;
    const groupingBytes = exports.groupingBytes(capacity, room);
    const scoresAt = STATE + 256 + align(4 * capacity);
    const grouping = scoresAt + align(4 * capacity);
    this.#tree = grouping + align(groupingBytes + 64);
    this.scores = new Float32Array(this.#buffer, scoresAt, capacity).fill(0);
    this.scores.set(scores);
    this.carry = new Float64Array(this.#buffer, this.#tree + align(exports.treeBytes(capacity)), 4).fill(0);
    new Uint8Array(this.#buffer, grouping, groupingBytes).fill(255);
    const header = new Uint32Array(this.#buffer, STATE, 64).fill(0);
    header.set([capacity, stored], 3);
    header.set([keys === undefined ? 0 : 1], 7);
    header.set(streamKey(seed, "draw"), 12);
    header.set([room], 34);
    header.set([STATE + 256, 0, 0, scoresAt, 0, grouping], 44);
    const byNumber = Uint32Array.from({ length: stored }, (_, slot) => slot);
    const number = new Uint32Array(this.#buffer, STATE + 256, capacity);
    number.set(numbers === undefined ? byNumber : Array.from(numbers));
    byNumber.sort((a, b) => (number[a] as number) - (number[b] as number));
    for (const slot of byNumber) {
      header[18] = number[slot] as number;
      if (keys === undefined) continue;
      const group = exports.groupOf(STATE, 0, keys[slot] as number);
      exports.countRow(STATE, 0, group);
      exports.join(STATE, 0, group, slot);
    }
    header[18] = clock ?? (number[byNumber[stored - 1] as number] ?? -1) + 1;
  }

  set stored(n: number) {
    new Uint32Array(this.#buffer, STATE + 16, 1)[0] = n;
  }

  /** Words read of the stream `draw`. */
  get position(): number {
    return Number(new BigUint64Array(this.#buffer, STATE + 56, 1)[0]);
  }

  buildTree(alpha: number): void {
    this.exports.buildTree(STATE, this.#tree, alpha);
  }

  /** Sets the scores of slots and brings the tree up to date, one by one or all together and with one slot more that is none. */
  update(slots: readonly number[], scores: readonly number[], together: boolean): void {
    const list = new Uint32Array(this.#buffer, align(this.carry.byteOffset + 32), slots.length + 1);
    list.set([...slots, NONE]);
    for (const [i, slot] of slots.entries()) {
      this.scores[slot] = scores[i] as number;
      if (!together) this.exports.setPriority(STATE, slot);
    }
    if (!together) return;
    const canary = new Uint8Array(this.#buffer, this.#tree - 64, 64).fill(CANARY);
    this.exports.setPriorities(STATE, list.byteOffset, list.length);
    if (canary.some((byte) => byte !== CANARY)) throw new Error("wrote before the tree");
  }

  /** Bytes of the tree. */
  tree(): Uint8Array {
    return new Uint8Array(this.#buffer, this.#tree, this.exports.treeBytes(this.scores.length)).slice();
  }

  /** Draws with the parameters a and b of the policy; fails if more scratch is written than was asked for. */
  draw(kind: (typeof kinds)[number], n: number, a = 0, b = 0): Draw {
    const code = kinds.indexOf(kind);
    const slots = align(this.carry.byteOffset + 32);
    const weights = slots + align(4 * n);
    const scratch = weights + align(4 * n);
    const end = scratch + this.exports.memoryDrawScratch(STATE, code, n, a);
    const canary = new Uint8Array(this.#buffer, end, 64).fill(CANARY);
    const out = [this.carry.byteOffset, scratch, slots, weights] as const;
    const count = this.exports.memoryDraw(STATE, code, n, this.#grouping, a, b, ...out);
    if (canary.some((byte) => byte !== CANARY)) throw new Error(`${kind}: wrote behind its scratch`);
    return { slots: new Uint32Array(this.#buffer, slots, count), weights: new Float32Array(this.#buffer, weights, count) };
  }
}
