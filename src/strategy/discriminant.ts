/** Linear discriminants: weights of each class from means and one covariance. */
import type { Linear } from "../wasm/linear.ts";
import type { HostFold, Numbers } from "./host.ts";
import { additive, addOuter, addRows, array, classMeans, classSums, featuresOf, rowsIn, symmetric, transpose } from "./sums.ts";

/** Scores features·weights + bias. */
export interface Discriminant {
  readonly counts: Float64Array;
  /** [features × classes] */
  readonly weights: Float64Array;
  /** [classes] */
  readonly bias: Float64Array;
}

/** Returns the fold of `counts`, `sums` and `products`: Σxxᵀ [features × features] over all classes, its upper triangle. */
export function momentSums(where: string): HostFold {
  return additive(
    where,
    (facts) => ({ ...classSums(where, facts), products: [facts.features, facts.features] }),
    (numbers, rows, sign, { facts: { features: size } }) => {
      const features = featuresOf(rows);
      addRows(numbers, rows, features, size, sign);
      for (let row = 0; row < rows.count; row++) addOuter(array(numbers, "products"), 0, features, row * size, size, sign);
    },
  );
}

/**
 * Returns the weights Σ⁻¹μ_c and biases −½·μ_cᵀΣ⁻¹μ_c for a covariance [size × size] and the means of `counts` and `sums`.
 * @throws E_DATA where the covariance is not positive definite
 */
export function discriminant(covariance: Float64Array, numbers: Numbers, size: number, linear: Linear): Discriminant {
  const counts = array(numbers, "counts").slice();
  const classes = counts.length;
  const means = transpose(classMeans(numbers, size), classes, size);
  const weights = linear.solve(covariance, size, means, classes);
  const bias = counts.map((_, c) => {
    let sum = 0;
    for (let i = c; i < means.length; i += classes) sum += (means[i] as number) * (weights[i] as number);
    return -0.5 * sum;
  });
  return { counts, weights, bias };
}

/** Returns Σ(x − mean)(x − mean)ᵀ [size × size] from `counts`, `sums` and `products`, the mean that of the class (`within`) or of all rows (`total`). */
export function scatter(numbers: Numbers, size: number, about: "within" | "total"): Float64Array {
  const out = symmetric(array(numbers, "products"), size);
  const counts = array(numbers, "counts");
  const sums = array(numbers, "sums");
  const take = (sum: Float64Array, n: number) => {
    if (n === 0) return;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) out[i * size + j] = (out[i * size + j] as number) - ((sum[i] as number) * (sum[j] as number)) / n;
    }
  };
  if (about === "within") {
    for (let c = 0; c < counts.length; c++) take(sums.subarray(c * size, (c + 1) * size), counts[c] as number);
  } else {
    const all = new Float64Array(size);
    for (let i = 0; i < sums.length; i++) all[i % size] = (all[i % size] as number) + (sums[i] as number);
    take(all, rowsIn(numbers));
  }
  return out;
}
