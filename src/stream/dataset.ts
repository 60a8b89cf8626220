import { checkKeys, checkNumber, describe, fail } from "../errors.ts";

/** Values of rows, flattened; bytes stand for 0–255 as they are. */
export type Pixels = Uint8Array | Float32Array;

/** What a learner takes at once: `n` rows and their labels. */
export interface Batch {
  /** [n × row], flattened. */
  x: Pixels;
  /** [n] class numbers; as many for each row as the model answers in places, or values as a loss of values takes. */
  y: ArrayLike<number>;
  /** The task the rows belong to, where it is known. */
  task?: number;
  /** [n] the caller's names of the rows. */
  id?: ArrayLike<number>;
  /** [n] weight of each row in the loss; 1 when absent. */
  weight?: Float32Array;
}

/** Batches in the order they are to be learned. */
export type Stream = Iterable<Batch> | AsyncIterable<Batch>;

/** Writes the row seen through a view from the row at `source[from…]`, which is stored row `row`, to `target[to…]`. */
export type RowView = (source: Pixels, from: number, target: Pixels, to: number, row: number) => void;

/**
 * A labelled table. `x` and `y` are stored once and shared by every set made from them, so read rows with
 * {@link readRows}, which applies `rows` and `view`; reading `x` directly is right only where both are absent.
 */
export interface Dataset {
  readonly name: string;
  /** Stored rows, flattened. */
  readonly x: Pixels;
  /** Label of each stored row. */
  readonly y: Uint32Array;
  /** Shape of one row. */
  readonly shape: readonly number[];
  /** Number of classes; labels are below it. */
  readonly classes: number;
  /** Number of rows in this set. */
  readonly count: number;
  /** Stored row of each row of this set; absent: row `i` is stored row `i`. */
  readonly rows?: Uint32Array;
  /** How a stored row is seen; absent: as it is. */
  readonly view?: RowView;
}

/** What {@link arrays} must be told about its values. */
export interface ArraysOptions {
  /** Shape of one row. */
  shape: readonly number[];
  /** Number of classes; default: the largest label + 1. */
  classes?: number;
  /** Default "arrays". */
  name?: string;
}

/**
 * Returns a data set over typed arrays, which are kept, not copied.
 * @throws E_CONFIG, E_SHAPE where `x` is not rows of `shape`, E_DATA where a label is not a class
 */
export function arrays(x: Pixels, y: ArrayLike<number>, options: ArraysOptions): Dataset {
  checkKeys("streams.arrays", options, ["shape", "classes", "name"]);
  const { shape, name = "arrays" } = options;
  if (!(x instanceof Uint8Array || x instanceof Float32Array)) {
    fail("E_SHAPE", `${name}: rows have the wrong dtype; expected Uint8Array or Float32Array, got ${describe(x)}`);
  }
  if (!Array.isArray(shape) || shape.length === 0) {
    fail("E_CONFIG", `streams.arrays: option "shape" is not a shape; expected the sizes of one row, got ${describe(shape)}`);
  }
  for (const size of shape) checkNumber("streams.arrays", "shape", size, { min: 1, integer: true });
  const row = rowLength(shape);
  if (y.length === 0) fail("E_DATA", `${name}: the set is empty; expected at least one row, got 0`);
  if (x.length !== y.length * row) {
    fail("E_SHAPE", `${name}: rows and labels disagree; expected ${y.length} × ${row} = ${y.length * row} values, got ${x.length}`, {
      hint: `Give one label for each row of [${shape.join(", ")}].`,
    });
  }
  const classes =
    options.classes === undefined ? undefined : checkNumber("streams.arrays", "classes", options.classes, { min: 1, integer: true });
  return { name, x, ...checkLabels(name, y, classes), shape, count: y.length };
}

/**
 * Returns labels as integers and the number of classes, which is one above the largest label when not given.
 * @throws E_DATA where a label is not a class number
 */
export function checkLabels(name: string, labels: ArrayLike<number>, classes?: number): { y: Uint32Array; classes: number } {
  const limit = classes ?? 2 ** 31;
  const y = new Uint32Array(labels.length);
  let largest = 0;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (!(Number.isInteger(label) && label >= 0 && label < limit)) {
      const expected = classes === undefined ? "a whole number ≥ 0" : `a class from 0 to ${classes - 1}`;
      fail("E_DATA", `${name}: label of row ${i} is no class; expected ${expected}, got ${describe(label)}`, {
        context: { row: i, label },
      });
    }
    y[i] = label;
    if (label > largest) largest = label;
  }
  return { y, classes: classes ?? largest + 1 };
}

/** Returns the set made of the rows listed, in their order; pixels are shared. */
export function select(dataset: Dataset, rows: ArrayLike<number>, name: string = dataset.name): Dataset {
  const chosen = new Uint32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    if (!(Number.isInteger(row) && row >= 0 && row < dataset.count)) {
      fail("E_DATA", `${dataset.name}: no such row; expected 0 to ${dataset.count - 1}, got ${describe(row)}`);
    }
    chosen[i] = dataset.rows === undefined ? row : (dataset.rows[row] as number);
  }
  return { ...dataset, name, rows: chosen, count: chosen.length };
}

/** Returns the same rows seen through `view`, applied after the set's own. */
export function viewed(dataset: Dataset, view: RowView, name: string = dataset.name): Dataset {
  const inner = dataset.view;
  if (inner === undefined) return { ...dataset, name, view };
  const between = emptyLike(dataset.x, rowLength(dataset.shape));
  const both: RowView = (source, from, target, to, row) => {
    inner(source, from, between, 0, row);
    view(between, 0, target, to, row);
  };
  return { ...dataset, name, view: both };
}

/** Returns rows `order[start…end)` of the set (`start…end` without an order) as values and labels of their own. */
export function readRows(dataset: Dataset, start: number, end: number, order?: Uint32Array): { x: Pixels; y: Uint32Array } {
  const row = rowLength(dataset.shape);
  const x = emptyLike(dataset.x, (end - start) * row);
  const y = new Uint32Array(end - start);
  for (let i = start; i < end; i++) {
    y[i - start] = writeRow(dataset, order === undefined ? i : (order[i] as number), x, (i - start) * row);
  }
  return { x, y };
}

/** Writes the values of row `i` of the set to `target[to…]`; returns its label. */
export function writeRow(dataset: Dataset, i: number, target: Pixels, to: number): number {
  const row = rowLength(dataset.shape);
  const stored = storedRow(dataset, i);
  if (dataset.view === undefined) target.set(dataset.x.subarray(stored * row, (stored + 1) * row), to);
  else dataset.view(dataset.x, stored * row, target, to, stored);
  return dataset.y[stored] as number;
}

/** Returns the label of row `i` of the set. */
export function labelOf(dataset: Dataset, i: number): number {
  return dataset.y[storedRow(dataset, i)] as number;
}

/** Returns the stored row of row `i` of the set. */
export function storedRow(dataset: Dataset, i: number): number {
  return dataset.rows === undefined ? i : (dataset.rows[i] as number);
}

/** Returns the number of values in a row of `shape`. */
export function rowLength(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Returns zeros of the dtype of `x`. */
export function emptyLike(x: Pixels, length: number): Pixels {
  return x instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
}
