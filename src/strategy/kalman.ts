import { checkKeys, checkNumber } from "../errors.ts";
import type { Numbers } from "./host.ts";
import { draws, logMeanSoftmax } from "./sampled.ts";
import type { Strategy } from "./strategy.ts";
import { addScaled, array, classSums, featuresOf, rowsIn } from "./sums.ts";

/** Options of {@link kalman}. */
export interface KalmanOptions {
  /** How much of the weights lasts from row to row, above 0, at most 1: 1 is recursive least squares. Default 0.999. */
  readonly gamma?: number;
  /** Variance σ² of targets about the answer, above 0; no less than 1e-13·prior·‖row‖² is taken. Default 1. */
  readonly noise?: number;
  /** Variance σ_w² of weights before any row, and that to which they return, above 0. Default 1. */
  readonly prior?: number;
  /** Draws of weights that probabilities are the mean of; 0: the mean weights alone. Default 32. */
  readonly samples?: number;
  /** What drawn answers are multiplied by before they are probabilities, above 0. Default 1. */
  readonly scale?: number;
  /** Of the draws. Default 0. */
  readonly seed?: number;
}

/**
 * Returns a linear classifier with Gaussian weights that drift: a Kalman filter takes in each row as targets 1 and 0. Its scores are logarithms of
 * probabilities, less sure where rows are unlike those seen. With gamma 1 the mean is ridge regression with λ = noise/prior. What it
 * learned hangs on the order of rows, so none can be removed. O(features² + classes·features) a row, O(features²) memory.
 * @throws E_CONFIG
 * @see Titsias et al. 2023, arXiv 2306.08448, "Kalman filter for online classification of non-stationary data", section 3
 */
export function kalman(options: KalmanOptions = {}): Strategy {
  const where = "strategies.kalman";
  checkKeys(where, options, ["gamma", "noise", "prior", "samples", "scale", "seed"]);
  const gamma = checkNumber(where, "gamma", options.gamma ?? 0.999, { min: 0, max: 1, open: "min" });
  const noise = checkNumber(where, "noise", options.noise ?? 1, { min: 0, open: "min" });
  const prior = checkNumber(where, "prior", options.prior ?? 1, { min: 0, open: "min" });
  const samples = checkNumber(where, "samples", options.samples ?? 32, { min: 0, max: 4096, integer: true });
  const scale = checkNumber(where, "scale", options.scale ?? 1, { min: 0, open: "min" });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  return {
    name: "kalman",
    config: { gamma, noise, prior, samples, scale, seed },
    needs: { features: true },
    fold: {
      numbers: (facts) => {
        const { counts } = classSums(where, facts);
        return { counts, means: ["classes", facts.features], covariance: [facts.features, facts.features] };
      },
      reads: ["features"],
      push(numbers, seen, { facts: { features: size } }) {
        const features = featuresOf(seen);
        const counts = array(numbers, "counts");
        for (let row = 0; row < seen.count; row++) {
          const x = features.subarray(row * size, (row + 1) * size);
          const c = seen.labels[row] as number;
          filter(numbers, x, c, gamma, prior, noise);
          counts[c] = (counts[c] as number) + 1;
        }
        return undefined;
      },
    },
    head: {
      scores: (numbers, features, rows, { facts }) =>
        answer(numbers, features, rows, facts.features, { gamma, prior, samples, scale, seed }),
    },
  };
}

/**
 * Takes in a row. First the weights drift: means shrink, and variance comes back, σ_w² in all where nothing is known. Then P becomes
 * (I − kxᵀ)P(I − kxᵀ)ᵀ + σ²kkᵀ, multiplied out so that it stays symmetric to the bit.
 */
function filter(numbers: Numbers, x: Float32Array, label: number, gamma: number, prior: number, noise: number): void {
  const [p, means] = [array(numbers, "covariance"), array(numbers, "means")];
  const size = x.length;
  const kept = gamma * gamma;
  const back = rowsIn(numbers) === 0 ? prior : (1 - kept) * prior;
  const u = times(p, x).map((value, i) => kept * value + back * (x[i] as number));
  // Less noise than rounding leaves in xᵀPx would make variances negative in time.
  const s = dot(u, 0, x) + Math.max(noise, 1e-13 * prior * dot(Float64Array.from(x), 0, x));
  const k = u.map((value) => value / s);
  for (let i = 0; i < means.length; i++) means[i] = gamma * (means[i] as number);
  for (let c = 0; c < means.length / size; c++) addScaled(means, c * size, k, 0, size, (c === label ? 1 : 0) - dot(means, c * size, x));
  for (let i = 0; i < size; i++) {
    const [own, gain, row] = [u[i] as number, k[i] as number, i * size];
    for (let j = 0; j < size; j++) {
      const theirs = k[j] as number;
      p[row + j] = kept * (p[row + j] as number) - (gain * (u[j] as number) + own * theirs) + s * (gain * theirs);
    }
    p[row + i] = (p[row + i] as number) + back;
  }
}

type Answer = Required<Pick<KalmanOptions, "gamma" | "prior" | "samples" | "scale" | "seed">>;

function answer(
  numbers: Numbers,
  features: Float32Array,
  rows: number,
  size: number,
  { gamma, prior, samples, scale, seed }: Answer,
): Float64Array {
  const [p, means, counts] = [array(numbers, "covariance"), array(numbers, "means"), array(numbers, "counts")];
  const classes = [...counts.keys()].filter((c) => (counts[c] as number) > 0);
  const normal = samples === 0 ? [] : draws(classes, samples, seed);
  const out = new Float64Array(rows * counts.length).fill(Number.NEGATIVE_INFINITY);
  for (let row = 0; row < rows; row++) {
    const x = features.subarray(row * size, (row + 1) * size);
    const logits = classes.map((c) => scale * gamma * dot(means, c * size, x));
    const variance = gamma * gamma * dot(times(p, x), 0, x) + (1 - gamma * gamma) * prior * dot(Float64Array.from(x), 0, x);
    const scores = samples === 0 ? logits : logMeanSoftmax(logits, scale * Math.sqrt(Math.max(0, variance)), normal);
    for (const [i, c] of classes.entries()) out[row * counts.length + c] = scores[i] as number;
  }
  return out;
}

/** Returns A·x for a symmetric A [n × n]. */
function times(a: Float64Array, x: Float32Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) out[i] = dot(a, i * x.length, x);
  return out;
}

function dot(a: Float64Array, first: number, x: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (a[first + i] as number) * (x[i] as number);
  return sum;
}
