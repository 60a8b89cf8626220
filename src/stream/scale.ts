/** Rows brought to mean 0 and deviation 1 by what was seen before them. */
import { checkKeys, checkNumber, checkState, describe, fail } from "../errors.ts";
import { type Dataset, type Pixels, readRows, rowLength } from "./dataset.ts";

/** Options of {@link runningScale}. */
export interface RunningScaleOptions {
  /** Values in a row. */
  readonly features: number;
  /** Values are kept within this many deviations. Default: they are not; the first rows of a stream, or outliers, may be far out. */
  readonly clip?: number;
}

/** State of {@link runningScale}, plain data. */
export interface ScaleState {
  /** Rows seen. */
  readonly count: number;
  /** Mean of each feature. */
  readonly mean: readonly number[];
  /** Sum of squared distances from the mean. */
  readonly squares: readonly number[];
}

/** A running standardiser: a record of pure functions of its state. */
export interface RunningScale {
  readonly options: Readonly<RunningScaleOptions>;
  start(): ScaleState;
  /** Returns a saved state, parsed from JSON. @throws E_MISMATCH */
  resume(saved: unknown): ScaleState;
  /** Returns the state after rows `x` [n × features]. @throws E_DATA */
  push(state: ScaleState, x: Pixels): ScaleState;
  /** Returns (x − mean)/deviation of rows [n × features], 0 where there is no deviation yet; the state stays as it is. @throws E_DATA */
  apply(state: ScaleState, x: Pixels): Float32Array;
}

/**
 * Returns the standardiser of a stream. So that no row is seen before it is tested, first `apply` to a batch, then `push` it. Deviations are
 * those of the population, √(squares/count).
 * @throws E_CONFIG
 * @see Welford 1962, "Note on a method for calculating corrected sums of squares and products"
 */
export function runningScale(options: RunningScaleOptions): RunningScale {
  const where = "streams.runningScale";
  checkKeys(where, options, ["features", "clip"]);
  const features = checkNumber(where, "features", options.features, { min: 1, integer: true });
  const clip = options.clip === undefined ? undefined : checkNumber(where, "clip", options.clip, { min: 0, open: "min" });
  // The largest f32: what comes out is finite where what goes in is.
  const limit = clip ?? 3.4028234663852886e38;
  const first: ScaleState = { count: 0, mean: Array<number>(features).fill(0), squares: Array<number>(features).fill(0) };
  const checkRows = (x: Pixels) => {
    if (x.length % features !== 0) {
      fail("E_DATA", `${where}: rows do not divide; expected a multiple of ${features} values, got ${x.length}`, {
        hint: `Give whole rows of ${features} features.`,
      });
    }
    const at = x.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) fail("E_DATA", `${where}: row ${Math.floor(at / features)} is not finite; expected numbers, got ${describe(x[at])}`);
  };
  return {
    options: { features, ...(clip !== undefined && { clip }) },
    start: () => first,
    resume(saved) {
      const state = checkState(where, saved, first);
      const whole = Number.isInteger(state.count) && state.count >= 0;
      const fits = [state.mean, state.squares].every((list) => list.length === features && list.every(Number.isFinite));
      if (whole && fits && state.squares.every((square) => square >= 0)) return state;
      return fail("E_MISMATCH", `${where}: the saved state is of other rows; expected ${features} features, got ${state.mean.length}`, {
        hint: "Give the state that was saved, with the options it was made with.",
      });
    },
    push(state, x) {
      checkRows(x);
      const [mean, squares] = [[...state.mean], [...state.squares]];
      let count = state.count;
      for (let row = 0; row < x.length; row += features) {
        count++;
        for (let i = 0; i < features; i++) {
          const [value, before] = [x[row + i] as number, mean[i] as number];
          const after = before + (value - before) / count;
          mean[i] = after;
          squares[i] = (squares[i] as number) + (value - before) * (value - after);
        }
      }
      return { count, mean, squares };
    },
    apply(state, x) {
      checkRows(x);
      const deviations = state.squares.map((square) => Math.sqrt(square / Math.max(1, state.count)));
      return Float32Array.from(x as Float32Array, (value, at) => {
        const deviation = deviations[at % features] as number;
        const scaled = deviation > 0 ? (value - (state.mean[at % features] as number)) / deviation : 0;
        return Math.max(-limit, Math.min(limit, scaled));
      });
    },
  };
}

/** Options of {@link standardize}. */
export interface StandardizeOptions {
  /** Rows that are scaled at once, by all before them: those of a batch. Default 1. */
  readonly rows?: number;
  /** As {@link RunningScaleOptions} has it. */
  readonly clip?: number;
}

/**
 * Returns the set with each row standardised by the rows before it alone, in the set's order, so that test-then-train does not peek. The first
 * `rows` rows become 0.
 * @throws E_CONFIG, E_DATA where a value is not finite
 */
export function standardize(dataset: Dataset, options: StandardizeOptions = {}): Dataset {
  const where = "streams.standardize";
  checkKeys(where, options, ["rows", "clip"]);
  const rows = checkNumber(where, "rows", options.rows ?? 1, { min: 1, integer: true });
  const features = rowLength(dataset.shape);
  const scale = runningScale({ features, ...(options.clip !== undefined && { clip: options.clip }) });
  const [x, y] = [new Float32Array(dataset.count * features), new Uint32Array(dataset.count)];
  let state = scale.start();
  for (let start = 0; start < dataset.count; start += rows) {
    const part = readRows(dataset, start, Math.min(start + rows, dataset.count));
    x.set(scale.apply(state, part.x), start * features);
    y.set(part.y, start);
    state = scale.push(state, part.x);
  }
  const { rows: _rows, view: _view, ...rest } = dataset;
  return { ...rest, x, y };
}
