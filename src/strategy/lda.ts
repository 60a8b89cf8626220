import { checkKeys, checkNumber } from "../errors.ts";
import { discriminant, momentSums, scatter } from "./discriminant.ts";
import { solved } from "./solved.ts";
import type { Strategy } from "./strategy.ts";
import { linearScores, rowsIn } from "./sums.ts";

/** Options of {@link lda}. */
export interface LdaOptions {
  /** What is added to the covariance's diagonal, above 0. Default 1. */
  readonly ridge?: number;
}

/**
 * Returns the discriminant analysis of first session adaptation: the covariance is that of all rows about their common mean, with divisor n − 1,
 * plus `ridge` times the identity. Removal is exact. O(features²) a row and in memory, O(features³) at the first prediction after an update.
 * @throws E_CONFIG
 * @see Panos et al. 2023, arXiv 2303.13199, "First session adaptation", section 3; github.com/aresPanos/fsa
 */
export function lda(options: LdaOptions = {}): Strategy {
  const where = "strategies.lda";
  checkKeys(where, options, ["ridge"]);
  const ridge = checkNumber(where, "ridge", options.ridge ?? 1, { min: 0, open: "min" });
  const find = solved((numbers, { facts: { features: size }, linear }) => {
    const divisor = Math.max(1, rowsIn(numbers) - 1);
    const covariance = scatter(numbers, size, "total").map((value, i) => value / divisor + (i % (size + 1) === 0 ? ridge : 0));
    return discriminant(covariance, numbers, size, linear);
  });
  return {
    name: "lda",
    config: { ridge },
    needs: { features: true, linear: true },
    fold: momentSums(where),
    head: {
      scores: (numbers, features, rows, services) =>
        linearScores(Float64Array.from(features), rows, services.facts.features, find(numbers, services), services.linear),
    },
  };
}
