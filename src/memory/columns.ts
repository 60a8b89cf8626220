/** What the columns of a memory are, and batches checked against them. */
import { checkChoice, checkKeys, checkNumber, describe, fail, nearestName } from "../errors.ts";

const dtypes = ["u8", "f16", "f32", "u32", "f64"] as const;

/** How a value is kept: integers of 8 or 32 bits, floats of 16, 32 or 64. */
export type MemoryDtype = (typeof dtypes)[number];

/** One column in full. */
export interface MemoryColumnSpec {
  readonly dtype: MemoryDtype;
  /** Sizes of one row; default: a single value. */
  readonly shape?: readonly number[];
  /** Bytes alone: drawn rows are f32, value·scale + offset, once either is given; defaults 1 and 0. */
  readonly scale?: number;
  readonly offset?: number;
}

/** One column. A dtype alone is a single value; "id" are whole numbers from 0 to 2^53 - 1. */
export type MemoryColumn = MemoryDtype | "id" | MemoryColumnSpec;

/** Columns by name: any, and with a meaning `id`, `score` (f32), `embedding` (f32 of one dimension). */
export type MemoryColumns = Readonly<Record<string, MemoryColumn>>;

type DtypeOf<C> = C extends { readonly dtype: infer D } ? D : C;
type ArrayOf<D> = D extends "u8" ? Uint8Array : D extends "u32" ? Uint32Array : D extends "f64" | "id" ? Float64Array : Float32Array;

/** Drawn rows `[n, ...shape]` by column: f32 for f16 and for bytes with a scale or an offset, otherwise the dtype kept; f64 for `id`. */
export type MemoryRows<C extends MemoryColumns> = {
  readonly [K in keyof C]: DtypeOf<C[K]> extends "u8"
    ? C[K] extends { readonly scale: number } | { readonly offset: number }
      ? Float32Array
      : Uint8Array
    : ArrayOf<DtypeOf<C[K]>>;
};

type Given<C> = readonly number[] | (C extends "id" ? Float64Array | Uint32Array : ArrayOf<DtypeOf<C>>);

/** Rows offered `[n, ...shape]` by column: the array of the column's dtype (f32 for f16), or plain numbers. `score` may be left out. */
export type MemoryBatch<C extends MemoryColumns> = {
  readonly [K in Exclude<keyof C, "score">]: Given<C[K]>;
} & { readonly [K in Extract<keyof C, "score">]?: Given<C[K]> };

export type Values = Uint8Array | Uint8ClampedArray | Uint32Array | Float32Array | Float64Array;

/** A column as the memory keeps it. */
export interface Field {
  readonly name: string;
  readonly dtype: MemoryDtype | "id";
  readonly shape: readonly number[];
  /** Values in a row. */
  readonly length: number;
  /** Bytes of a row, and those with what fills its last word. */
  readonly bytes: number;
  readonly stride: number;
  readonly scale: number;
  readonly offset: number;
  /** Whether rows are drawn as f32 though they are kept as bytes or f16. */
  readonly decoded: boolean;
  /** Whether the index keeps it. */
  readonly indexed: boolean;
}

const sizes = { u8: 1, f16: 2, f32: 4, u32: 4, f64: 8, id: 8 };
/** Most values in a row. */
const MOST_VALUES = 2 ** 28;

/** Returns the columns in full, in the order of their names. @throws E_CONFIG */
export function fieldsOf(where: string, columns: MemoryColumns): Field[] {
  if (typeof columns !== "object" || columns === null || Object.keys(columns).length === 0)
    fail("E_CONFIG", `${where}: no columns; expected at least one, got ${describe(columns)}`, {
      hint: 'Give columns such as { x: "f32" }.',
    });
  return Object.keys(columns)
    .sort()
    .map((name) => fieldOf(`${where}: column "${name}"`, name, columns[name] as MemoryColumn));
}

function fieldOf(where: string, name: string, column: MemoryColumn): Field {
  if (name === "" || name === "age") fail("E_CONFIG", `${where}: the name is taken; expected another, got "${name}"`);
  if ((column === "id") !== (name === "id")) {
    fail(
      "E_CONFIG",
      `${where}: identities are the column id: "id"; expected ${name === "id" ? '"id"' : "a dtype"}, got ${describe(column)}`,
    );
  }
  const full = typeof column === "string" ? { dtype: column } : column;
  if (column !== "id") checkKeys(where, full, ["dtype", "shape", "scale", "offset"]);
  const dtype = column === "id" ? "id" : checkChoice(where, "dtype", full?.dtype, dtypes);
  const { shape = [], scale, offset } = full as MemoryColumnSpec;
  if (!Array.isArray(shape))
    fail("E_CONFIG", `${where}: option "shape" is not a shape; expected the sizes of one row, got ${describe(shape)}`);
  for (const size of shape) checkNumber(where, "shape", size, { min: 1, integer: true });
  const length = checkNumber(
    where,
    "shape",
    shape.reduce((product: number, size: number) => product * size, 1),
    { max: MOST_VALUES },
  );
  if (dtype !== "u8" && (scale ?? offset) !== undefined)
    fail("E_CONFIG", `${where}: only bytes have a scale and an offset; expected dtype "u8", got "${dtype}"`);
  const vector = name === "embedding";
  if ((vector || name === "score") && (dtype !== "f32" || shape.length !== (vector ? 1 : 0)))
    fail(
      "E_CONFIG",
      `${where}: the memory itself works on it; expected f32 of ${vector ? "one dimension" : "one value"}, got ${dtype} of [${shape}]`,
    );
  const bytes = length * sizes[dtype];
  return {
    ...{ name, dtype, shape: [...shape], length, bytes, stride: Math.ceil(bytes / 4) * 4 },
    scale: scale === undefined ? 1 : checkNumber(where, "scale", scale),
    offset: offset === undefined ? 0 : checkNumber(where, "offset", offset),
    decoded: dtype === "f16" || (scale ?? offset) !== undefined,
    indexed: dtype === "id" || name === "score" || vector,
  };
}

