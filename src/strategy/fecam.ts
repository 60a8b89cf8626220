import { checkKeys, checkNumber } from "../errors.ts";
import { power } from "../natural.ts";
import type { HostServices, Numbers } from "./host.ts";
import { solved } from "./solved.ts";
import type { Strategy } from "./strategy.ts";
import { additive, addOuter, addRows, array, classMeans, classSums, featuresOf, symmetric } from "./sums.ts";

/** Options of {@link fecam}. */
export interface FecamOptions {
  /** How many times the mean variance is added to each variance, above 0. Default 100. */
  readonly alpha1?: number;
  /** How many times the mean covariance is added to each covariance: 0 … alpha1. Default 100. */
  readonly alpha2?: number;
  /** Tukey's power of features, their signs kept, above 0: ½ makes those after a ReLU more nearly normal. Default 1. */
  readonly power?: number;
}

/** Added to the diagonal of correlations, whose diagonal is 1: features that are all one still have an inverse. */
const jitter = 1e-6;

/**
 * Returns the Mahalanobis distance to class means, a covariance for each class: shrunk, then normalised to correlations; row and mean are scaled to
 * length 1. Scores are minus the squared distances. A class of one row has no covariance: its distance is Euclidean. Removal is exact.
 * O(features²) a row, O(classes·features²) a prediction; memory and the first prediction after an update grow with classes·features² and its cube.
 * @throws E_CONFIG
 * @see Goswami et al. 2023, arXiv 2309.14062, "FeCAM", equations 4 to 8
 */
export function fecam(options: FecamOptions = {}): Strategy {
  const where = "strategies.fecam";
  checkKeys(where, options, ["alpha1", "alpha2", "power"]);
  const alpha1 = checkNumber(where, "alpha1", options.alpha1 ?? 100, { min: 0, open: "min" });
  // No covariance shrunk within this bound has a negative eigenvalue.
  const alpha2 = checkNumber(where, "alpha2", options.alpha2 ?? Math.min(100, alpha1), { min: 0, max: alpha1 });
  const tukey = checkNumber(where, "power", options.power ?? 1, { min: 0, open: "min" });
  const transformed = (features: Float32Array) => Float64Array.from(features, (x) => (tukey === 1 ? x : Math.sign(x) * raised(x, tukey)));
  const find = solved((numbers, services) => factors(numbers, services, alpha1, alpha2));
  return {
    name: "fecam",
    config: { alpha1, alpha2, power: tukey },
    needs: { features: true, linear: true },
    fold: additive(
      where,
      (facts) => ({ ...classSums(where, facts), products: ["classes", facts.features, facts.features] }),
      (numbers, rows, sign, { facts: { features: size } }) => {
        const features = transformed(featuresOf(rows));
        addRows(numbers, rows, features, size, sign);
        for (const [row, c] of rows.labels.subarray(0, rows.count).entries()) {
          if (array(numbers, "counts")[c] === 0) array(numbers, "products").fill(0, c * size * size, (c + 1) * size * size);
          else addOuter(array(numbers, "products"), c * size * size, features, row * size, size, sign);
        }
      },
    ),
    head: {
      scores(numbers, features, rows, services) {
        const size = services.facts.features;
        const classes = array(numbers, "counts").length;
        const all = transformed(features);
        const found = find(numbers, services);
        const out = new Float64Array(rows * classes).fill(Number.NEGATIVE_INFINITY);
        for (let row = 0; row < rows; row++) {
          const unit = scaled(all.subarray(row * size, (row + 1) * size));
          for (const [c, each] of found.entries()) if (each !== undefined) out[row * classes + c] = -distance(unit, each, size);
        }
        return out;
      },
    },
  };
}

/** What distances to a class are measured by; without a factor, Euclid's way. */
interface Factor {
  readonly mean: Float64Array;
  readonly lower: Float64Array | undefined;
}

function factors(numbers: Numbers, { facts, linear }: HostServices, alpha1: number, alpha2: number): (Factor | undefined)[] {
  const size = facts.features;
  const means = classMeans(numbers, size);
  return Array.from(array(numbers, "counts"), (n, c) => {
    if (n === 0) return undefined;
    const own = means.subarray(c * size, (c + 1) * size);
    const products = symmetric(array(numbers, "products"), size, c * size * size);
    const covariance = products.map((sum, i) => {
      return (sum - n * (own[Math.floor(i / size)] as number) * (own[i % size] as number)) / Math.max(1, n - 1);
    });
    let [diagonal, rest] = [0, 0];
    for (const [i, value] of covariance.entries()) {
      if (i % (size + 1) === 0) diagonal += value;
      else rest += value;
    }
    if (n < 2 || !(diagonal > 0)) return { mean: scaled(own), lower: undefined };
    const [variance, joint] = [(alpha1 * diagonal) / size, (alpha2 * rest) / Math.max(1, size * (size - 1))];
    const shrunk = covariance.map((value, i) => value + (i % (size + 1) === 0 ? variance : joint));
    const deviations = Float64Array.from({ length: size }, (_, i) => Math.sqrt(shrunk[i * (size + 1)] as number));
    const correlation = shrunk.map((value, i) => {
      if (i % (size + 1) === 0) return 1 + jitter;
      return value / ((deviations[Math.floor(i / size)] as number) * (deviations[i % size] as number));
    });
    return { mean: scaled(own), lower: linear.cholesky(correlation, size) };
  });
}

/** Returns ‖L⁻¹(x − mean)‖², by forward substitution. */
function distance(x: Float64Array, { mean, lower }: Factor, size: number): number {
  const solution = new Float64Array(size);
  let sum = 0;
  for (let i = 0; i < size; i++) {
    let value = (x[i] as number) - (mean[i] as number);
    if (lower !== undefined) {
      for (let j = 0; j < i; j++) value -= (lower[i * size + j] as number) * (solution[j] as number);
      value /= lower[i * size + i] as number;
    }
    solution[i] = value;
    sum += value * value;
  }
  return sum;
}

function scaled(x: Float64Array): Float64Array {
  const length = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? x : x.map((value) => value / length);
}

function raised(x: number, exponent: number): number {
  return exponent === 0.5 ? Math.sqrt(Math.abs(x)) : power(Math.abs(x), exponent);
}
