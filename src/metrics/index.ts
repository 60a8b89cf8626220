/** Metrics: what a run learned and what it forgot. */
export type { AnytimeOptions } from "./anytime.ts";
export { type BudgetOptions, type EvaluationBudget, evaluationBudget, type Spent } from "./budget.ts";
export { type Comparison, compareRuns, comparisonReport, type RunsByStrategy, type Spread } from "./compare.ts";
export { figuresCsv, matrixCsv } from "./csv.ts";
export { accuracyCurve, anytimeAccuracy, type Curve, type CurvePoint, seenAccuracy } from "./curve.ts";
export type {
  BoundaryFact,
  CostFact,
  Counted,
  DriftFact,
  EvaluationFact,
  Fact,
  FactOf,
  FlipsFact,
  LayerPlasticity,
  MemoryFact,
  PlasticityFact,
  PrequentialFact,
  RunFact,
  StepFact,
} from "./facts.ts";
export { type Figure, figureValue } from "./figure.ts";
export { type FigureOptions, figuresOf } from "./figures.ts";
export type { Experts } from "./lifelong.ts";
export { type FactLog, type FactLogOptions, factLine, factLog, fromNdjson, toNdjson } from "./log.ts";
export {
  type AccuracyMatrix,
  averageAccuracy,
  averageIncrementalAccuracy,
  backwardTransfer,
  type ForgettingVariant,
  type ForwardVariant,
  forgetting,
  forwardTransfer,
  learningAccuracy,
  summarize,
  type TransferVariant,
} from "./matrix.ts";
export {
  approximateRank,
  deadUnits,
  dormantUnits,
  effectiveRank,
  layerPlasticity,
  type PlasticityInput,
  type SingularValues,
  stableRank,
  weightMagnitude,
} from "./plasticity.ts";
export type { PrequentialOptions } from "./prequential.ts";
export { type RunRecord, recordOf } from "./record.ts";
export { htmlReport } from "./report.ts";
export { eventFile, type Scalars, type TensorboardOptions, tensorboardEvents } from "./tensorboard.ts";
export { type Block, type Timeline, timelineOf } from "./timeline.ts";
