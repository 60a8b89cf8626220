/** The rows of a memory: flat columns in its Wasm memory, a row of each by slot. */
import type { Wasm } from "../wasm/instance.ts";
import type { Field, Values } from "./columns.ts";
import type { PlacedStore } from "./replay.ts";
import { DROPPED, type Move } from "./slots.ts";

/** What rows are given and drawn in. */
const arrays = { u8: Uint8Array, f16: Float32Array, f32: Float32Array, u32: Uint32Array, f64: Float64Array, id: Float64Array };

/** Bytes of a row in all columns, those of the index aside. */
export function rowBytes(fields: readonly Field[]): number {
  return fields.reduce((sum, { indexed, stride }) => sum + (indexed ? 0 : stride), 0);
}

/** Columns of one capacity; every method may move what an earlier one returned. */
export class Rows {
  readonly #wasm: Wasm;
  readonly #fields: readonly Field[];
  /** Those that the index does not keep, and the addresses of their rows. */
  readonly #own: readonly Field[];
  #areas: ReadonlyMap<Field, number>;
  #capacity: number;
  #scratch = 0;
  #scratchBytes = 0;

  /** @throws E_OOM */
  constructor(wasm: Wasm, fields: readonly Field[], capacity: number) {
    this.#wasm = wasm;
    this.#fields = fields;
    this.#own = fields.filter(({ indexed }) => !indexed);
    this.#capacity = capacity;
    this.#areas = this.#allocate(capacity);
  }

  get bytes(): number {
    return this.#capacity * rowBytes(this.#fields);
  }

  #allocate(capacity: number): Map<Field, number> {
    const areas = new Map<Field, number>();
    try {
      for (const field of this.#own) areas.set(field, this.#wasm.alloc(capacity * field.stride));
    } catch (error) {
      for (const area of areas.values()) this.#wasm.free(area);
      throw error;
    }
    return areas;
  }

