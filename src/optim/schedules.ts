/**
 * Learning-rate schedules: validated records that Wasm evaluates in f64 (`assembly/schedule.ts`). All are functions of t, the 0-based index
 * of the update about to be made; lengths count updates. Past its horizon T a schedule holds its last rate; the last update, t = T - 1,
 * is thus one short of `final`.
 */
import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";

/** A learning rate as a function of the update's index: plain data. */
export interface Schedule {
  readonly kind: "constant" | "cosine" | "rewarm" | "infinite";
  /** The f64 words of the Wasm evaluator. */
  readonly parameters: readonly number[];
  /** What it was made from, defaults filled in; `schedules[kind](options)` makes it again. */
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * What warm-up multiplies the peak by at update t of W: 1 (default) gives (t + 1)/W, so that no update has rate 0; 0 gives t/W, as in
 * Hugging Face and optax; "neox" gives max(t, 1)/W and no rate below `final`, as in GPT-NeoX.
 */
export type WarmupOffset = 0 | 1 | "neox";

/** Options of {@link constant}. */
export interface ConstantOptions {
  rate: number;
}

/** Options of {@link cosine}. */
export interface CosineOptions {
  peak: number;
  /** Rate from t = total on, default 0. */
  final?: number;
  /** Updates of linear warm-up, default 0. */
  warmup?: number;
  /** The horizon T, warm-up included. */
  total: number;
  warmupOffset?: WarmupOffset;
}

/** One data set of {@link rewarm}. */
export interface RewarmStage {
  /** The update it begins with; the first begins with 0, each cuts the one before it short. */
  start: number;
  /** Updates until its decay is done. */
  length: number;
  peak: number;
}

/** Options of {@link rewarm}. */
export interface RewarmOptions {
  stages: readonly RewarmStage[];
  /** Share of a stage that warms up, default 0.01; the product with its length is not rounded. */
  warmupFraction?: number;
  /** A stage's final rate over its peak, default 0.1. */
  finalRatio?: number;
  /** Where stages after the first begin to warm up: at 0 (default), or at their final rate. */
  from?: "zero" | "final";
  warmupOffset?: WarmupOffset;
}

/** Options of {@link infinite}. */
export interface InfiniteOptions {
  peak: number;
  /** Rate after the cooldown, held until the anneal. */
  constant: number;
  /** Rate after the anneal; above 0 where there is one. */
  final?: number;
  /** Updates of linear warm-up, default 0. */
  warmup?: number;
  /** Updates from peak to constant, default 0. */
  cooldown?: number;
  /** Updates at the constant rate before the anneal, default 0. */
  constantSteps?: number;
  /** Updates of exponential decay from constant to final; without it the constant phase never ends. */
  anneal?: number;
  /** Shape of the cooldown, default "cosine". */
  style?: "cosine" | "inverseSqrt";
  /** α of the inverse square root 1/√(1 + αx), default 10. */
  timescale?: number;
  warmupOffset?: 0 | 1;
}

/**
 * Returns a schedule of one rate: a number, or `{ rate }`.
 * @throws E_CONFIG
 */
export function constant(value: number | ConstantOptions): Schedule {
  const where = "schedules.constant";
  if (typeof value === "object") checkKeys(where, value, ["rate"]);
  const rate = checkNumber(where, "rate", typeof value === "object" ? value.rate : value, { min: 0 });
  return { kind: "constant", parameters: [rate], options: { rate } };
}

/**
 * Returns linear warm-up to `peak`, then half a cosine down to `final` at t = total. With warmup = total there is no decay: the peak is
 * held.
 * @throws E_CONFIG
 * @see Loshchilov and Hutter 2017, arXiv 1608.03983, eq. 5 (one cycle)
 */
export function cosine(options: CosineOptions): Schedule {
  const where = "schedules.cosine";
  checkKeys(where, options, ["peak", "final", "warmup", "total", "warmupOffset"]);
  const peak = checkNumber(where, "peak", options.peak, { min: 0 });
  const final = checkNumber(where, "final", options.final ?? 0, { min: 0, max: peak });
  const total = checkNumber(where, "total", options.total, { min: 1, integer: true });
  const warmup = checkNumber(where, "warmup", options.warmup ?? 0, { min: 0, max: total, integer: true });
  const warmupOffset = checkOffset(where, options.warmupOffset ?? 1, [0, 1, "neox"]);
  const parameters = [1, ...offsetWords(warmupOffset), 0, total, warmup, 0, peak, final];
  return { kind: "cosine", parameters, options: { peak, final, warmup, total, warmupOffset } };
}

/**
 * Returns {@link cosine} anew for each data set: every stage warms up to its own peak and decays over its own length.
 * @throws E_CONFIG
 * @see Ibrahim et al. 2024, arXiv 2403.08763; Gupta et al. 2023, arXiv 2308.04014
 */
export function rewarm(options: RewarmOptions): Schedule {
  const where = "schedules.rewarm";
  checkKeys(where, options, ["stages", "warmupFraction", "finalRatio", "from", "warmupOffset"]);
  const warmupFraction = checkNumber(where, "warmupFraction", options.warmupFraction ?? 0.01, { min: 0, max: 1 });
  const finalRatio = checkNumber(where, "finalRatio", options.finalRatio ?? 0.1, { min: 0, max: 1 });
  const from = checkChoice(where, "from", options.from ?? "zero", ["zero", "final"]);
  const warmupOffset = checkOffset(where, options.warmupOffset ?? 1, [0, 1, "neox"]);
  if (!Array.isArray(options.stages) || options.stages.length === 0) {
    fail("E_CONFIG", `${where}: option "stages" is not a list of stages; expected at least one, got ${describe(options.stages)}`, {
      hint: "Give one { start, length, peak } for each data set.",
    });
  }
  let next = 0;
  const stages = (options.stages as readonly RewarmStage[]).map((stage, i) => {
    const at = `${where}: stages[${i}]`;
    checkKeys(at, stage, ["start", "length", "peak"]);
    const start = checkNumber(at, "start", stage.start, i === 0 ? { min: 0, max: 0 } : { min: next, integer: true });
    next = start + 1;
    return {
      start,
      length: checkNumber(at, "length", stage.length, { min: 1, integer: true }),
      peak: checkNumber(at, "peak", stage.peak, { min: 0 }),
    };
  });
  const words = stages.flatMap(({ start, length, peak }, i) => {
    const final = finalRatio * peak;
    return [start, length, warmupFraction * length, i > 0 && from === "final" ? final : 0, peak, final];
  });
  const parameters = [stages.length, ...offsetWords(warmupOffset), ...words];
  return { kind: "rewarm", parameters, options: { stages, warmupFraction, finalRatio, from, warmupOffset } };
}

/**
 * Returns the schedule that needs no horizon: warm-up, a cooldown to `constant`, held for as long as data comes and, where `anneal` is
 * given, an exponential decay to `final`. Anneal a copy of the model to release it; the trunk goes on at `constant`.
 * @throws E_CONFIG
 * @see Ibrahim et al. 2024, arXiv 2403.08763, §7
 */
export function infinite(options: InfiniteOptions): Schedule {
  const where = "schedules.infinite";
  const known = ["peak", "constant", "final", "warmup", "cooldown", "constantSteps", "anneal", "style", "timescale", "warmupOffset"];
  checkKeys(where, options, known);
  const steps = (name: "warmup" | "cooldown" | "constantSteps" | "anneal"): number =>
    checkNumber(where, name, options[name] ?? 0, { min: 0, integer: true });
  const ends = options.anneal !== undefined;
  if (options.constantSteps !== undefined && !ends) {
    fail("E_CONFIG", `${where}: option "constantSteps" has no effect; expected "anneal" beside it, got nothing`, {
      hint: 'Give "anneal", or remove "constantSteps" for a constant phase without end.',
    });
  }
  const peak = checkNumber(where, "peak", options.peak, { min: 0 });
  const held = checkNumber(where, "constant", options.constant, { min: 0, max: peak });
  const [warmup, cooldown, constantSteps, anneal] = [steps("warmup"), steps("cooldown"), steps("constantSteps"), steps("anneal")];
  const final = checkNumber(where, "final", options.final ?? 0, { min: 0, max: held, ...(anneal > 0 && { open: "min" as const }) });
  const style = checkChoice(where, "style", options.style ?? "cosine", ["cosine", "inverseSqrt"]);
  const timescale = checkNumber(where, "timescale", options.timescale ?? 10, { min: 0, open: "min" });
  const warmupOffset = checkOffset(where, options.warmupOffset ?? 1, [0, 1]);
  const hold = ends ? constantSteps : Number.POSITIVE_INFINITY;
  const shape = style === "cosine" ? 0 : 1;
  return {
    kind: "infinite",
    parameters: [peak, held, final, warmup, cooldown, hold, anneal, Number(warmupOffset), timescale, shape],
    options: { peak, constant: held, final, warmup, cooldown, ...(ends && { constantSteps, anneal }), style, timescale, warmupOffset },
  };
}

function checkOffset(where: string, value: unknown, choices: readonly WarmupOffset[]): WarmupOffset {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  fail("E_CONFIG", `${where}: option "warmupOffset" has no such choice; expected one of ${choices.join(", ")}, got ${describe(value)}`, {
    hint: "1 starts above rate 0, 0 starts at rate 0.",
  });
}

/** The words offset, least, floored of the stages kind. */
function offsetWords(warmupOffset: WarmupOffset): number[] {
  return warmupOffset === "neox" ? [0, 1, 1] : [warmupOffset, 0, 0];
}