/** Rows offered, checked. */
export interface Checked {
  readonly count: number;
  readonly values: ReadonlyMap<string, Values>;
}

/**
 * Returns a batch as arrays of the columns' dtypes; what lies in `own` is copied, since a call may move it.
 * @throws E_DATA for a column that is missing or unknown, or a value out of range; E_SHAPE for a wrong type or length
 */
export function checkBatch(where: string, fields: readonly Field[], batch: object, mayLack: boolean, own: ArrayBufferLike): Checked {
  if (typeof batch !== "object" || batch === null) fail("E_DATA", `${where}: no batch; expected columns, got ${describe(batch)}`);
  const names = fields.map(({ name }) => name);
  for (const name of Object.keys(batch)) {
    if (names.includes(name)) continue;
    const near = nearestName(name, names);
    fail("E_DATA", `${where}: unknown column "${name}"; expected ${names.join(", ")}, got "${name}"`, {
      hint: near === undefined ? `Leave out "${name}".` : `Did you mean "${near}"?`,
      context: { column: name },
    });
  }
  const values = new Map<string, Values>();
  let count: number | undefined;
  for (const field of fields) {
    const given = (batch as Record<string, unknown>)[field.name];
    if (given === undefined && field.name === "score" && mayLack) continue;
    const column = `${where}: column "${field.name}"`;
    const array = checkArray(column, field, given);
    const rows = array.length / field.length;
    count ??= rows;
    if (rows !== count || !Number.isInteger(rows)) {
      fail("E_SHAPE", `${column} has the wrong length; expected ${Math.ceil(count)} × ${field.length} values, got ${array.length}`, {
        hint: "Give every column one row for each row of the others.",
        context: { column: field.name, length: array.length },
      });
    }
    values.set(field.name, array.buffer === own ? array.slice() : array);
  }
  return { count: count ?? 0, values };
}

function checkArray(where: string, field: Field, given: unknown): Values {
  const { dtype, name } = field;
  if (given === undefined) fail("E_DATA", `${where} is missing; expected it in every batch, got nothing`, { context: { column: name } });
  const types = { u8: [Uint8Array, Uint8ClampedArray], f16: [Float32Array], f32: [Float32Array], u32: [Uint32Array], f64: [Float64Array] };
  const accepted = dtype === "id" ? [Float64Array, Uint32Array] : types[dtype];
  const typed = accepted.some((type) => given instanceof type);
  if (!typed && !Array.isArray(given)) {
    fail("E_SHAPE", `${where} has the wrong type; expected ${accepted[0]?.name} or an array of numbers, got ${describe(given)}`, {
      context: { column: name },
    });
  }
  const [largest, what] =
    dtype === "u8" ? [255, "0 … 255"] : dtype === "u32" ? [2 ** 32 - 1, "0 … 2^32 - 1"] : [2 ** 53 - 1, "0 … 2^53 - 1"];
  const whole = dtype === "id" || ((dtype === "u8" || dtype === "u32") && !typed);
  const finite = name === "score" || name === "embedding";
  const numbers = given as ArrayLike<number>;
  for (let i = 0; (whole || finite || !typed) && i < numbers.length; i++) {
    const value = numbers[i];
    const fits = whole ? Number.isInteger(value) && (value as number) >= 0 && (value as number) <= largest : typeof value === "number";
    if (fits && (!finite || Number.isFinite(Math.fround(value as number)))) continue;
    const expected = whole ? `a whole number ${what}` : finite ? "a finite number" : "a number";
    fail("E_DATA", `${where}: value ${i} does not fit; expected ${expected}, got ${describe(value)}`, {
      context: { column: name, value, at: i },
    });
  }
  if (dtype === "id") return given instanceof Float64Array ? given : Float64Array.from(numbers);
  return typed ? (given as Values) : new (accepted[0] as Uint8ArrayConstructor)(numbers as number[]);
}

/** Refuses scores that are NaN, infinite or, `priorities`, negative. @throws E_DATA */
export function checkScores(where: string, scores: ArrayLike<number>, priorities: boolean): void {
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number;
    if (Number.isFinite(score) && !(priorities && score < 0)) continue;
    fail("E_DATA", `${where}: score ${i} is none; expected a finite number${priorities ? " ≥ 0" : ""}, got ${describe(score)}`, {
      hint: "Leave out rows whose score is not known.",
      context: { at: i, score },
    });
  }
}
