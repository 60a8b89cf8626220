import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import type { Detector } from "./host.ts";
import { checkScalar, restart, type Watched } from "./scalar.ts";

/** Options of {@link cusum}. */
export interface CusumOptions {
  /** μ₀, the mean while nothing changes. */
  readonly mean: number;
  /** k, by how much a value may exceed the mean without counting: half the change that matters. Default 0.5, for a deviation of 1. */
  readonly slack?: number;
  /** h, the sum above which there is an alarm. Default 4, for a deviation of 1. */
  readonly threshold?: number;
  /** Default "loss". */
  readonly watches?: Watched;
}

/**
 * Returns the one-sided cumulative sum: g ← max(0, g + x − μ₀ − k), an alarm where g > h, after which g is 0. O(1).
 * @throws E_CONFIG
 * @see Page 1954, "Continuous inspection schemes", Biometrika 41
 */
export function cusum(options: CusumOptions): Detector {
  const where = "detectors.cusum";
  checkKeys(where, options, ["mean", "slack", "threshold", "watches"]);
  const mean = checkNumber(where, "mean", options.mean);
  const slack = checkNumber(where, "slack", options.slack ?? 0.5, { min: 0 });
  const threshold = checkNumber(where, "threshold", options.threshold ?? 4, { min: 0 });
  const watches = checkChoice(where, "watches", options.watches ?? "loss", ["loss", "error"]);
  return {
    name: "cusum",
    config: { mean, slack, threshold, watches },
    numbers: { sum: 1 },
    watches,
    push(numbers, value) {
      checkScalar(where, value);
      const { sum } = numbers as { readonly sum: Float64Array };
      sum[0] = Math.max(0, (sum[0] as number) + value - mean - slack);
      return sum[0] > threshold ? restart(numbers) : undefined;
    },
  };
}
