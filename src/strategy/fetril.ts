import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { align, classifierProgram } from "./alignment.ts";
import { featuresOfRows, featuresProgram, storedRows } from "./gathered.ts";
import type { Numbers } from "./host.ts";
import { nearness } from "./ncm.ts";
import type { Cursor, PhaseContext, Strategy } from "./strategy.ts";
import { additive, addRows, array, classMeans, classSums, featuresOf } from "./sums.ts";

/** Options of {@link pseudoFeatures}. */
export interface PseudoOptions {
  /** What makes two classes alike: the `cosine` (default) of their means, or the smallest `euclidean` distance. */
  readonly metric?: "cosine" | "euclidean";
}

/** Options of {@link fetril}. */
export interface FetrilOptions extends PseudoOptions {
  /** How many times over the classifier is trained at a boundary. Default 50. */
  readonly epochs?: number;
  /** Rows of a step. Default 128. */
  readonly batchSize?: number;
  /** Its learning rate at first, which falls to 0 in a line. Default 0.1. */
  readonly rate?: number;
}

/**
 * Returns feature translation: the body is not trained (`nn.frozen`) and of a class that is gone nothing is kept but its mean features. At a boundary
 * the classifier alone is trained on the features of the rows in memory whose classes arrived since the last one, and on {@link pseudoFeatures} of
 * all others. Each epoch is a piece between which the learner may be saved. Plain descent with a rate that falls in a line; the source fits a
 * support vector classifier.
 * @throws E_CONFIG
 * @see Petit et al. 2023, arXiv 2211.13131, "FeTrIL: feature translation for exemplar-free class-incremental learning", section 3
 */
export function fetril(options: FetrilOptions = {}): Strategy {
  const where = "strategies.fetril";
  checkKeys(where, options, ["metric", "epochs", "batchSize", "rate"]);
  const whole = { min: 1, max: 2 ** 20, integer: true };
  const metric = checkChoice(where, "metric", options.metric ?? "cosine", ["cosine", "euclidean"]);
  const epochs = checkNumber(where, "epochs", options.epochs ?? 50, whole);
  const batchSize = checkNumber(where, "batchSize", options.batchSize ?? 128, whole);
  const rate = checkNumber(where, "rate", options.rate ?? 0.1, { min: 0 });
  const fold = additive(
    where,
    (facts) => ({ ...classSums(where, facts), arrived: ["classes"] }),
    (numbers, rows, sign, { facts }) => {
      addRows(numbers, rows, featuresOf(rows), facts.features, sign);
      if (sign > 0) for (let row = 0; row < rows.count; row++) array(numbers, "arrived")[rows.labels[row] as number] = 1;
    },
  );
  return {
    name: "fetril",
    config: { metric, epochs, batchSize, rate },
    needs: { labels: true, features: true, boundary: true },
    needsMemory: true,
    fold,
    programs: { features: featuresProgram, align: classifierProgram(batchSize) },
    phases: [{ on: "boundary", next }],
  };

  /** Makes an epoch. The body stands still, so that features found anew are those of the epoch before. */
  async function next(context: PhaseContext, cursor: Cursor | undefined): Promise<Cursor | undefined> {
    const { numbers, memory, facts } = context;
    const [arrived, counts] = [array(numbers, "arrived"), array(numbers, "counts")];
    const slots = (cursor?.slots as readonly number[] | undefined) ?? storedRows(memory, (c) => arrived[c] === 1).map(({ slot }) => slot);
    const epoch = (cursor?.epoch as number | undefined) ?? 0;
    if (slots.length > 0) {
      const { rows: own, labels } = await featuresOfRows(context, slots);
      const real = own.features as Float32Array;
      const present = new Set(labels);
      const made = [...counts.keys()]
        .filter((c) => (counts[c] as number) > 0 && !present.has(c))
        .map((c) => ({ label: c, rows: pseudoFeatures(numbers, c, real, labels, { metric }).features }));
      const size = facts.features;
      const all = [
        ...Array.from(labels, (label, row) => ({ label, own: real.subarray(row * size, (row + 1) * size) })),
        ...made.flatMap(({ label, rows }) =>
          Array.from({ length: rows.length / size }, (_, row) => ({ label, own: rows.subarray(row * size, (row + 1) * size) })),
        ),
      ];
      context.random(`epoch/${epoch}`).shuffle(all);
      const tasks = counts.map((n) => (n > 0 ? 1 : 0));
      const steps = Math.ceil(all.length / batchSize);
      for (let step = 0; step < steps; step++) {
        const some = all.slice(step * batchSize, (step + 1) * batchSize);
        const rows = { features: some.flatMap((row) => [...row.own]), labels: some.map(({ label }) => label) };
        await align(context, rows, tasks, rate * (1 - (epoch * steps + step) / (epochs * steps)), batchSize);
      }
    }
    if (slots.length > 0 && epoch + 1 < epochs) return { slots, epoch: epoch + 1 };
    arrived.fill(0);
    return undefined;
  }
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
