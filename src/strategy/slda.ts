import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { type Discriminant, discriminant, momentSums, scatter } from "./discriminant.ts";
import type { HostFold, HostServices, Numbers } from "./host.ts";
import { solved } from "./solved.ts";
import type { Strategy } from "./strategy.ts";
import { addOuter, addRows, array, featuresOf, linearScores, rowsIn, symmetric } from "./sums.ts";

/** Options of {@link slda}. */
export interface SldaOptions {
  /** ε of (1 − ε)·Σ + ε·I: how much the covariance is drawn towards the identity, between 0 and 1. Default 1e-4. */
  readonly shrinkage?: number;
  /**
   * Whether the first row of a class adds its own products to the covariance, as the published code does, whose running covariance then hangs on
   * the order of rows; what is kept so can be neither removed nor merged. Default false.
   */
  readonly legacyFirstSample?: boolean;
}

/**
 * Returns streaming linear discriminant analysis: one Gaussian a class, all of one covariance, gathered row by row. Its state is the sums of rows
 * and of their products, so that the covariance is that within classes exactly and removal restores what was before; f64 bears class means of
 * 1e5 deviations. O(features²) a row and in memory, O(features³) at the first prediction after an update.
 * @throws E_CONFIG
 * @see Hayes & Kanan 2020, arXiv 1909.01520, "Lifelong machine learning with deep streaming linear discriminant analysis", equations 1 to 4
 */
export function slda(options: SldaOptions = {}): Strategy {
  const where = "strategies.slda";
  checkKeys(where, options, ["shrinkage", "legacyFirstSample"]);
  const shrinkage = checkNumber(where, "shrinkage", options.shrinkage ?? 1e-4, { min: 0, max: 1, open: "min" });
  const legacyFirstSample: unknown = options.legacyFirstSample ?? false;
  if (typeof legacyFirstSample !== "boolean") {
    fail("E_CONFIG", `${where}: option "legacyFirstSample" is no flag; expected true or false, got ${describe(legacyFirstSample)}`, {
      hint: "Leave it out for the covariance within classes.",
    });
  }
  const find = solved((numbers: Numbers, services: HostServices): Discriminant => {
    const size = services.facts.features;
    const n = Math.max(1, rowsIn(numbers));
    const products = legacyFirstSample ? symmetric(array(numbers, "products"), size) : scatter(numbers, size, "within");
    const covariance = products.map((value, i) => ((1 - shrinkage) * value) / n + (i % (size + 1) === 0 ? shrinkage : 0));
    return discriminant(covariance, numbers, size, services.linear);
  });
  const fold = momentSums(where);
  return {
    name: "slda",
    config: { shrinkage, legacyFirstSample },
    needs: { features: true, linear: true },
    fold: legacyFirstSample ? legacy(fold) : fold,
    head: {
      scores: (own, features, rows, services) =>
        linearScores(Float64Array.from(features), rows, services.facts.features, find(own, services), services.linear),
    },
  };
}

/** Returns the fold of the published recursion, its products n·Σ: n/(n+1)·δδᵀ is added, δ to the mean so far, 0 for a new class. */
function legacy({ numbers, reads }: HostFold): HostFold {
  return {
    numbers,
    reads,
    push(own, seen, { facts: { features: size } }) {
      const features = featuresOf(seen);
      const counts = array(own, "counts");
      const sums = array(own, "sums");
      let n = rowsIn(own);
      for (let row = 0; row < seen.count; row++, n++) {
        const c = seen.labels[row] as number;
        const held = Math.max(1, counts[c] as number);
        const delta = Float64Array.from(
          { length: size },
          (_, i) => (features[row * size + i] as number) - (sums[c * size + i] as number) / held,
        );
        addOuter(array(own, "products"), 0, delta, 0, size, n / (n + 1));
        addRows(own, { count: 1, labels: seen.labels.subarray(row), rows: {} }, features.subarray(row * size), size, 1);
      }
      return undefined;
    },
  };
}
