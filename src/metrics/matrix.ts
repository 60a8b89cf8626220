/**
 * Metrics of a finished run, computed from its accuracy matrix. Libraries disagree about "forgetting" and "backward
 * transfer", so both come in named variants. A metric that the matrix does not define is `undefined`, never 0 or NaN;
 * the figures of a log say why.
 */
import { checkChoice } from "../errors.ts";

/**
 * Accuracies by time and task: `R[i][j]` is the accuracy on task `j` after training on task `i`, with one row per task
 * trained. Null, or a row too short to reach `j`, means not evaluated.
 */
export type AccuracyMatrix = readonly (readonly (number | null)[])[];

/**
 * How forgetting of a task is measured: the best of the accuracies named, minus the last one.
 * - `chaudhry`: best from its own training to the last but one row, over T − 1 tasks; may be negative (Chaudhry et al. 2018).
 * - `first`: the one right after its training, over T − 1 tasks; the negative of backward transfer (Avalanche).
 * - `columnMax`: best from its own training to the last row, over T − 1 tasks; never negative (Mammoth, PyCIL).
 * - `earlierMax`: best of all rows but the last, also those before its training, over T − 1 tasks (Renate).
 * - `allTasks`: best of all rows, over all T tasks, of which the last rarely forgets (online-continual-learning).
 */
export type ForgettingVariant = "chaudhry" | "first" | "columnMax" | "earlierMax" | "allTasks";

/**
 * How backward transfer is measured, from gains over the accuracy right after a task's own training.
 * - `lopezPaz`: gains at the end, over T − 1 tasks (Lopez-Paz, Ranzato 2017, §2).
 * - `allTasks`: the same sum over T tasks (the code published with that paper).
 * - `pairs`: gains at every later row, over all T (T − 1) / 2 pairs (Díaz-Rodríguez et al. 2018).
 * - `positivePairs`: `pairs`, or 0 where that is negative (Díaz-Rodríguez et al. 2018).
 */
export type TransferVariant = "lopezPaz" | "allTasks" | "pairs" | "positivePairs";

/**
 * How forward transfer is measured, from accuracies right before a task's own training.
 * - `lopezPaz`: gains over the untrained model, over the T − 1 tasks but the first (Lopez-Paz, Ranzato 2017, §2).
 * - `allTasks`: the same sum over T tasks (the code published with that paper).
 * - `pairs`: accuracies themselves, over all T (T − 1) / 2 pairs of a row and a later task (Díaz-Rodríguez et al. 2018).
 */
export type ForwardVariant = "lopezPaz" | "allTasks" | "pairs";

/** For task `j` of `T`: the rows whose best counts, first and last, and whether the last task is averaged in. */
const forgettingRows: Readonly<Record<ForgettingVariant, (j: number, T: number) => { first: number; last: number; tasks: number }>> = {
  chaudhry: (j, T) => ({ first: j, last: T - 2, tasks: T - 1 }),
  first: (j, T) => ({ first: j, last: j, tasks: T - 1 }),
  columnMax: (j, T) => ({ first: j, last: T - 1, tasks: T - 1 }),
  earlierMax: (_, T) => ({ first: 0, last: T - 2, tasks: T - 1 }),
  allTasks: (_, T) => ({ first: 0, last: T - 1, tasks: T }),
};

const forwardVariants: readonly ForwardVariant[] = ["lopezPaz", "allTasks", "pairs"];
const transferVariants: readonly TransferVariant[] = ["lopezPaz", "allTasks", "pairs", "positivePairs"];

/** Returns the mean accuracy over all tasks after the last one. @see Lopez-Paz, Ranzato 2017, §2 */
export function averageAccuracy(matrix: AccuracyMatrix): number | undefined {
  const T = matrix.length;
  return mean(range(0, T).map((j) => at(matrix, T - 1, j)));
}

/**
 * Returns the mean, over the rows, of the mean accuracy on the tasks trained so far.
 * @see Rebuffi et al. 2017, "iCaRL: incremental classifier and representation learning"
 */
export function averageIncrementalAccuracy(matrix: AccuracyMatrix): number | undefined {
  return mean(range(0, matrix.length).map((i) => mean(range(0, i + 1).map((j) => at(matrix, i, j)))));
}

/** Returns the mean accuracy on each task right after its training. @see Riemer et al. 2019, "Learning to learn without forgetting" */
export function learningAccuracy(matrix: AccuracyMatrix): number | undefined {
  return mean(range(0, matrix.length).map((i) => at(matrix, i, i)));
}

