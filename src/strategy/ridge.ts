import { checkKeys, checkNumber } from "../errors.ts";
import { fillNormal } from "../nn/init.ts";
import { RandomStream } from "../random.ts";
import { addGram, ridgeWeights } from "./gram.ts";
import type { HostServices, Numbers } from "./host.ts";
import { type Projection, projection } from "./projection.ts";
import { solved } from "./solved.ts";
import type { Strategy } from "./strategy.ts";
import { additive, addRows, array, classMeans, classSums, featuresOf, linearScores } from "./sums.ts";

/** Options of {@link ridge}. */
export interface RidgeOptions {
  /** What is added to the diagonal of HᵀH, above 0. Default 0.1. */
  readonly gamma?: number;
  /** Random features relu(f·W) that rows are first made into, 1 … 16384; default: none, the features themselves. */
  readonly width?: number;
  /**
   * Most rows drawn for a class with fewer rows than the largest, from the normal distribution of its features; were more missing, each stands for
   * several. Default 0: none.
   */
  readonly pseudo?: number;
  /** How many deviations wide that distribution is. Default 1. */
  readonly noise?: number;
  /** Of random features and drawn rows. Default 0. */
  readonly seed?: number;
}

/**
 * Returns analytic learning: ridge regression of all rows onto their classes, which recursive updates would reach too, kept as the sums HᵀH and
 * HᵀY so that removal is exact. O(width²) a row and in memory, O(width³) at the first prediction after an update; with `pseudo`, the rows drawn come on
 * top, for this solution alone: they never join the sums.
 * @throws E_CONFIG
 * @see Zhuang et al. 2022, arXiv 2205.14922, "ACIL", theorem 1; Zhuang et al. 2024, arXiv 2403.15751, "AEF-OCL" (pseudo-features)
 */
export function ridge(options: RidgeOptions = {}): Strategy {
  const where = "strategies.ridge";
  checkKeys(where, options, ["gamma", "width", "pseudo", "noise", "seed"]);
  const gamma = checkNumber(where, "gamma", options.gamma ?? 0.1, { min: 0, open: "min" });
  const width = options.width === undefined ? undefined : checkNumber(where, "width", options.width, { min: 1, max: 16384, integer: true });
  const pseudo = checkNumber(where, "pseudo", options.pseudo ?? 0, { min: 0, max: 2 ** 20, integer: true });
  const noise = checkNumber(where, "noise", options.noise ?? 1, { min: 0 });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const random = projection(width, seed);
  const find = solved((numbers, services) => {
    const size = random.width(services.facts.features);
    const whole = pseudo === 0 ? numbers : levelled(numbers, services, random, { pseudo, noise, seed });
    return {
      counts: array(numbers, "counts").slice(),
      weights: ridgeWeights(array(whole, "gram"), array(whole, "targets"), gamma, size, services.linear),
    };
  });
  return {
    name: "ridge",
    config: { gamma, ...(width !== undefined && { width }), pseudo, noise, seed },
    needs: { features: true, linear: true },
    fold: additive(
      where,
      (facts) => {
        const size = random.width(facts.features);
        const squares = pseudo === 0 ? {} : { squares: ["classes", facts.features] as const };
        return { ...classSums(where, facts), ...squares, gram: [size, size], targets: ["classes", size] };
      },
      (numbers, rows, sign, { facts, linear }) => {
        const features = featuresOf(rows);
        const size = random.width(facts.features);
        const mapped = random.apply(features, rows.count, facts.features, linear);
        addRows(numbers, rows, features, facts.features, sign);
        for (let row = 0; row < rows.count; row++) {
          const c = rows.labels[row] as number;
          addGram(numbers, "", mapped, row * size, size, c, sign);
          if (pseudo > 0) addSquares(array(numbers, "squares"), c * facts.features, features, row * facts.features, facts.features, sign);
        }
      },
    ),
    head: {
      scores: (numbers, features, rows, services) =>
        linearScores(
          random.apply(features, rows, services.facts.features, services.linear),
          rows,
          random.width(services.facts.features),
          find(numbers, services),
          services.linear,
        ),
    },
  };
}

function addSquares(to: Float64Array, at: number, from: Float32Array, first: number, size: number, sign: number): void {
  for (let i = 0; i < size; i++) to[at + i] = (to[at + i] as number) + sign * (from[first + i] as number) ** 2;
}

/** Returns a copy of the sums in which each class that was seen counts for as many rows as the largest: its own, and such as it might have had. */
function levelled(
  numbers: Numbers,
  { facts: { features: size }, linear }: HostServices,
  random: Projection,
  { pseudo, noise, seed }: { readonly pseudo: number; readonly noise: number; readonly seed: number },
): Numbers {
  const copy = { gram: array(numbers, "gram").slice(), targets: array(numbers, "targets").slice() };
  const counts = array(numbers, "counts");
  const means = classMeans(numbers, size);
  const width = random.width(size);
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  for (const [c, n] of counts.entries()) {
    const drawn = n === 0 ? 0 : Math.min(pseudo, most - n);
    if (drawn === 0) continue;
    // A stream for each class: those of others do not hang on how many it draws.
    const normal = new Float32Array(drawn * size);
    fillNormal(1)(normal, new RandomStream(seed, `pseudo/${c}`));
    const deviations = Float64Array.from({ length: size }, (_, i) => {
      const mean = means[c * size + i] as number;
      const squares = (array(numbers, "squares")[c * size + i] as number) - n * mean * mean;
      return n < 2 ? 0 : noise * Math.sqrt(Math.max(0, squares) / (n - 1));
    });
    const rows = Float64Array.from(normal, (z, i) => (means[c * size + (i % size)] as number) + z * (deviations[i % size] as number));
    const mapped = random.apply(rows, drawn, size, linear);
    for (let row = 0; row < drawn; row++) addGram(copy, "", mapped, row * width, width, c, (most - n) / drawn);
  }
  return copy;
}
