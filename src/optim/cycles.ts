/** Schedules that come round again: restarts, cycles, one cycle. */
import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { plain, rates, type Schedule } from "./schedule.ts";
import { refuse, type Segment, segmentWords, updates } from "./words.ts";

/** Options of {@link sgdr}. */
export interface SgdrOptions {
  peak: number;
  /** Rate that each cycle falls towards, default 0; its last update is one short of it. */
  final?: number;
  /** Updates of the first cycle. */
  period: number;
  /** How many times as long each cycle is as the one before: a whole number, default 1. */
  growth?: number;
}

/** Options of {@link cyclic}. */
export interface CyclicOptions {
  /** Rate of the valleys. */
  low: number;
  peak: number;
  /** Updates from valley to peak, default 2000. */
  up?: number;
  /** Updates from peak to valley, default as many as up. */
  down?: number;
  /** "triangular" (default), "triangular2": half as high with every cycle, "expRange": gamma^t times as high. */
  mode?: "triangular" | "triangular2" | "expRange";
  /** Of mode "expRange", default 1. */
  gamma?: number;
}

/** Options of {@link oneCycle}. */
export interface OneCycleOptions {
  peak: number;
  total: number;
  /** Share of `total` that rises, default 0.3. */
  fraction?: number;
  /** Peak over the first rate, default 25. */
  initDivisor?: number;
  /** First rate over the last, default 10000. */
  finalDivisor?: number;
  /** Default "cosine". */
  anneal?: "cosine" | "linear";
  /** Whether it comes down to the first rate as fast as it rose, and only then to the last. Default false. */
  threePhase?: boolean;
  /**
   * Where the phases end. "torch" (default): the peak is update fraction·total - 1, the last rate that of update total - 1. "optax": the
   * peak is update ⌊fraction·total⌋, the last rate that of update total.
   */
  ends?: "torch" | "optax";
}

/**
 * Returns half a cosine from `peak` to `final` again and again: warm restarts.
 * @throws E_CONFIG
 * @see Loshchilov and Hutter 2017, arXiv 1608.03983, eq. 5
 */
export function sgdr(options: SgdrOptions): Schedule {
  const where = "schedules.sgdr";
  checkKeys(where, options, ["peak", "final", "period", "growth"]);
  const peak = checkNumber(where, "peak", options.peak, rates);
  const final = checkNumber(where, "final", options.final ?? 0, { min: 0, max: peak });
  const period = checkNumber(where, "period", options.period, { ...updates, min: 1 });
  const growth = checkNumber(where, "growth", options.growth ?? 1, { ...updates, min: 1 });
  return plain("sgdr", { peak, final, period, growth }, [2, peak, final, period, growth]);
}

/**
 * Returns a rate that goes up and down in straight lines.
 * @throws E_CONFIG
 * @see Smith 2017, arXiv 1506.01186
 */
export function cyclic(options: CyclicOptions): Schedule {
  const where = "schedules.cyclic";
  checkKeys(where, options, ["low", "peak", "up", "down", "mode", "gamma"]);
  const modes = ["triangular", "triangular2", "expRange"] as const;
  const peak = checkNumber(where, "peak", options.peak, rates);
  const low = checkNumber(where, "low", options.low, { min: 0, max: peak });
  const up = checkNumber(where, "up", options.up ?? 2000, { ...updates, min: 1 });
  const down = checkNumber(where, "down", options.down ?? up, { ...updates, min: 1 });
  const mode = checkChoice(where, "mode", options.mode ?? "triangular", modes);
  if (mode !== "expRange") refuse(where, options, ["gamma"], 'mode "expRange" beside it');
  const gamma = checkNumber(where, "gamma", options.gamma ?? 1, { min: 0, max: 1, open: "min" });
  const made = { low, peak, up, down, mode, ...(mode === "expRange" && { gamma }) };
  return plain("cyclic", made, [3, low, peak, up, down, modes.indexOf(mode), gamma]);
}

/**
 * Returns one rise to `peak` and one long fall far below where it began.
 * @throws E_CONFIG
 * @see Smith and Topin 2018, arXiv 1708.07120; as in torch and optax
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const where = "schedules.oneCycle";
  checkKeys(where, options, ["peak", "total", "fraction", "initDivisor", "finalDivisor", "anneal", "threePhase", "ends"]);
  const peak = checkNumber(where, "peak", options.peak, rates);
  const total = checkNumber(where, "total", options.total, { ...updates, min: 1 });
  const threePhase = options.threePhase ?? false;
  const fraction = checkNumber(where, "fraction", options.fraction ?? 0.3, {
    ...{ min: 0, max: threePhase ? 0.5 : 1, open: threePhase ? "min" : "both" },
  });
  const initDivisor = checkNumber(where, "initDivisor", options.initDivisor ?? 25, { min: 1 });
  const finalDivisor = checkNumber(where, "finalDivisor", options.finalDivisor ?? 1e4, { min: 1 });
  const anneal = checkChoice(where, "anneal", options.anneal ?? "cosine", ["cosine", "linear"]);
  const ends = checkChoice(where, "ends", options.ends ?? "torch", ["torch", "optax"]);
  if (threePhase && ends === "optax") {
    fail("E_CONFIG", `${where}: option "threePhase" is not of optax; expected ends "torch", got "optax"`, { hint: 'Remove "ends".' });
  }
  const [top, last] = ends === "torch" ? [fraction * total - 1, total - 1] : [Math.floor(fraction * total), total];
  if (!(top > 0 && top < last)) {
    fail("E_CONFIG", `${where}: option "total" is too small; expected more updates than ${1 / fraction}, got ${total}`, {
      hint: 'Give a larger "total" or "fraction".',
    });
  }
  const init = peak / initDivisor;
  const final = init / finalDivisor;
  const phase = (start: number, end: number, from: number, to: number): Segment => ({
    start,
    length: end - start,
    shape: anneal,
    from,
    to,
  });
  const segments = threePhase
    ? [phase(0, top, init, peak), phase(top, 2 * top, peak, init), phase(2 * top, last, init, final)]
    : [phase(0, top, init, peak), phase(top, last, peak, final)];
  return plain("oneCycle", { peak, total, fraction, initDivisor, finalDivisor, anneal, threePhase, ends }, segmentWords(segments));
}
