import { describe, fail } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import type { Batch } from "../stream/index.ts";
import type { Config } from "./config.ts";

/** A batch found sound: nothing in it can fail a step. */
export interface CheckedBatch {
  readonly count: number;
  /** Rows [count × row] as they are stored. */
  readonly x: Float32Array | Uint8Array;
  /** Labels, or values, of all rows. */
  readonly targets: Uint32Array | Float32Array;
  /** Labels of the rows; where targets are values, all rows are of one class. */
  readonly labels: Uint32Array;
  readonly weight: Float32Array | undefined;
  /** The caller's names of the rows [count]. */
  readonly id: Float64Array | undefined;
  /** The task they are of, 0 where the batch names none. */
  readonly task: number;
}

/** Returns a batch when all of it can be learned. @throws E_DATA naming the row and what was expected */
export function checkBatch(where: string, batch: Batch, config: Config): CheckedBatch {
  if (typeof batch !== "object" || batch === null) fail("E_DATA", `${where}: not a batch; expected { x, y }, got ${describe(batch)}`);
  const targets = config.loss.targets === "labels" ? checkLabels(where, batch.y, config) : checkValues(where, batch.y, config);
  const count = targets.length / config.targets;
  const x = checkRows(where, batch.x, config, count);
  const id = batch.id === undefined ? undefined : checkIds(where, batch.id, count);
  const weight = batch.weight === undefined ? undefined : checkWeight(where, batch.weight, count);
  const labels = targets instanceof Uint32Array ? targets : new Uint32Array(count);
  const task = checkTask(where, batch.task ?? 0);
  for (const { space } of config.strategies) space?.check?.(where, labels, task);
  return { count, x, targets, labels, weight, id, task };
}

/** Returns rows when each is whole, of the right dtype and finite. @throws E_DATA */
export function checkRows(where: string, x: unknown, config: Config, count?: number): Float32Array | Uint8Array {
  const { dtype, shape } = config.input;
  const size = sizeOf(shape);
  const type = dtype === "u8" ? Uint8Array : Float32Array;
  if (!(x instanceof type) && !(dtype === "u8" && x instanceof Uint8ClampedArray)) {
    fail("E_DATA", `${where}: x has another dtype; expected ${type.name}, got ${describe(x)}`, {
      hint:
        dtype === "u8"
          ? 'Give bytes, or declare input: { shape, dtype: "f32" }.'
          : 'Give a Float32Array, or declare input: { shape, dtype: "u8" }.',
      context: { field: "x" },
    });
  }
  const rows = x as Float32Array | Uint8Array;
  const expected = count ?? rows.length / size;
  if (rows.length !== expected * size || !Number.isInteger(expected) || expected === 0) {
    const want = count === undefined ? `a multiple of ${size} above 0` : `${count} rows × ${size} = ${count * size}`;
    fail("E_DATA", `${where}: x has the wrong length; expected ${want}, got ${rows.length}`, {
      hint: "x holds whole rows, flattened one after another.",
      context: { field: "x" },
    });
  }
  if (dtype === "f32" && !allFinite(rows)) {
    const bad = rows.findIndex((value) => !Number.isFinite(value));
    fail(
      "E_DATA",
      `${where}: row ${Math.floor(bad / size)} of x holds ${rows[bad]}; expected finite numbers, got ${rows[bad]} at element ${bad % size}`,
      {
        hint: "Drop or repair the row.",
        context: { field: "x", row: Math.floor(bad / size), element: bad % size },
      },
    );
  }
  if (config.built.below !== undefined) checkIndices(where, rows, config.built.below, config);
  return rows;
}

/** Refuses what would choose no row of the table that a model begins with; on the device such a number reads another's row. */
function checkIndices(where: string, rows: Float32Array | Uint8Array, below: number, { input }: Config): void {
  const size = sizeOf(input.shape);
  for (let i = 0; i < rows.length; i++) {
    const index = Math.fround(Math.fround((rows[i] as number) * Math.fround(input.scale)) + Math.fround(input.offset));
    if (Number.isInteger(index) && index >= 0 && index < below) continue;
    const [row, element] = [Math.floor(i / size), i % size];
    fail(
      "E_DATA",
      `${where}: row ${row} of x chooses no embedding; expected a whole number from 0 to ${below - 1}, got ${index} at element ${element}`,
      {
        hint: "Give the embedding more rows, or map what it does not know to one of them.",
        context: { field: "x", row, element },
      },
    );
  }
}

