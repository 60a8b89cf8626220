/** Schedules that warm up and decay once. */
import { checkKeys, checkNumber, fail } from "../errors.ts";
import { plain, rates, type Schedule } from "./schedule.ts";
import { checkOffset, segmentWords, updates, type WarmupOffset, warmupSegment } from "./words.ts";

/** Options of {@link linear}. */
export interface LinearOptions {
  peak: number;
  /** Rate from t = total on, default 0. */
  final?: number;
  /** Rate that warm-up begins from, default 0. */
  init?: number;
  /** Updates of linear warm-up, default 0. */
  warmup?: number;
  /** The horizon T, warm-up included. */
  total: number;
  warmupOffset?: WarmupOffset;
}

/** Options of {@link cosine}. */
export interface CosineOptions extends LinearOptions {
  /** Turns of the cosine, default ½: down once. With 1 it comes up again. */
  cycles?: number;
  /** Power that the cosine between 1 and 0 is raised to, default 1. */
  exponent?: number;
}

/** Options of {@link rex}. */
export interface RexOptions {
  peak: number;
  /** Rate from t = total on, default 0. */
  final?: number;
  total: number;
}

/**
 * Returns linear warm-up to `peak`, then half a cosine down to `final` at t = total. With warmup = total there is no decay: the peak is
 * held.
 * @throws E_CONFIG
 * @see Loshchilov and Hutter 2017, arXiv 1608.03983, eq. 5 (one cycle)
 */
export function cosine(options: CosineOptions): Schedule {
  const where = "schedules.cosine";
  checkKeys(where, options, [...KEYS, "cycles", "exponent"]);
  const cycles = checkNumber(where, "cycles", options.cycles ?? 0.5, { min: 0, max: 1e6 });
  const exponent = checkNumber(where, "exponent", options.exponent ?? 1, { min: 0, max: 1e6 });
  const { made, words } = decay(where, options, "cosine", 2 * cycles, exponent);
  return plain("cosine", { ...made, cycles, exponent }, words);
}

/**
 * Returns linear warm-up to `peak`, then a straight line down to `final` at t = total: 1 - t/T where there is no warm-up.
 * @throws E_CONFIG
 * @see Defazio et al. 2023, arXiv 2310.07831
 */
export function linear(options: LinearOptions): Schedule {
  const where = "schedules.linear";
  checkKeys(where, options, KEYS);
  const { made, words } = decay(where, options, "linear");
  return plain("linear", made, words);
}

/**
 * Returns the schedule of reflected exponential shape: final + (peak - final)(1 - p)/(1 - p/2) with p = t/T.
 * @throws E_CONFIG
 * @see Chen et al. 2022, arXiv 2107.04197
 */
export function rex(options: RexOptions): Schedule {
  const where = "schedules.rex";
  checkKeys(where, options, ["peak", "final", "total"]);
  const { peak, final, total } = decay(where, options, "rex").made;
  const segment = { start: 0, length: total, shape: "rex", from: peak, to: final } as const;
  return plain("rex", { peak, final, total }, segmentWords([segment]));
}

const KEYS = ["peak", "final", "init", "warmup", "total", "warmupOffset"];

/** Returns the options with defaults, and the words of warm-up and one decay. */
function decay(
  where: string,
  options: LinearOptions,
  shape: "cosine" | "linear" | "rex",
  a = 1,
  b = 1,
): { made: Required<LinearOptions>; words: number[] } {
  const peak = checkNumber(where, "peak", options.peak, rates);
  const final = checkNumber(where, "final", options.final ?? 0, { min: 0, max: peak });
  const init = checkNumber(where, "init", options.init ?? 0, { min: 0, max: peak });
  const total = checkNumber(where, "total", options.total, { ...updates, min: 1 });
  const warmup = checkNumber(where, "warmup", options.warmup ?? 0, { min: 0, max: total, integer: true });
  const warmupOffset = checkOffset(where, options.warmupOffset ?? 1, [0, 1, "neox"]);
  if (init > 0 && warmup === 0) {
    fail("E_CONFIG", `${where}: option "init" has no effect; expected "warmup" beside it, got none`, { hint: 'Give "warmup".' });
  }
  const rise = warmupSegment(0, warmup, init, peak, warmupOffset, final);
  const fall = { start: warmup, length: total - warmup, shape, from: peak, to: final, a, b };
  const words = segmentWords(warmup < total ? [...rise, fall] : rise);
  return { made: { peak, final, init, warmup, total, warmupOffset }, words };
}
