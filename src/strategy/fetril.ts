import { checkChoice, checkKeys, fail } from "../errors.ts";
import type { Numbers } from "./host.ts";
import { nearness } from "./ncm.ts";
import { array, classMeans } from "./sums.ts";

/** Options of {@link pseudoFeatures}. */
export interface PseudoOptions {
  /** What makes two classes alike: the `cosine` (default) of their means, or the smallest `euclidean` distance. */
  readonly metric?: "cosine" | "euclidean";
}

/**
 * Returns rows for a class of which none are at hand: those of the class among the given whose mean is most like its own, moved by the difference of
 * the means. Their mean is that of the old class, their covariance that of the `donor`. `numbers` has `counts` [classes] and `sums`
 * [classes × features] as {@link ncm} keeps them, `features` [rows × features] and `labels` [rows] are those at hand.
 * @throws E_CONFIG, E_DATA where there is no row at hand or the old class was never seen, E_SHAPE
 * @see Petit et al. 2023, arXiv 2211.13131, "FeTrIL: feature translation for exemplar-free class-incremental learning", equation 2
 */
export function pseudoFeatures(
  numbers: Numbers,
  old: number,
  features: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: PseudoOptions = {},
): { readonly donor: number; readonly features: Float64Array } {
  checkKeys("pseudoFeatures", options, ["metric"]);
  const metric = checkChoice("pseudoFeatures", "metric", options.metric ?? "cosine", ["cosine", "euclidean"]);
  const size = array(numbers, "sums").length / array(numbers, "counts").length;
  if (features.length !== labels.length * size) {
    fail("E_SHAPE", `pseudoFeatures: features do not fit; expected ${labels.length} × ${size}, got ${features.length}`, {
      hint: "Give a label for each row of features.",
    });
  }
  const seen = array(numbers, "counts")[old] ?? 0;
  if (seen <= 0 || labels.length === 0) {
    fail("E_DATA", `pseudoFeatures: nothing to move; expected rows, and a class that was seen, got ${labels.length} rows, class ${old}`, {
      hint: "Ask for a class with a mean, and give rows of at least one other.",
    });
  }
  const mean = classMeans(numbers, size).subarray(old * size, (old + 1) * size);
  const given = Array.from(labels);
  const donors = [...new Set(given)].map((label) => {
    const rows = given.flatMap((each, row) => (each === label ? [row] : []));
    const own = Float64Array.from(
      { length: size },
      (_, i) => rows.reduce((sum, row) => sum + (features[row * size + i] as number), 0) / rows.length,
    );
    return { label, rows, own, likeness: nearness(metric, own, 0, mean, 0, size) };
  });
  // Of equally similar classes the lowest: their order in the rows does not matter.
  donors.sort((a, b) => b.likeness - a.likeness || a.label - b.label);
  const { label, rows, own } = donors[0] as (typeof donors)[number];
  const moved = new Float64Array(rows.length * size);
  for (const [k, row] of rows.entries()) {
    for (let i = 0; i < size; i++) {
      moved[k * size + i] = (features[row * size + i] as number) - (own[i] as number) + (mean[i] as number);
    }
  }
  return { donor: label, features: moved };
}