/** Whether all numbers are finite: 0 times anything else is NaN. Runs on every row of every step, eight times as fast as asking each. */
function allFinite(values: ArrayLike<number>): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * 0;
  return sum === 0;
}

/** Returns targets when there are as many for each row as it takes. */
function checkTargets(where: string, y: unknown, targets: number, what: "labels" | "values"): ArrayLike<number> {
  const length = (y as ArrayLike<number> | undefined)?.length;
  if (y === null || typeof y !== "object" || typeof length !== "number")
    fail("E_DATA", `${where}: y is not a list of ${what}; expected ${what === "labels" ? "whole " : ""}numbers, got ${describe(y)}`);
  if (length === 0) fail("E_DATA", `${where}: the batch is empty; expected at least one row, got none`, { hint: "Skip empty batches." });
  if (length % targets !== 0) {
    fail("E_DATA", `${where}: y has the wrong length; expected ${targets} ${what} a row, got ${length}`, { context: { field: "y" } });
  }
  return y as ArrayLike<number>;
}

function checkValues(where: string, y: unknown, { targets, loss }: Config): Float32Array {
  const values = Float32Array.from(checkTargets(where, y, targets, "values"));
  const [least, largest] = loss.range ?? [-MAX_F32, MAX_F32];
  const bad = values.findIndex((value) => !(value >= least && value <= largest));
  if (bad < 0) return values;
  const row = Math.floor(bad / targets);
  const expected = loss.range === undefined ? "finite numbers" : `numbers from ${least} to ${largest}`;
  return fail(
    "E_DATA",
    `${where}: row ${row} of y holds ${values[bad]}; expected ${expected}, got ${values[bad]} at element ${bad % targets}`,
    {
      hint: "Drop or repair the row.",
      context: { field: "y", row, element: bad % targets },
    },
  );
}

const MAX_F32 = 3.4028234663852886e38;

function checkLabels(where: string, y: unknown, { classes, targets }: Config): Uint32Array {
  const given = checkTargets(where, y, targets, "labels");
  for (let row = 0; row < given.length; row++) {
    const label = given[row] as number;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    fail(
      "E_DATA",
      `${where}: label of row ${Math.floor(row / targets)} is no class; expected a whole number from 0 to ${classes - 1}, got ${describe(label)}`,
      {
        hint: "Give the classifier more capacity, as learner.grow does, or map labels to 0 … capacity − 1.",
        context: { field: "y", row: Math.floor(row / targets), label },
      },
    );
  }
  return Uint32Array.from(given);
}

/** Returns identities when each is exact as a number. @throws E_DATA */
export function checkIds(where: string, given: ArrayLike<number>, count: number = given.length): Float64Array {
  if (given.length !== count)
    fail("E_DATA", `${where}: id has the wrong length; expected ${count}, got ${given.length}`, { context: { field: "id" } });
  const ids = Float64Array.from(given);
  const bad = ids.findIndex((id) => !(Number.isSafeInteger(id) && id >= 0));
  if (bad >= 0)
    fail("E_DATA", `${where}: id of row ${bad} names no row; expected a whole number from 0 to 2^53 − 1, got ${describe(given[bad])}`, {
      hint: "Number the rows, or hash their names to numbers.",
      context: { field: "id", row: bad },
    });
  return ids;
}

/** Returns the number of a task. @throws E_DATA */
function checkTask(where: string, task: unknown): number {
  if (Number.isInteger(task) && (task as number) >= 0 && (task as number) < 2 ** 32) return task as number;
  return fail("E_DATA", `${where}: task is no number of a task; expected a whole number from 0 to 2^32 − 1, got ${describe(task)}`, {
    context: { field: "task" },
  });
}

function checkWeight(where: string, weight: ArrayLike<number>, count: number): Float32Array {
  if (weight.length !== count)
    fail("E_DATA", `${where}: weight has the wrong length; expected ${count}, got ${weight.length}`, { context: { field: "weight" } });
  const weights = Float32Array.from(weight);
  const bad = weights.findIndex((value) => !(Number.isFinite(value) && value >= 0));
  if (bad >= 0)
    fail("E_DATA", `${where}: weight of row ${bad} is not allowed; expected a finite number ≥ 0, got ${weights[bad]}`, {
      context: { field: "weight", row: bad },
    });
  if (!weights.some((value) => value > 0))
    fail("E_DATA", `${where}: all weights are 0; expected at least one above 0, got none`, { context: { field: "weight" } });
  return weights;
}