/**
 * Returns how much accuracy was lost on average by the end, by the variant named (default "chaudhry"); undefined below two tasks.
 * @throws E_CONFIG where there is no such variant
 */
export function forgetting(matrix: AccuracyMatrix, variant: ForgettingVariant = "chaudhry"): number | undefined {
  const rows = forgettingRows[checkChoice("metrics.forgetting", "variant", variant, Object.keys(forgettingRows) as ForgettingVariant[])];
  const T = matrix.length;
  if (T < 2) return undefined;
  return mean(
    range(0, rows(0, T).tasks).map((j) => {
      const { first, last } = rows(j, T);
      const values = range(first, last + 1).map((i) => at(matrix, i, j));
      return values.includes(undefined) ? undefined : difference(Math.max(...(values as number[])), at(matrix, T - 1, j));
    }),
  );
}

/**
 * Returns what later training gave to earlier tasks, by the variant named (default "lopezPaz"); undefined below two tasks.
 * @throws E_CONFIG where there is no such variant
 */
export function backwardTransfer(matrix: AccuracyMatrix, variant: TransferVariant = "lopezPaz"): number | undefined {
  checkChoice("metrics.backwardTransfer", "variant", variant, transferVariants);
  const T = matrix.length;
  if (T < 2) return undefined;
  const gain = (i: number, j: number): number | undefined => difference(at(matrix, i, j), at(matrix, j, j));
  if (variant === "lopezPaz" || variant === "allTasks") {
    return mean(range(0, variant === "lopezPaz" ? T - 1 : T).map((j) => gain(T - 1, j)));
  }
  const pairs = mean(range(1, T).flatMap((i) => range(0, i).map((j) => gain(i, j))));
  return pairs !== undefined && variant === "positivePairs" ? Math.max(0, pairs) : pairs;
}

/**
 * Returns what earlier training gave to tasks not yet trained, by the variant named (default "lopezPaz"); undefined below two tasks. It means
 * nothing where unseen classes are masked.
 * @param baseline accuracies of the untrained model, which `pairs` does without
 * @throws E_CONFIG where there is no such variant
 */
export function forwardTransfer(
  matrix: AccuracyMatrix,
  baseline: readonly (number | null)[],
  variant: ForwardVariant = "lopezPaz",
): number | undefined {
  checkChoice("metrics.forwardTransfer", "variant", variant, forwardVariants);
  const T = matrix.length;
  if (variant === "pairs") return mean(range(0, T).flatMap((i) => range(i + 1, T).map((j) => at(matrix, i, j))));
  const gain = mean(range(1, T).map((j) => difference(at(matrix, j - 1, j), known(baseline[j]))));
  return gain !== undefined && variant === "allTasks" ? (gain * (T - 1)) / T : gain;
}

/**
 * Returns every metric the matrix defines, by the name it should be reported under.
 * @param baseline accuracies of the untrained model, without which there is no forward transfer
 */
export function summarize(matrix: AccuracyMatrix, baseline: readonly (number | null)[] = []): Record<string, number | undefined> {
  const summary: Record<string, number | undefined> = {
    averageAccuracy: averageAccuracy(matrix),
    averageIncrementalAccuracy: averageIncrementalAccuracy(matrix),
    learningAccuracy: learningAccuracy(matrix),
  };
  for (const variant of Object.keys(forgettingRows) as ForgettingVariant[]) summary[`forgetting/${variant}`] = forgetting(matrix, variant);
  for (const variant of transferVariants) summary[`backwardTransfer/${variant}`] = backwardTransfer(matrix, variant);
  for (const variant of forwardVariants) summary[`forwardTransfer/${variant}`] = forwardTransfer(matrix, baseline, variant);
  return summary;
}

/** Returns the mean of the values, or undefined where there are none or one is undefined. */
export function mean(values: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    sum += value;
  }
  return values.length === 0 ? undefined : sum / values.length;
}

/** Returns a number, or undefined for what stands for "not evaluated". */
export function known(value: number | null | undefined): number | undefined {
  return value === null || value === undefined || Number.isNaN(value) ? undefined : value;
}

function at(matrix: AccuracyMatrix, i: number, j: number): number | undefined {
  return known(matrix[i]?.[j]);
}

function difference(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}

function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
}
