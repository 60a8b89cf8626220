import { checkKeys, checkNumber, fail } from "../errors.ts";
import { exp, ln } from "../natural.ts";

/** Options of {@link submodularSubset}. */
export interface SubmodularOptions {
  /** Rows to choose. */
  readonly size: number;
  /** σ of the likeness e^(−‖f_i − f_j‖²/2σ²) of two rows. Default 1. */
  readonly sigma?: number;
  /** How uncertain the model is of each row, such as the entropy of its answer: ≥ 0. Default: not at all. */
  readonly uncertainty?: ArrayLike<number>;
  /** Weight λ of their uncertainty. Default 1. */
  readonly lambda?: number;
}

/** Rows in the order in which they were chosen, and by how much each of them raised the value. */
export interface SubmodularSubset {
  readonly rows: Uint32Array;
  /** Never rises. */
  readonly gains: Float64Array;
}

/**
 * Returns rows of features [n × width] that stand for all of them and of which the model is unsure: greedily those that raise Σ_i max_{j∈S} w_ij +
 * λ·ln(1 + Σ_{j∈S} h_j) most, the first of equals; at least 1 − 1/e of the best value. O(n²·width + n²·size).
 * @throws E_CONFIG, E_SHAPE where features are no rows, E_DATA where a number is not finite
 * @see Das et al. 2023, arXiv 2305.06408, "Accelerating batch active learning using continual learning techniques", CAL-SDS2
 */
export function submodularSubset(features: ArrayLike<number>, width: number, options: SubmodularOptions): SubmodularSubset {
  const where = "strategies.submodularSubset";
  checkKeys(where, options, ["size", "sigma", "uncertainty", "lambda"]);
  checkNumber(where, "width", width, { min: 1, integer: true });
  const n = features.length / width;
  if (!Number.isInteger(n))
    fail("E_SHAPE", `${where}: features are no rows; expected a multiple of ${width} numbers, got ${features.length}`);
  const size = checkNumber(where, "size", options.size, { min: 0, max: n, integer: true });
  const sigma = checkNumber(where, "sigma", options.sigma ?? 1, { min: 0, open: "min" });
  const lambda = checkNumber(where, "lambda", options.lambda ?? 1, { min: 0 });
  const { uncertainty = new Float64Array(n) } = options;
  if (uncertainty.length !== n) fail("E_SHAPE", `${where}: uncertainty does not fit; expected ${n} numbers, got ${uncertainty.length}`);
  if (!Array.from(features).every(Number.isFinite) || !Array.from(uncertainty).every((h) => h >= 0 && Number.isFinite(h)))
    fail("E_DATA", `${where}: a number is of no use; expected finite features, and uncertainty from 0 on, got another`);
  const alike = likenesses(features, n, width, sigma);
  const [rows, gains] = [new Uint32Array(size), new Float64Array(size)];
  const [covered, taken] = [new Float64Array(n), new Set<number>()];
  let unsure = 0;
  for (let k = 0; k < size; k++) {
    let [best, gain] = [-1, -1];
    for (let j = 0; j < n; j++) {
      if (taken.has(j)) continue;
      let own = lambda * (ln(1 + unsure + (uncertainty[j] as number)) - ln(1 + unsure));
      for (let i = 0; i < n; i++) own += Math.max(0, (alike[i * n + j] as number) - (covered[i] as number));
      if (own > gain) [best, gain] = [j, own];
    }
    taken.add(best);
    [rows[k], gains[k]] = [best, gain];
    unsure += uncertainty[best] as number;
    for (let i = 0; i < n; i++) covered[i] = Math.max(covered[i] as number, alike[i * n + best] as number);
  }
  return { rows, gains };
}

function likenesses(features: ArrayLike<number>, n: number, width: number, sigma: number): Float64Array {
  const alike = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let square = 0;
      for (let k = 0; k < width; k++) square += ((features[i * width + k] as number) - (features[j * width + k] as number)) ** 2;
      alike[i * n + j] = exp(-square / (2 * sigma * sigma));
      alike[j * n + i] = alike[i * n + j] as number;
    }
  return alike;
}
