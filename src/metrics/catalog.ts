/** What figures are called for people, in what they are told, and which way is better. */

/** How a value is told. */
export type Unit = "share" | "number" | "whole";

/** What is known of a metric. */
export interface Metric {
  readonly name: string;
  /** 0: neither. */
  readonly better: 1 | -1 | 0;
  readonly unit: Unit;
  readonly definition: string;
}

const metric = (name: string, better: Metric["better"], unit: Unit, definition: string): Metric => ({ name, better, unit, definition });

/** Metrics in the order in which they are shown, by the name figures have. R[i][j] is the accuracy on j after training i. */
const catalog: Readonly<Record<string, Metric>> = {
  averageAccuracy: metric("Average accuracy", 1, "share", "mean over all tasks at the end"),
  averageIncrementalAccuracy: metric("Average incremental accuracy", 1, "share", "mean over time of the mean on the tasks trained so far"),
  anytimeAccuracy: metric("Average anytime accuracy", 1, "share", "the same at every evaluation, not only at the end of a task"),
  learningAccuracy: metric("Learning accuracy", 1, "share", "mean on each task right after its training"),
  forgetting: metric("Forgetting", -1, "share", "the best a task was, minus the end"),
  backwardTransfer: metric("Backward transfer", 1, "share", "what later training gave to a task, since its own"),
  forwardTransfer: metric("Forward transfer", 1, "share", "what earlier training gave to a task, before its own"),
  intransigence: metric("Intransigence", -1, "share", "a model trained on all tasks at once, minus right after training"),
  minAccuracy: metric("Lowest accuracy", 1, "share", "on each earlier task, since its training"),
  worstCaseAccuracy: metric("Worst-case accuracy", 1, "share", "mean of the last task's accuracy and the lowest on each earlier one"),
  windowedForgetting: metric("Windowed forgetting", -1, "share", "largest fall within so many evaluations; mean over tasks"),
  windowedPlasticity: metric("Windowed plasticity", 1, "share", "largest rise within so many evaluations; mean over tasks"),
  learningCurveArea: metric("Learning curve area", 1, "share", "mean accuracy on a task after each of its first updates"),
  stabilityGap: metric("Stability gap", -1, "share", "accuracy before the next task began, minus the lowest in its training"),
  recoveryTime: metric("Recovery time", -1, "number", "steps until accuracy was back after the next task began"),
  cumulativeAccuracy: metric("Cumulative accuracy", 1, "share", "on tasks ≤ k with their classes alone; mean over k"),
  cumulativeForgetting: metric("Cumulative forgetting", -1, "share", "the best that was, minus the end"),
  performanceMaintenance: metric("Performance maintenance", 1, "share", "every later evaluation of a task, minus its reference"),
  transferForward: metric("Transfer to later tasks", 1, "number", "a task not yet trained, before and after another's training"),
  transferBackward: metric("Transfer to earlier tasks", 1, "number", "a task already trained, before and after another's training"),
  relativePerformance: metric("Performance relative to an expert", 1, "number", "sum of accuracies while learning, over the expert's"),
  sampleEfficiency: metric("Sample efficiency", 1, "number", "highest accuracy and evaluations before it, relative to an expert"),
  performanceRecovery: metric("Performance recovery", 1, "number", "how much faster a task is known again each time it comes"),
  prequentialAccuracy: metric("Prequential accuracy", 1, "share", "each row answered before it is learned"),
  kappa: metric("Kappa", 1, "number", "accuracy above that of a reference, relative to the best possible"),
  negativeFlipRate: metric("Negative flips", -1, "share", "right under the model before and wrong now, of all"),
  negativeFlipImpact: metric("Impact of negative flips", -1, "share", "right under the model before, of what is wrong now"),
  deadUnits: metric("Dead units", -1, "share", "those that gave 0 for every row"),
  dormantUnits: metric("Dormant units", -1, "share", "those whose mean activation is at most τ times the layer's"),
  effectiveRank: metric("Effective rank", 1, "number", "e to the entropy of the activations' singular values"),
  approximateRank: metric("Approximate rank", 1, "number", "singular values that make up 99 %"),
  stableRank: metric("Stable rank", 1, "number", "sum of squared singular values over the largest"),
  weightMagnitude: metric("Weight magnitude", 0, "number", "mean of the weights without their signs"),
  stepsPerSecond: metric("Steps/s", 1, "number", "of the steps that were timed"),
  evaluationShare: metric("Time of evaluations", -1, "share", "relative to that of steps"),
  bytes: metric("Bytes", -1, "whole", "by what holds them"),
};

