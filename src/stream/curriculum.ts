import { checkKeys, checkNumber, checkState, describe, fail } from "../errors.ts";
import { ln } from "../natural.ts";
import { RandomStream } from "../random.ts";

/** Options of {@link cyclical}. */
export interface CyclicalOptions {
  /** Share of the rows in the smallest epochs. Default 0.25. */
  readonly start?: number;
  /** Share in the largest. Default 1. */
  readonly end?: number;
  /** What the share is divided by while it rises and multiplied by while it falls. Default 0.5. */
  readonly factor?: number;
  /** What the score of a row drawn in the last epoch is divided by, twice, so that others come. Default 1. */
  readonly ageing?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** State of {@link cyclical}. */
export interface CyclicalState {
  /** Epochs drawn. */
  readonly epoch: number;
  /** Share of the next epoch. */
  readonly share: number;
  readonly rising: boolean;
  /** Random words read. */
  readonly position: number;
  /** Rows of the last epoch, where they age. */
  readonly drawn: readonly number[];
}

/** Rows to learn, and the state to draw the next ones from: plain data, as JSON. */
export interface RowDraw<State> {
  readonly state: State;
  /** Distinct numbers of rows, as `streams.select` takes them. */
  readonly rows: number[];
}

/** A curriculum that gives each epoch some of the rows. */
export interface EpochCurriculum<State> {
  readonly options: Readonly<Record<string, unknown>>;
  start(): State;
  /** Returns a saved state, parsed from JSON. @throws E_MISMATCH */
  resume(saved: unknown): State;
  /** Returns the rows of an epoch, easier ones (of larger scores ≥ 0) more likely. @throws E_DATA */
  next(state: State, scores: ArrayLike<number>): RowDraw<State>;
}

/**
 * Returns the curriculum whose epochs grow and shrink, their rows drawn without replacement by score; a score is 1/loss under a model
 * trained without it, see {@link scoresOf}. `streams.select(dataset, rows)` is the epoch's set.
 * @throws E_CONFIG
 * @see Kesgin and Amasyali 2023, arXiv 2202.05531 (CCL)
 */
export function cyclical(options: CyclicalOptions = {}): EpochCurriculum<CyclicalState> {
  const where = "streams.cyclical";
  const { start, end, factor } = checkCycle(where, options, ["ageing", "seed"]);
  const ageing = checkNumber(where, "ageing", options.ageing ?? 1, { min: 1 });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const first: CyclicalState = { epoch: 0, share: start, rising: true, position: 0, drawn: [] };
  return {
    options: { start, end, factor, ageing, seed },
    start: () => first,
    resume: (saved) => checkState(where, saved, first),
    next(state, scores) {
      const aged = Float64Array.from(scores);
      for (const row of state.drawn) aged[row] = (aged[row] as number) / (ageing * ageing);
      const random = new RandomStream(seed, "streams/cyclical", state.position);
      const rows = drawRows(where, aged, Math.floor(state.share * scores.length), random);
      const cycle = turned(state.share, state.rising, { start, end, factor });
      const next = { epoch: state.epoch + 1, ...cycle, position: random.position, drawn: ageing > 1 ? rows : [] };
      return { state: next, rows };
    },
  };
}

/**
 * Returns the shares of the epochs of {@link cyclical} until together they make `total` passes over the rows.
 * @throws E_CONFIG
 */
export function cyclicalShares(options: Pick<CyclicalOptions, "start" | "end" | "factor"> & { total: number }): number[] {
  const where = "streams.cyclicalShares";
  const cycle = checkCycle(where, options, ["total"]);
  const total = checkNumber(where, "total", options.total, { min: 0, open: "min" });
  const shares: number[] = [];
  let [share, rising, sum] = [cycle.start, true, 0];
  while (sum < total) {
    shares.push(share);
    sum += share;
    ({ share, rising } = turned(share, rising, cycle));
  }
  return shares;
}

/** Returns 1/loss of each row, a loss of 0 counted as 1e-12. @throws E_DATA */
export function scoresOf(losses: ArrayLike<number>): Float64Array {
  return Float64Array.from(losses, (loss, i) => 1 / (checkFact("streams.scoresOf", "loss", loss, i) + 1e-12));
}

/**
 * Returns `count` distinct rows, as if drawn one after another with chances in proportion to the scores of those left; those of score 0
 * come last, in order. The result is in the order drawn.
 * @throws E_DATA
 * @see Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir": the largest u^(1/score)
 */
export function weightedRows(scores: ArrayLike<number>, count: number, options: { seed: number; name?: string }): number[] {
  const where = "streams.weightedRows";
  checkKeys(where, options, ["seed", "name"]);
  const seed = checkNumber(where, "seed", options.seed, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  return drawRows(where, scores, count, new RandomStream(seed, options.name ?? "streams/weightedRows"));
}

/** The rows of {@link weightedRows}: the least of −ln u/score, each of which is exponential with its score for a rate. */
function drawRows(where: string, scores: ArrayLike<number>, count: number, random: RandomStream): number[] {
  const n = scores.length;
  if (!(Number.isInteger(count) && count >= 0 && count <= n)) {
    fail("E_DATA", `${where}: as many rows cannot be drawn; expected 0 to ${n}, got ${describe(count)}`);
  }
  const times = Float64Array.from(scores, (score, i) => {
    checkFact(where, "score", score, i);
    const high = random.u32();
    const u = (high * 2 ** 21 + (random.u32() >>> 11) + 0.5) / 2 ** 53;
    return score > 0 ? -ln(u) / score : Number.POSITIVE_INFINITY;
  });
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  // Equal infinities would subtract to NaN.
  order.sort((a, b) => ((times[a] as number) < (times[b] as number) ? -1 : (times[a] as number) > (times[b] as number) ? 1 : a - b));
  return Array.from(order.subarray(0, count));
}

/** Returns a fact about a row. @throws E_DATA where it is not finite, or below 0 or above `most` */
export function checkFact(where: string, name: string, value: unknown, row: number, most: number = Number.MAX_VALUE): number {
  if (typeof value === "number" && value >= 0 && value <= most) return value;
  const range = most === Number.MAX_VALUE ? "≥ 0" : `from 0 to ${most}`;
  fail("E_DATA", `${where}: ${name} of row ${row} cannot be used; expected a finite number ${range}, got ${describe(value)}`, {
    context: { row },
  });
}

interface Cycle {
  readonly start: number;
  readonly end: number;
  readonly factor: number;
}

function checkCycle(where: string, options: CyclicalOptions, others: readonly string[]): Cycle {
  checkKeys(where, options, ["start", "end", "factor", ...others]);
  const start = checkNumber(where, "start", options.start ?? 0.25, { min: 0, max: 1, open: "min" });
  const end = checkNumber(where, "end", options.end ?? 1, { min: start, max: 1 });
  const factor = checkNumber(where, "factor", options.factor ?? 0.5, { min: 0, max: 1, open: "both" });
  return { start, end, factor };
}

/** The share after `share`, reached while `rising`. */
function turned(share: number, rising: boolean, { start, end, factor }: Cycle): { share: number; rising: boolean } {
  const rises = share === start || (rising && share !== end);
  return { share: rises ? Math.min(share / factor, end) : Math.max(share * factor, start), rising: rises };
}
