/** Streams: what there is to learn, in the order it comes. */
export { type BatchesOptions, batchCount, batches } from "./batches.ts";
export { type Blend, type BlurryOptions, blendShares, blurry } from "./blurry.ts";
export type { CsvColumn, CsvOptions } from "./cells.ts";
export {
  type AdaptiveDifficultyOptions,
  adaptiveDifficulty,
  type BanditOptions,
  type BanditState,
  bandit,
  type Chooser,
  chancesOf,
  type DifficultyState,
} from "./choice.ts";
export { type Corruption, type CorruptionOptions, corrupted } from "./corruption.ts";
export { type CsvDataset, readCsv } from "./csv.ts";
export {
  type CyclicalOptions,
  type CyclicalState,
  cyclical,
  cyclicalShares,
  type EpochCurriculum,
  type RowDraw,
  scoresOf,
  weightedRows,
} from "./curriculum.ts";
export {
  type ArraysOptions,
  arrays,
  type Batch,
  type Dataset,
  type Pixels,
  type RowView,
  readRows,
  type Stream,
  select,
} from "./dataset.ts";
export { type Arrival, type DelayedOptions, delayed } from "./delayed.ts";
export { permuted, rotated } from "./domains.ts";
export { type CourseOptions, course, type DriftOptions, drifting } from "./drift.ts";
export {
  type DropoutRule,
  type DropoutState,
  keepShare,
  type ProgressiveDropout,
  type ProgressiveDropoutOptions,
  pickRows,
  progressiveDropout,
  type RowFacts,
} from "./dropout.ts";
export { type EnvironmentsOptions, environments, type PowerLaw, recurrenceShares } from "./environments.ts";
export { type GlyphsOptions, glyphNames, glyphs } from "./glyphs.ts";
export { gunzip, type Idx, type IdxData, type LabelledOptions, labelled, readIdx } from "./idx.ts";
export { type LongTailedOptions, longTailed } from "./imbalance.ts";
export { type LabelNoise, type NoisyDataset, type NoisyLabelsOptions, noisyLabels, trueLabels } from "./labels.ts";
export { type OnlineOptions, online } from "./online.ts";
export { type Answers, type Predictor, prequential, type Tested } from "./prequential.ts";
export { type PreviousLabel, type PreviousLabelOptions, previousLabel } from "./previous.ts";
export { type RecallOptions, recall } from "./recall.ts";
export { classFrequencies, type RecurringOptions, recurring, type SkewOptions } from "./recurring.ts";
export {
  type RunningScale,
  type RunningScaleOptions,
  runningScale,
  type ScaleState,
  type StandardizeOptions,
  standardize,
} from "./scale.ts";
export { classMask, type Increment, type Scenario, type SplitOptions, splitClasses, type Task, type TrainTest } from "./scenario.ts";
export type { Boundary, TaskStream } from "./sequence.ts";
export { type SlowlyChanging, type SlowlyChangingOptions, slowlyChanging } from "./slowly.ts";