/** Names and definitions of variants, by metric and variant, or by variant alone; others are told as they are. */
const variants: Readonly<Record<string, readonly [name: string, definition: string]>> = {
  "forgetting/chaudhry": ["Chaudhry", "best before the last task, minus the end; mean over the tasks but the last"],
  "forgetting/first": ["first", "right after training, minus the end"],
  "forgetting/columnMax": ["column maximum", "best since training, the end included, minus the end; never negative"],
  "forgetting/earlierMax": ["earlier maximum", "best before the last task, also before its own training, minus the end"],
  "forgetting/allTasks": ["all tasks", "best ever, minus the end; mean over all tasks"],
  "backwardTransfer/lopezPaz": ["Lopez-Paz", "the end, minus right after training; mean over the tasks but the last"],
  "backwardTransfer/allTasks": ["all tasks", "the same sum over the number of all tasks"],
  "backwardTransfer/pairs": ["pairs", "every later evaluation, minus right after training; mean over all pairs"],
  "backwardTransfer/positivePairs": ["positive pairs", "the same, or 0 where it is negative"],
  "forwardTransfer/lopezPaz": ["Lopez-Paz", "right before training, minus the untrained model; mean over the tasks but the first"],
  "forwardTransfer/allTasks": ["all tasks", "the same sum over the number of all tasks"],
  "forwardTransfer/pairs": ["pairs", "every accuracy before a task's training; mean over all pairs"],
  "minAccuracy/oldTasks": ["old tasks", "on each earlier task, since its training; mean over them"],
  "stabilityGap/lastTask": ["last task", "of the task just learned; mean over switches"],
  "stabilityGap/oldTasks": ["old tasks", "of every task learned before; mean over switches and tasks"],
  "recoveryTime/full": ["full", "steps until accuracy on the task just learned was back; mean over switches"],
  "recoveryTime/95%": ["95 %", "steps until 95 % of the accuracy on the task just learned was back; mean over switches"],
  "performanceMaintenance/mrlep": ["MRLEP", "every later evaluation of a task, minus that right after its training"],
  "performanceMaintenance/mrtlp": ["MRTLP", "every later evaluation of a task, minus the last tenth of its training"],
  contrast: ["contrast", "after minus before, over their sum; mean over pairs of tasks"],
  ratio: ["ratio", "after over before; mean over pairs of tasks that began above 0"],
  "prequentialAccuracy/previousLabel": ["previous label", "of answering each row with the label before it"],
  "kappa/temporal": ["temporal", "the reference answers each row with the label before it"],
  "kappa/cohen": ["Cohen", "the reference gives the same answers at random"],
};

/** The metrics there are, in order. */
export const metrics: readonly string[] = Object.keys(catalog);

/** Returns what is known of a figure: its metric, told of the variant. */
export function describeFigure({ metric: key, variant }: { readonly metric: string; readonly variant: string }): Metric {
  const known = catalog[key] ?? metric(key, 0, "number", "");
  const [name, definition] = variants[`${key}/${variant}`] ?? variants[variant] ?? [variant, known.definition];
  return { ...known, name: name === "" || name === "end" ? known.name : `${known.name} (${name})`, definition };
}
