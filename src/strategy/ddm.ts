import { checkKeys, checkNumber } from "../errors.ts";
import type { Detector } from "./host.ts";
import { checkScalar, restart } from "./scalar.ts";

/** Options of {@link ddm}. */
export interface DdmOptions {
  /** Deviations above the best error rate from which the signal is a warning. Default 2. */
  readonly warning?: number;
  /** Deviations above the best error rate from which the signal is a drift. Default 3. */
  readonly drift?: number;
  /** No signal before the counter, which begins at 1, has come to this. Default 30. */
  readonly minimum?: number;
}

/**
 * Returns the drift detection method for errors (1 or 0): the rate p takes the error in, s = √(p(1−p)/n); p and s are kept where p + s is least;
 * a warning where p + s > p_min + 2·s_min, a drift where it is > p_min + 3·s_min, after which all is forgotten. Where there was no error
 * yet, the first one is a drift. O(1).
 * @throws E_CONFIG
 * @see Gama et al. 2004, "Learning with drift detection"; scikit-multiflow, drift_detection/ddm.py
 */
export function ddm(options: DdmOptions = {}): Detector {
  const where = "detectors.ddm";
  checkKeys(where, options, ["warning", "drift", "minimum"]);
  const warning = checkNumber(where, "warning", options.warning ?? 2, { min: 0 });
  const drift = checkNumber(where, "drift", options.drift ?? 3, { min: warning });
  const minimum = checkNumber(where, "minimum", options.minimum ?? 30, { min: 1, integer: true });
  return {
    name: "ddm",
    config: { warning, drift, minimum },
    numbers: { count: 1, rate: 1, best: 2 },
    watches: "error",
    push(numbers, value) {
      checkScalar(where, value, 0, 1);
      const { count, rate, best } = numbers as { readonly [name in "count" | "rate" | "best"]: Float64Array };
      const n = (count[0] as number) + 1;
      const p = (rate[0] as number) + (value - (rate[0] as number)) / n;
      const s = Math.sqrt((p * (1 - p)) / n);
      [count[0], rate[0]] = [n, p];
      if (n + 1 < minimum) return undefined;
      const [bestRate, bestDeviation] = best as unknown as [number, number];
      if (n === Math.max(1, minimum - 1) || p + s <= bestRate + bestDeviation) [best[0], best[1]] = [p, s];
      const [low, unit] = best as unknown as [number, number];
      if (p + s > low + drift * unit) return restart(numbers);
      return p + s > low + warning * unit ? "warning" : undefined;
    },
  };
}
