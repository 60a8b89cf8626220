import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import type { Detector } from "./host.ts";
import { checkScalar, restart, type Watched } from "./scalar.ts";

/** Options of {@link pageHinkley}. */
export interface PageHinkleyOptions {
  /** δ, by how much a value may exceed the mean without counting. Default 0.005. */
  readonly delta?: number;
  /** λ, the sum above which there is an alarm. Default 50. */
  readonly threshold?: number;
  /** α, what the sum is multiplied by before each value. Default 0.9999. */
  readonly alpha?: number;
  /** No alarm before the counter, which begins at 1, has come to this. Default 30. */
  readonly minimum?: number;
  /** Default "error", which the other defaults are made for. */
  readonly watches?: Watched;
}

/**
 * Returns the Page–Hinkley test of scikit-multiflow: the running mean x̄ takes the value in, then S ← max(0, αS + (x − x̄ − δ)), an alarm where
 * S > λ, after which all is forgotten. It is not river's, which subtracts the least sum so far. O(1).
 * @throws E_CONFIG
 * @see Page 1954, "Continuous inspection schemes"; scikit-multiflow, drift_detection/page_hinkley.py
 */
export function pageHinkley(options: PageHinkleyOptions = {}): Detector {
  const where = "detectors.pageHinkley";
  checkKeys(where, options, ["delta", "threshold", "alpha", "minimum", "watches"]);
  const delta = checkNumber(where, "delta", options.delta ?? 0.005, { min: 0 });
  const threshold = checkNumber(where, "threshold", options.threshold ?? 50, { min: 0 });
  const alpha = checkNumber(where, "alpha", options.alpha ?? 0.9999, { min: 0, max: 1 });
  const minimum = checkNumber(where, "minimum", options.minimum ?? 30, { min: 1, integer: true });
  const watches = checkChoice(where, "watches", options.watches ?? "error", ["loss", "error"]);
  return {
    name: "pageHinkley",
    config: { delta, threshold, alpha, minimum, watches },
    numbers: { count: 1, mean: 1, sum: 1 },
    watches,
    push(numbers, value) {
      checkScalar(where, value);
      const { count, mean, sum } = numbers as { readonly [name in "count" | "mean" | "sum"]: Float64Array };
      const n = (count[0] as number) + 1;
      const middle = (mean[0] as number) + (value - (mean[0] as number)) / n;
      const above = Math.max(0, alpha * (sum[0] as number) + (value - middle - delta));
      [count[0], mean[0], sum[0]] = [n, middle, above];
      return n + 1 >= minimum && above > threshold ? restart(numbers) : undefined;
    },
  };
}
