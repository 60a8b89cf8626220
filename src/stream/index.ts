/** Streams: what there is to learn, in the order it comes. */
export { type BatchesOptions, batchCount, batches } from "./batches.ts";
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
export { type GlyphsOptions, glyphNames, glyphs } from "./glyphs.ts";
export { gunzip, type Idx, type IdxData, type LabelledOptions, labelled, readIdx } from "./idx.ts";
export { permuted, rotated, type Scenario, splitClasses, type Task, type TrainTest } from "./scenario.ts";
