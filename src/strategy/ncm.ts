import { checkChoice, checkKeys } from "../errors.ts";
import type { Strategy } from "./strategy.ts";
import { additive, addRows, array, classMeans, classSums, featuresOf } from "./sums.ts";

/** Options of {@link ncm}. */
export interface NcmOptions {
  /** How near a row is to a mean: `cosine` (default), the cosine of their angle, or `euclidean`, minus their squared distance. */
  readonly metric?: "cosine" | "euclidean";
}

/**
 * Returns the nearest class mean: the answer is the class whose mean features are nearest to those of the row. The order of rows does not matter
 * and nothing is forgotten while the features stay; removal is exact. O(features) a row, O(classes·features) a prediction.
 * @throws E_CONFIG
 * @see Rebuffi et al. 2017, arXiv 1611.07725, "iCaRL", equation 2; github.com/sun-hailong/LAMDA-PILOT, simplecil
 */
export function ncm(options: NcmOptions = {}): Strategy {
  checkKeys("strategies.ncm", options, ["metric"]);
  const metric = checkChoice("strategies.ncm", "metric", options.metric ?? "cosine", ["cosine", "euclidean"]);
  return {
    name: "ncm",
    config: { metric },
    needs: { features: true },
    fold: additive(
      "strategies.ncm",
      (facts) => classSums("strategies.ncm", facts),
      (numbers, rows, sign, { facts }) => addRows(numbers, rows, featuresOf(rows), facts.features, sign),
    ),
    head: {
      scores(numbers, features, rows, { facts: { features: size } }) {
        const counts = array(numbers, "counts");
        const means = classMeans(numbers, size);
        return Float64Array.from({ length: rows * counts.length }, (_, i) => {
          const [row, c] = [Math.floor(i / counts.length), i % counts.length];
          return counts[c] === 0 ? Number.NEGATIVE_INFINITY : nearness(metric, features, row * size, means, c * size, size);
        });
      },
    },
  };
}

/** Returns the cosine of two vectors' angle, 0 where one is 0, or minus their squared distance. */
export function nearness(
  metric: "cosine" | "euclidean",
  a: ArrayLike<number>,
  atA: number,
  b: ArrayLike<number>,
  atB: number,
  size: number,
): number {
  let [product, squareA, squareB, distance] = [0, 0, 0, 0];
  for (let i = 0; i < size; i++) {
    const [x, y] = [a[atA + i] as number, b[atB + i] as number];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
    distance += (x - y) * (x - y);
  }
  if (metric === "euclidean") return -distance;
  return product === 0 ? 0 : product / (Math.sqrt(squareA) * Math.sqrt(squareB));
}
