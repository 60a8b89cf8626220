import { checkKeys, checkNumber } from "../errors.ts";
import { exp, ln } from "../natural.ts";
import { fillNormal } from "../nn/init.ts";
import { RandomStream } from "../random.ts";
import type { HostServices, Numbers } from "./host.ts";
import type { Strategy } from "./strategy.ts";
import { array, classSums, featuresOf, rowsIn } from "./sums.ts";

/** Options of {@link kalman}. */
export interface KalmanOptions {
  /** How much of the weights lasts from row to row, above 0, at most 1: 1 is recursive least squares. Default 0.999. */
  readonly gamma?: number;
  /** Variance σ² of targets about the answer, above 0. Default 1. */
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
          forecast(numbers, size, gamma, prior);
          update(numbers, x, c, noise);
          counts[c] = (counts[c] as number) + 1;
        }
        return undefined;
      },
    },
    head: {
      scores: (numbers, features, rows, services) => scores(numbers, features, rows, services, { gamma, prior, samples, scale, seed }),
    },
  };
}

/** Takes the weights to the next row: means shrink, and variance comes back, σ_w² in all where nothing is known. */
function forecast(numbers: Numbers, size: number, gamma: number, prior: number): void {
  const [covariance, means] = [array(numbers, "covariance"), array(numbers, "means")];
  const empty = rowsIn(numbers) === 0;
  for (let i = 0; i < means.length; i++) means[i] = gamma * (means[i] as number);
  for (let i = 0; i < covariance.length; i++) {
    const variance = i % (size + 1) !== 0 ? 0 : empty ? prior : (1 - gamma * gamma) * prior;
    covariance[i] = gamma * gamma * (covariance[i] as number) + variance;
  }
}

/** Takes in a row. P becomes (I − kxᵀ)P(I − kxᵀ)ᵀ + σ²kkᵀ, which rounding cannot make indefinite as it can P − kxᵀP. */
function update(numbers: Numbers, x: Float32Array, label: number, noise: number): void {
  const [p, means] = [array(numbers, "covariance"), array(numbers, "means")];
  const size = x.length;
  const u = times(p, x);
  const s = dot(u, 0, x) + noise;
  const k = u.map((value) => value / s);
  for (let c = 0; c < means.length / size; c++) {
    const missing = (c === label ? 1 : 0) - dot(means, c * size, x);
    for (let i = 0; i < size; i++) means[c * size + i] = (means[c * size + i] as number) + (k[i] as number) * missing;
  }
  for (let i = 0; i < p.length; i++) p[i] = (p[i] as number) - (k[Math.floor(i / size)] as number) * (u[i % size] as number);
  const v = times(p, x);
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) {
      const value = (p[i * size + j] as number) + (noise * (k[i] as number) - (v[i] as number)) * (k[j] as number);
      p[i * size + j] = value;
      p[j * size + i] = value;
    }
  }
}

type Answer = Required<Pick<KalmanOptions, "gamma" | "prior" | "samples" | "scale" | "seed">>;

function scores(
  numbers: Numbers,
  features: Float32Array,
  rows: number,
  { facts: { features: size } }: HostServices,
  { gamma, prior, samples, scale, seed }: Answer,
): Float64Array {
  const [p, means, counts] = [array(numbers, "covariance"), array(numbers, "means"), array(numbers, "counts")];
  const classes = [...counts.keys()].filter((c) => (counts[c] as number) > 0);
  // The same draws for every row and a stream for each class: no answer hangs on what else is asked, or on classes to come.
  const normal = classes.map((c) => {
    const values = new Float32Array(samples);
    fillNormal(1)(values, new RandomStream(seed, `kalman/${c}`));
    return values;
  });
  const out = new Float64Array(rows * counts.length).fill(Number.NEGATIVE_INFINITY);
  for (let row = 0; row < rows && classes.length > 0; row++) {
    const x = features.subarray(row * size, (row + 1) * size);
    const answers = classes.map((c) => gamma * dot(means, c * size, x));
    const deviation = Math.sqrt(Math.max(0, gamma * gamma * dot(times(p, x), 0, x) + (1 - gamma * gamma) * prior * dot(x, 0, x)));
    const sums = new Float64Array(classes.length);
    for (let s = 0; s < samples; s++) {
      const logits = answers.map((answer, i) => scale * (answer + deviation * (normal[i]?.[s] as number)));
      const most = logits.reduce((a, b) => Math.max(a, b));
      const powers = logits.map((logit) => exp(logit - most));
      const all = powers.reduce((a, b) => a + b);
      for (const [i, each] of powers.entries()) sums[i] = (sums[i] as number) + each / all;
    }
    for (const [i, c] of classes.entries()) {
      // No class that was seen is impossible.
      out[row * counts.length + c] = samples === 0 ? scale * (answers[i] as number) : ln(Math.max(1e-300, (sums[i] as number) / samples));
    }
  }
  return out;
}

/** Returns A·x for a symmetric A [n × n]. */
function times(a: Float64Array, x: Float32Array): Float64Array {
  return Float64Array.from(x, (_, i) => dot(a, i * x.length, x));
}

function dot(a: ArrayLike<number>, first: number, x: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (a[first + i] as number) * (x[i] as number);
  return sum;
}
