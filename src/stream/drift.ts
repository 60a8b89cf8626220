import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { type CorruptionOptions, corruption } from "./corruption.ts";
import { type Batch, emptyLike, rowLength, type Stream } from "./dataset.ts";

const courses = ["step", "ramp", "wave"] as const;

/** A severity over time, in rows. */
export interface CourseOptions {
  /** "step" stays at 0 until `start`, then is `peak`; "ramp" rises to it over `length` rows; "wave" rises to it and falls back, over and over. */
  readonly kind: (typeof courses)[number];
  /** The largest severity, from 0 to 1. Default 1. */
  readonly peak?: number;
  /** Row before which it is 0. Default 0. */
  readonly start?: number;
  /** Rows of a ramp, or of a wave from 0 to 0. A step has none. */
  readonly length?: number;
}

/** How {@link drifting} makes images worse. */
export interface DriftOptions extends CorruptionOptions {
  /** Shape of a row: [height, width] or [height, width, channels]. */
  readonly shape: readonly number[];
  /** Severity from 0 to 1 by the number of the row in the stream, counted from 0; see {@link course}. */
  readonly severity: (row: number) => number;
}

/**
 * Yields the batches of a stream, their images made worse over time. What a row becomes depends on the seed, its number in the stream and its
 * pixels alone.
 * @throws E_CONFIG, E_SHAPE where rows are not images, E_DATA where a severity is none, or a batch is not of whole rows
 * @example
 * const stream = drifting(online(scenario, { batchSize: 10 }), {
 *   shape: [28, 28],
 *   kind: "noise",
 *   severity: course({ kind: "ramp", start: 10_000, length: 20_000 }),
 * });
 */
export function drifting(stream: Stream, options: DriftOptions): AsyncIterable<Batch> {
  const where = "streams.drifting";
  checkKeys(where, options, ["shape", "severity", "kind", "range", "seed"]);
  const { shape, severity } = options;
  if (!Array.isArray(shape))
    fail("E_CONFIG", `${where}: option "shape" is not a shape; expected the sizes of one row, got ${describe(shape)}`);
  if (typeof severity !== "function") {
    fail("E_CONFIG", `${where}: option "severity" tells no severity; expected a function of the row's number, got ${describe(severity)}`);
  }
  corruption(where, shape, options);
  const size = rowLength(shape);

  async function* run(): AsyncGenerator<Batch, void, void> {
    const corrupt = corruption(where, shape, options);
    let row = 0;
    for await (const batch of stream) {
      if (batch.x.length % size !== 0) {
        fail("E_DATA", `${where}: a batch is not of whole rows; expected a multiple of ${size} in x, got ${batch.x.length}`);
      }
      const x = emptyLike(batch.x, batch.x.length);
      for (let at = 0; at < x.length; at += size, row++) {
        const now = severity(row);
        if (!(now >= 0 && now <= 1)) fail("E_DATA", `${where}: severity at row ${row} is none; expected 0 to 1, got ${describe(now)}`);
        corrupt(batch.x, at, x, at, row, now);
      }
      yield { ...batch, x };
    }
  }
  return { [Symbol.asyncIterator]: run };
}

/** Returns a severity as a function of the number of a row. @throws E_CONFIG */
export function course(options: CourseOptions): (row: number) => number {
  const where = "streams.course";
  checkKeys(where, options, ["kind", "peak", "start", "length"]);
  const kind = checkChoice(where, "kind", options.kind, courses);
  const peak = checkNumber(where, "peak", options.peak ?? 1, { min: 0, max: 1 });
  const start = checkNumber(where, "start", options.start ?? 0, { min: 0 });
  if (kind === "step") {
    if (options.length !== undefined)
      fail("E_CONFIG", `${where}: option "length" has no effect on a step; expected none, got ${describe(options.length)}`);
    return (row) => (row < start ? 0 : peak);
  }
  const length = checkNumber(where, "length", options.length, { min: 0, open: "min" });
  if (kind === "ramp") return (row) => peak * Math.max(0, Math.min(1, (row - start) / length));
  return (row) => {
    const part = ((row - start) / length) % 1;
    return row < start ? 0 : peak * Math.min(1, 2 * Math.min(part, 1 - part));
  };
}