  #area(field: Field): number {
    return this.#areas.get(field) as number;
  }

  /** Sees that {@link put} of so many rows will find its memory. @throws E_OOM */
  prepare(count: number): void {
    this.#reserve(Math.max(0, ...this.#own.map(({ dtype, length }) => (dtype === "f16" ? 4 * count * length : 0))));
  }

  /** Copies the rows that were given a slot: `slots` [stores, count]. */
  put(values: ReadonlyMap<string, Values>, slots: Uint32Array, count: number): void {
    for (const field of this.#own) {
      const source = values.get(field.name) as Values;
      for (let start = 0; start < slots.length; start += count) {
        const own = slots.subarray(start, start + count);
        if (field.dtype === "f16") this.#putHalves(field, source, own);
        else this.#putRows(field, source, own);
      }
    }
  }

  #putRows(field: Field, source: Values, slots: Uint32Array): void {
    const { dtype, length, bytes, stride } = field;
    const type = arrays[dtype];
    const step = stride / type.BYTES_PER_ELEMENT;
    const target = new type(this.#wasm.memory.buffer, this.#area(field), this.#capacity * step);
    for (let i = 0, end = 0; i < slots.length; i = end) {
      const slot = slots[i] as number;
      end = i + 1;
      if (slot === DROPPED) continue;
      // Rows that follow each other there as here go at once.
      while (bytes === stride && end < slots.length && slots[end] === slot + end - i) end++;
      if (length === 1 && end === i + 1) target[slot * step] = source[i] as number;
      else target.set(source.subarray(i * length, end * length), slot * step);
    }
  }

  #putHalves(field: Field, source: Values, slots: Uint32Array): void {
    const { length, stride } = field;
    const area = this.#area(field);
    const { exports, memory } = this.#wasm;
    const at = this.#reserve(4 * source.length);
    new Float32Array(memory.buffer, at, source.length).set(source);
    for (const [i, slot] of slots.entries()) if (slot !== DROPPED) exports.rowsNarrow(at + 4 * i * length, length, area + slot * stride);
  }

  /** Returns the rows of slots, column by column, as views; `names`: of these columns alone. */
  gather(slots: ArrayLike<number>, stores: readonly PlacedStore[], names?: readonly string[]): Record<string, Values> {
    const { exports, memory } = this.#wasm;
    const n = slots.length;
    const fields = names === undefined ? this.#fields : this.#fields.filter(({ name }) => names.includes(name));
    let end = align(4 * n);
    const offsets = fields.map((field) => {
      const offset = end;
      end += align(n * field.length * drawnType(field).BYTES_PER_ELEMENT);
      return offset;
    });
    const at = this.#reserve(end);
    new Uint32Array(memory.buffer, at, n).set(slots);
    const found: Record<string, Values> = {};
    const indexed = { id: 0, score: 0, embedding: 0 };
    for (const [k, field] of fields.entries()) {
      const { name, dtype, length, bytes, stride, scale, offset } = field;
      const out = at + (offsets[k] as number);
      if (field.indexed) indexed[name as keyof typeof indexed] = out;
      else if (!field.decoded) exports.rowsGather(this.#area(field), stride, bytes, n, at, out);
      else if (dtype === "f16") exports.rowsWiden(this.#area(field), stride, length, n, at, out);
      else exports.rowsScale(this.#area(field), stride, length, n, at, scale, offset, out);
      found[name] = new (drawnType(field))(memory.buffer as ArrayBuffer, out, n * length);
    }
    if (indexed.id + indexed.score + indexed.embedding > 0) {
      for (const { slots: store, first } of stores)
        exports.memoryRead(store.address, first, n, at, indexed.id, indexed.score, indexed.embedding);
    }
    return found;
  }

  /** Lets rows follow what moved in the index, and zeros take the places left. */
  follow(moves: readonly Move[]): void {
    const at = this.#reserve(8 * moves.length);
    const words = new Uint32Array(this.#wasm.memory.buffer, at, 2 * moves.length);
    for (const [i, { from, to }] of moves.entries()) {
      words[2 * i] = from;
      words[2 * i + 1] = to;
    }
    for (const [{ stride }, area] of this.#areas) this.#wasm.exports.rowsFollow(area, stride, moves.length, at);
  }

  /** Copies rows of another memory of the same columns, `from` [n], to `slots` [n]. */
  adopt(other: Rows, from: ArrayLike<number>, slots: ArrayLike<number>): void {
    const [here, there] = [this.#wasm, other.#wasm].map(({ memory }) => new Uint8Array(memory.buffer)) as [Uint8Array, Uint8Array];
    for (const [k, field] of this.#own.entries()) {
      const { stride } = field;
      const [to, source] = [this.#area(field), other.#area(other.#own[k] as Field)];
      for (let i = 0; i < slots.length; i++) {
        if (slots[i] === DROPPED) continue;
        const start = source + (from[i] as number) * stride;
        here.set(there.subarray(start, start + stride), to + (slots[i] as number) * stride);
      }
    }
  }

  /** Overwrites the scratch, where copies of rows lie. */
  wipe(): void {
    if (this.#scratch !== 0) new Uint8Array(this.#wasm.memory.buffer, this.#scratch, this.#scratchBytes).fill(0);
  }

  /**
   * Makes room for as many rows. `move` is called once all memory is there, and returns which runs of slots lie where then: old first, new first,
   * rows.
   * @throws E_OOM before anything changed
   */
  resize(capacity: number, move: () => readonly (readonly [number, number, number])[]): void {
    const areas = this.#allocate(capacity);
    let runs: ReturnType<typeof move>;
    try {
      runs = move();
    } catch (error) {
      for (const area of areas.values()) this.#wasm.free(area);
      throw error;
    }
    const bytes = new Uint8Array(this.#wasm.memory.buffer);
    for (const [field, area] of areas) {
      const { stride } = field;
      const old = this.#area(field);
      for (const [from, to, rows] of runs) bytes.copyWithin(area + to * stride, old + from * stride, old + (from + rows) * stride);
      this.#wasm.free(old);
    }
    this.#areas = areas;
    this.#capacity = capacity;
  }

  /** Overwrites all rows with zeros. */
  clear(): void {
    for (const [{ stride }, area] of this.#areas) new Uint8Array(this.#wasm.memory.buffer, area, this.#capacity * stride).fill(0);
  }

  /** Returns the bytes of runs of slots `[first, rows]`, column by column, as views. */
  runs(runs: readonly (readonly [number, number])[]): Uint8Array[] {
    const { buffer } = this.#wasm.memory;
    return [...this.#areas].flatMap(([{ stride }, area]) =>
      runs.map(([first, rows]) => new Uint8Array(buffer, area + first * stride, rows * stride)),
    );
  }

  close(): void {
    for (const address of [...this.#areas.values(), this.#scratch]) this.#wasm.free(address);
    this.#areas = new Map();
    this.#scratch = this.#scratchBytes = 0;
  }

  /** The address of at least `bytes` of scratch. */
  #reserve(bytes: number): number {
    if (bytes > this.#scratchBytes) {
      const larger = Math.max(bytes, 2 * this.#scratchBytes);
      const scratch = this.#wasm.alloc(larger);
      if (this.#scratch !== 0) this.#wasm.free(this.#scratch);
      this.#scratch = scratch;
      this.#scratchBytes = larger;
    }
    return this.#scratch;
  }
}

function drawnType({ dtype, decoded }: Field): (typeof arrays)[keyof typeof arrays] {
  return decoded ? Float32Array : arrays[dtype];
}

function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
