/** Streams: what there is to learn, in the order it comes. */
export { type BatchesOptions, batchCount, batches } from "./batches.ts";
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
export { type GlyphsOptions, glyphNames, glyphs } from "./glyphs.ts";
export { gunzip, type Idx, type IdxData, type LabelledOptions, labelled, readIdx } from "./idx.ts";
export { type RecallOptions, recall } from "./recall.ts";
export { permuted, rotated, type Scenario, splitClasses, type Task, type TrainTest } from "./scenario.ts";
