import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import type { Detector } from "./host.ts";
import { checkScalar, restart } from "./scalar.ts";

/** Options of {@link lossDeviation}. */
export interface LossDeviationOptions {
  /** α, the weight of a new loss in the smoothed one. Default 0.2. */
  readonly alpha?: number;
  /** Deviations above the mean from which there is an alarm. Default 3. */
  readonly deviations?: number;
  /** Values that mean and deviation are taken over. Default 100. */
  readonly window?: number;
  /** No alarm before this many values. Default: the window. */
  readonly warmup?: number;
  /** Of what mean and deviation are: losses as smoothed (default), whose deviation is about a third, or "raw". */
  readonly statistics?: "smoothed" | "raw";
}

/**
 * Returns TAME's detector: L_s ← αL + (1−α)L_s, which begins at the first loss; an alarm where L_s > μ + 3σ of the last values before it, after
 * which all is forgotten. O(window).
 * @throws E_CONFIG
 * @see Zhu et al. 2022, arXiv 2210.03869, "TAME: task agnostic continual learning using multiple experts"
 */
export function lossDeviation(options: LossDeviationOptions = {}): Detector {
  const where = "detectors.lossDeviation";
  checkKeys(where, options, ["alpha", "deviations", "window", "warmup", "statistics"]);
  const alpha = checkNumber(where, "alpha", options.alpha ?? 0.2, { min: 0, max: 1, open: "min" });
  const deviations = checkNumber(where, "deviations", options.deviations ?? 3, { min: 0 });
  const window = checkNumber(where, "window", options.window ?? 100, { min: 2, max: 2 ** 20, integer: true });
  const warmup = checkNumber(where, "warmup", options.warmup ?? window, { min: 2, integer: true });
  const statistics = checkChoice(where, "statistics", options.statistics ?? "smoothed", ["smoothed", "raw"]);
  return {
    name: "lossDeviation",
    config: { alpha, deviations, window, warmup, statistics },
    numbers: { values: window, count: 1, smoothed: 1 },
    watches: "loss",
    push(numbers, value) {
      checkScalar(where, value);
      const { values, count, smoothed } = numbers as { readonly [name in "values" | "count" | "smoothed"]: Float64Array };
      const seen = count[0] as number;
      const before = seen === 0 ? value : (smoothed[0] as number);
      const level = before + alpha * (value - before);
      if (seen >= warmup) {
        const { mean, deviation } = momentsOf(values.subarray(0, Math.min(seen, window)));
        if (level > mean + deviations * deviation) return restart(numbers);
      }
      values[seen % window] = statistics === "raw" ? value : level;
      [count[0], smoothed[0]] = [seen + 1, level];
      return undefined;
    },
  };
}

/** Distances from one of the values, so that mean and deviation of equal values are exact: a constant loss is no alarm. */
function momentsOf(values: Float64Array): { mean: number; deviation: number } {
  const origin = values[0] as number;
  let sum = 0;
  for (const value of values) sum += value - origin;
  const mean = origin + sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) * (value - mean);
  return { mean, deviation: Math.sqrt(squares / values.length) };
}
