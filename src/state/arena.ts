import type { Graph, Placement, Tensor } from "../program/graph.ts";
import type { Storage } from "../program/plan.ts";
import { type Shape, sizeOf } from "../program/shape.ts";

/** A named range of an arena that outlives a step. */
export interface Range {
  readonly name: string;
  readonly shape: Shape;
  readonly placement: Placement;
  readonly byteLength: number;
}

/** Lays named ranges one after another in one arena. */
export class Arena {
  readonly kind: Placement["arena"];
  readonly ranges: Map<string, Range> = new Map();
  #end = 0;

  constructor(kind: Placement["arena"]) {
    this.kind = kind;
  }

  /** Bytes of the arena so far, a multiple of 16. */
  get bytes(): number {
    return align(this.#end);
  }

  /** Returns a new range behind the others: at a multiple of 16 bytes, or right behind when `tight`. */
  add(name: string, shape: Shape, storage: Storage = "f32", tight = false): Range {
    const byteOffset = tight ? this.#end : align(this.#end);
    const byteLength = sizeOf(shape) * (storage === "u8" ? 1 : 4);
    const range = { name, shape, placement: { arena: this.kind, storage, byteOffset }, byteLength };
    this.ranges.set(name, range);
    this.#end = byteOffset + byteLength;
    return range;
  }

  /** Returns a range by name. */
  get(name: string): Range {
    return this.ranges.get(name) as Range;
  }
}

/** Returns a range as a leaf of a program. */
export function leafOf(graph: Graph, { name, shape, placement }: Range): Tensor {
  return graph.state(name, shape, placement);
}

/**
 * A replay column: rows of `length` elements, each padded to whole words. The last `staging` rows hold the batch under way, so that a step
 * reads new and stored rows alike by number.
 */
export interface Column {
  readonly name: string;
  readonly storage: Storage;
  readonly length: number;
  readonly rowBytes: number;
  readonly rows: number;
  readonly staging: number;
  readonly byteOffset: number;
}

/** Returns a new column at the end of an arena. */
export function addColumn(arena: Arena, name: string, length: number, storage: Storage, capacity: number, staging: number): Column {
  const rowBytes = Math.ceil((length * (storage === "u8" ? 1 : 4)) / 4) * 4;
  const rows = capacity + staging;
  const { placement } = arena.add(name, [rows, rowBytes / 4], "u32");
  return { name, storage, length, rowBytes, rows, staging, byteOffset: placement.byteOffset };
}

/** Returns all rows of a column [rows, length], to gather from. */
export function columnLeaf(graph: Graph, column: Column): Tensor {
  const rowStride = column.storage === "u8" ? column.rowBytes : column.rowBytes / 4;
  return graph.state(column.name, [column.rows, column.length], {
    arena: "rows",
    storage: column.storage,
    byteOffset: column.byteOffset,
    rowStride,
  });
}

/** Returns the stored rows or the staged rows of a column as words [rows, words], to copy between. */
export function columnWords(graph: Graph, column: Column, part: "stored" | "staged"): Tensor {
  const capacity = column.rows - column.staging;
  const [rows, first] = part === "stored" ? [capacity, 0] : [column.staging, capacity];
  const placement = { arena: "rows", storage: "u32", byteOffset: column.byteOffset + first * column.rowBytes } as const;
  return graph.state(`${column.name}.${part}`, [rows, column.rowBytes / 4], placement);
}

function align(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}
