/** Metrics: what a run learned and what it forgot. */
export { accuracyCurve, anytimeAccuracy, type Curve, type CurvePoint, seenAccuracy } from "./curve.ts";
export {
  type AccuracyMatrix,
  averageAccuracy,
  averageIncrementalAccuracy,
  backwardTransfer,
  type ForgettingVariant,
  forgetting,
  forwardTransfer,
  learningAccuracy,
  summarize,
  type TransferVariant,
} from "./matrix.ts";
export { htmlReport, type RunRecord } from "./report.ts";
