import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import type { Detector } from "./host.ts";
import { restart } from "./scalar.ts";

/** Options of {@link bocpd}. */
export interface BocpdOptions {
  /** γ, the chance of a change at each value; its source has 1 over the length of the stream. Default 1e-4. */
  readonly hazard?: number;
  /** Values are 0 … categories − 1. Default 2: right or wrong. */
  readonly categories?: number;
  /** Forecasters that are kept at most: beyond, the lightest but the oldest gives way, which tells a change a few values later at most. Default 256. */
  readonly length?: number;
}

/**
 * Returns the restarted Bayesian online change-point detector. A forecaster begins at each value and predicts by the counts since, Laplace's
 * (n_k + 1)/(n + K). Each weight becomes (1−γ)·likelihood·weight, a new forecaster has γ, then they are made to sum to 1. Where the heaviest is
 * not the oldest the stream has changed: the drift is told with the value that shows it, and only a fresh forecaster is left, which begins at the
 * next. O(length) a value. A stationary stream has a false alarm in about 3/γ values.
 * @throws E_CONFIG
 * @see Alami, Maillard and Féraud 2020, "Restarted Bayesian online change-point detector achieves optimal detection delay"
 */
export function bocpd(options: BocpdOptions = {}): Detector {
  const where = "detectors.bocpd";
  checkKeys(where, options, ["hazard", "categories", "length"]);
  const hazard = checkNumber(where, "hazard", options.hazard ?? 1e-4, { min: 0, max: 1, open: "both" });
  const categories = checkNumber(where, "categories", options.categories ?? 2, { min: 2, max: 1024, integer: true });
  const length = checkNumber(where, "length", options.length ?? 256, { min: 2, max: 2 ** 16, integer: true });
  return {
    name: "bocpd",
    config: { hazard, categories, length },
    numbers: { weights: length, counts: length * categories, sizes: length, forecasters: 1 },
    watches: "error",
    push(numbers, value) {
      if (!(Number.isInteger(value) && value >= 0 && value < categories)) {
        fail("E_DATA", `${where}: the value is no category; expected a whole number from 0 to ${categories - 1}, got ${describe(value)}`, {
          hint: 'Tell it 1 for an error and 0 for a right answer, or give "categories".',
          context: { value },
        });
      }
      const { weights, counts, sizes, forecasters } = numbers as {
        readonly [name in "weights" | "counts" | "sizes" | "forecasters"]: Float64Array;
      };
      let held = forecasters[0] as number;
      if (held === 0) weights[held++] = 1;
      for (let i = 0; i < held; i++) {
        const [size, place] = [sizes[i] as number, i * categories + value];
        const count = counts[place] as number;
        weights[i] = (((1 - hazard) * (count + 1)) / (size + categories)) * (weights[i] as number);
        counts[place] = count + 1;
        sizes[i] = size + 1;
      }
      if (held === length) {
        const out = lightest(weights);
        weights.copyWithin(out, out + 1);
        sizes.copyWithin(out, out + 1);
        counts.copyWithin(out * categories, (out + 1) * categories);
        held--;
      }
      weights[held] = hazard;
      sizes[held] = 0;
      counts.fill(0, held * categories, (held + 1) * categories);
      forecasters[0] = ++held;
      let [total, heaviest] = [0, 0];
      for (let i = 0; i < held; i++) {
        total += weights[i] as number;
        if ((weights[i] as number) > (weights[heaviest] as number)) heaviest = i;
      }
      for (let i = 0; i < held; i++) weights[i] = (weights[i] as number) / total;
      return heaviest > 0 ? restart(numbers) : undefined;
    },
  };
}

/** Returns the place of the smallest weight, the first not counted. */
function lightest(weights: Float64Array): number {
  let least = 1;
  for (let i = 2; i < weights.length; i++) if ((weights[i] as number) < (weights[least] as number)) least = i;
  return least;
}
