import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { plain, rates, type Schedule } from "./schedule.ts";
import { refuse, updates } from "./words.ts";

/** Options of {@link sigmoid}. */
export interface SigmoidOptions {
  /** What the factor multiplies, default 1. */
  rate?: number;
  /** λ: how fast it falls. */
  steepness: number;
  /** The update at which e^… is 1, default 0; the authors' code has -1. */
  delay?: number;
  /** What is added to e^…, default 0.1: before the fall the factor is 1/alpha at most. */
  alpha?: number;
  /** What the factor falls to, default 0. */
  floor?: number;
}

/** Options of {@link table}. */
export interface TableOptions {
  /** What the values multiply, default 1. */
  rate?: number;
  /** Multipliers, at even distances from update 0 on. */
  values: readonly number[];
  /** Updates that they are spread over, default as many as there are: one each. */
  total?: number;
}

/** Options of {@link batchScale}. */
export interface BatchScaleOptions {
  /** Rows of a batch. */
  batch: number;
  /** Rows of the batch that the rate was found for. */
  reference: number;
  /**
   * "linear": B/B_ref, for SGD. "sqrt": √(B/B_ref), for Adam and its kind. "saturating": the ratio of the largest stable rates of SGD, 2 over
   * the largest eigenvalue of the batch's Hessian.
   */
  rule: "linear" | "sqrt" | "saturating";
  /** Of "saturating": the largest eigenvalue λ₁ of the true Hessian. */
  curvature?: number;
  /** Of "saturating": parameters times the variance of the Hessian's elements, Pσ². */
  noise?: number;
}

/**
 * Returns the falling sigmoid rate·(1/(alpha + e^(steepness·(t - delay))) + floor): high at first, without warm-up.
 * @throws E_CONFIG
 * @see TVLARS: φ(t) in "Revisiting LARS for large batch training generalization of neural networks", arXiv 2309.14053
 */
export function sigmoid(options: SigmoidOptions): Schedule {
  const where = "schedules.sigmoid";
  checkKeys(where, options, ["rate", "steepness", "delay", "alpha", "floor"]);
  const rate = checkNumber(where, "rate", options.rate ?? 1, rates);
  const steepness = checkNumber(where, "steepness", options.steepness, rates);
  const delay = checkNumber(where, "delay", options.delay ?? 0, { min: -(2 ** 53), max: 2 ** 53 });
  const alpha = checkNumber(where, "alpha", options.alpha ?? 0.1, { min: 1e-9 });
  const floor = checkNumber(where, "floor", options.floor ?? 0, rates);
  return plain("sigmoid", { rate, steepness, delay, alpha, floor }, [4, rate, steepness, delay, alpha, floor]);
}

/**
 * Returns a schedule by its multipliers, such as those refined from recorded gradient norms; where `total` is not their number, by linear
 * interpolation on t/total. The last one stays.
 * @throws E_CONFIG
 */
export function table(options: TableOptions): Schedule {
  const where = "schedules.table";
  checkKeys(where, options, ["rate", "values", "total"]);
  const rate = checkNumber(where, "rate", options.rate ?? 1, rates);
  if (!(Array.isArray(options.values) || ArrayBuffer.isView(options.values)) || options.values.length === 0) {
    fail("E_CONFIG", `${where}: option "values" is not a list of multipliers; expected at least one, got ${describe(options.values)}`, {
      hint: "Give one number for each update.",
    });
  }
  const values = Array.from(options.values, (value, i) => checkNumber(where, `values[${i}]`, value, rates));
  const total = checkNumber(where, "total", options.total ?? values.length, { ...updates, min: 1 });
  return plain("table", { rate, values, total }, [5, rate, values.length, values.length / total, ...values]);
}

/**
 * Returns what a learning rate is multiplied by when the batch changes; for {@link scale}.
 * @throws E_CONFIG
 * @see Granziol et al. 2020, arXiv 2006.09092
 */
export function batchScale(options: BatchScaleOptions): number {
  const where = "schedules.batchScale";
  checkKeys(where, options, ["batch", "reference", "rule", "curvature", "noise"]);
  const rule = checkChoice(where, "rule", options.rule, ["linear", "sqrt", "saturating"]);
  const batch = checkNumber(where, "batch", options.batch, { ...updates, min: 1 });
  const reference = checkNumber(where, "reference", options.reference, { ...updates, min: 1 });
  if (rule !== "saturating") {
    refuse(where, options, ["curvature", "noise"], 'rule "saturating" beside it');
    return rule === "linear" ? batch / reference : Math.sqrt(batch / reference);
  }
  const curvature = checkNumber(where, "curvature", options.curvature, { min: 0, max: 1e100, open: "min" });
  const noise = checkNumber(where, "noise", options.noise, { min: 0, max: 1e100 });
  return largest(reference, curvature, noise) / largest(batch, curvature, noise);
}

/** The largest eigenvalue of a batch's Hessian: that of the signal where it stands above the noise, else the noise's edge. */
function largest(batch: number, curvature: number, noise: number): number {
  const edge = Math.sqrt(noise / batch);
  return curvature > edge ? curvature + noise / batch / curvature : 2 * edge;
}
