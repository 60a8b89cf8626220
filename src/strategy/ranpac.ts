import { checkKeys, checkNumber, isError } from "../errors.ts";
import type { Linear } from "../wasm/linear.ts";
import { addGram, ridgeWeights } from "./gram.ts";
import type { Numbers } from "./host.ts";
import { projection } from "./projection.ts";
import { solved } from "./solved.ts";
import type { Strategy } from "./strategy.ts";
import { additive, array, classSums, featuresOf, linearScores, rowsIn, symmetric, transpose } from "./sums.ts";

/** Options of {@link ranpac}. */
export interface RanpacOptions {
  /** Random features, 1 … 16384; the published 10000 take 800 MB. Default 1000. */
  readonly width?: number;
  /**
   * What is added to the diagonal, above 0, or "auto": of 1e-8, 1e-7, … 1e8 that which answers every fifth row best when the others are fitted.
   * It keeps two sets of sums, by the number of the row, and so cannot take rows out; it solves 18 times. Default 1.
   */
  readonly lambda?: number | "auto";
  /** Of the random features. Default 0. */
  readonly seed?: number;
}

const lambdas = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/**
 * Returns ridge regression onto classes from fixed random features relu(f·W), W standard normal: the joint solution of all rows, whatever their
 * order; removal is exact. O(width²) a row and in memory, O(width³) at the first prediction after an update.
 * @throws E_CONFIG
 * @see McDonnell et al. 2023, arXiv 2307.02251, "RanPAC", section 4
 */
export function ranpac(options: RanpacOptions = {}): Strategy {
  const where = "strategies.ranpac";
  checkKeys(where, options, ["width", "lambda", "seed"]);
  const width = checkNumber(where, "width", options.width ?? 1000, { min: 1, max: 16384, integer: true });
  const lambda = options.lambda === "auto" ? "auto" : checkNumber(where, "lambda", options.lambda ?? 1, { min: 0, open: "min" });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const random = projection(width, seed);
  const find = solved((numbers, { linear }) => ({
    counts: array(numbers, "counts").slice(),
    weights: lambda === "auto" ? chosenWeights(numbers, width, linear) : fitted(numbers, lambda, width, linear),
  }));
  const { remove, ...fold } = additive(
    where,
    (facts) => {
      const { counts } = classSums(where, facts);
      const sums = { counts, gram: [width, width], targets: ["classes", width] } as const;
      return lambda === "auto" ? { ...sums, gramHeld: [width, width], targetsHeld: ["classes", width] } : sums;
    },
    (numbers, rows, sign, { facts, linear }) => {
      const mapped = random.apply(featuresOf(rows), rows.count, facts.features, linear);
      const counts = array(numbers, "counts");
      let n = rowsIn(numbers);
      for (let row = 0; row < rows.count; row++, n++) {
        const c = rows.labels[row] as number;
        counts[c] = (counts[c] as number) + sign;
        addGram(numbers, lambda === "auto" && n % 5 === 4 ? "Held" : "", mapped, row * width, width, c, sign);
      }
    },
  );
  return {
    name: "ranpac",
    config: { width, lambda, seed },
    needs: { features: true, linear: true },
    fold: lambda === "auto" || remove === undefined ? fold : { ...fold, remove },
    head: {
      scores: (numbers, features, rows, services) =>
        linearScores(
          random.apply(features, rows, services.facts.features, services.linear),
          rows,
          width,
          find(numbers, services),
          services.linear,
        ),
    },
  };
}

function fitted(numbers: Numbers, lambda: number, width: number, linear: Linear): Float64Array {
  return ridgeWeights(array(numbers, "gram"), array(numbers, "targets"), lambda, width, linear);
}

/** Returns the weights of all rows by the λ whose fit of four fifths has the least squared error on the last, 1 where none was held out. */
function chosenWeights(numbers: Numbers, width: number, linear: Linear): Float64Array {
  const classes = array(numbers, "counts").length;
  const held = symmetric(array(numbers, "gramHeld"), width);
  const targets = transpose(array(numbers, "targetsHeld"), classes, width);
  let [best, least] = [1, Number.POSITIVE_INFINITY];
  if (held.some((value) => value !== 0)) {
    for (const lambda of lambdas) {
      try {
        const weights = fitted(numbers, lambda, width, linear);
        const answers = linear.multiply(held, weights, width, width, classes);
        // ‖HW − Y‖² less ‖Y‖², which is the same for all.
        const error = weights.reduce((sum, w, i) => sum + w * ((answers[i] as number) - 2 * (targets[i] as number)), 0);
        if (error < least) [best, least] = [lambda, error];
      } catch (error) {
        // So small a λ does not make up for features that depend on each other.
        if (!isError(error, "E_DATA")) throw error;
      }
    }
  }
  const both = (name: string) => array(numbers, name).map((value, i) => value + (array(numbers, `${name}Held`)[i] as number));
  return ridgeWeights(both("gram"), both("targets"), best, width, linear);
}
