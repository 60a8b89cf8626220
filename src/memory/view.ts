/** What a store's block says, read where it lies: offsets are those of `assembly/block.ts` and `group.ts`. */

/** A group of rows by key. */
export interface Group {
  readonly key: number;
  readonly stored: number;
  readonly seen: number;
}

const [STORED, POPULATION, CLOCK, TOP, DUPLICATES, FORGOTTEN, ROOM, GROUPS] = [16, 64, 72, 80, 104, 112, 136, 152];
const [NUMBERS, IDS, SCORES, GROUPING] = [176, 180, 188, 196];
const RECORD_BYTES = 32;
const NO_ID = 2n ** 64n - 1n;

/** A block that lies at an address; of use until memory grows. */
export class BlockView {
  readonly #buffer: ArrayBufferLike;
  readonly #state: number;

  constructor(buffer: ArrayBufferLike, state: number) {
    this.#buffer = buffer;
    this.#state = state;
  }

  get stored(): number {
    return this.#u32(STORED);
  }

  get seen(): number {
    return this.#u64(POPULATION);
  }

  get clock(): number {
    return this.#u64(CLOCK);
  }

  get duplicates(): number {
    return this.#u64(DUPLICATES);
  }

  get forgotten(): number {
    return this.#u64(FORGOTTEN);
  }

  get top(): number {
    return new Float64Array(this.#buffer, this.#state + TOP, 1)[0] as number;
  }

  /** Groups seen in a grouping. */
  groupCount(j: number): number {
    return this.#u32(GROUPS + 4 * j);
  }

  /** The groups of a grouping in the order in which they appeared. */
  groups(j: number): Group[] {
    const view = new DataView(this.#buffer, this.#u32(GROUPING + 4 * j));
    return Array.from({ length: this.groupCount(j) }, (_, g) => {
      const at = RECORD_BYTES * g;
      return { key: view.getUint32(at, true), stored: view.getUint32(at + 4, true), seen: Number(view.getBigUint64(at + 16, true)) };
    });
  }

  /** Keys of a grouping by slot [stored]. */
  values(j: number): Uint32Array {
    const records = this.#u32(GROUPING + 4 * j);
    const keys = this.groups(j).map(({ key }) => key);
    // Behind the records lies the table of keys, two words a group.
    const groups = new Uint32Array(this.#buffer, records + (RECORD_BYTES + 8) * this.#u32(ROOM), this.stored);
    return groups.map((group) => keys[group] as number);
  }

  /** Ages by slot [stored]: 1 for the newest. */
  ages(): Uint32Array {
    const clock = this.clock % 2 ** 32;
    return new Uint32Array(this.#buffer, this.#u32(NUMBERS), this.stored).map((number) => clock - number);
  }

  /** Identities by slot [stored]; NaN for a row without one. */
  ids(): Float64Array {
    const words = new BigUint64Array(this.#buffer, this.#u32(IDS), this.stored);
    return Float64Array.from(words, (id) => (id === NO_ID ? Number.NaN : Number(id)));
  }

  /** Scores by slot [stored], a copy. */
  scores(): Float32Array {
    return new Float32Array(this.#buffer, this.#u32(SCORES), this.stored).slice();
  }

  #u32(offset: number): number {
    return new Uint32Array(this.#buffer, this.#state + offset, 1)[0] as number;
  }

  #u64(offset: number): number {
    return Number(new BigUint64Array(this.#buffer, this.#state + offset, 1)[0]);
  }
}
