/**
 * Learning-rate schedules: validated records that Wasm evaluates in f64 (`assembly/schedule.ts`). All are functions of t, the 0-based index
 * of the update about to be made; lengths count updates. Past its horizon T a schedule holds its last rate; the last update, t = T - 1,
 * is thus one short of `final`.
 */
export { clamp, perGroup, restartOn, type SequencePart, scale, sequence } from "./compose.ts";
export { type CyclicOptions, cyclic, type OneCycleOptions, oneCycle, type SgdrOptions, sgdr } from "./cycles.ts";
export {
  type CosineOptions,
  cosine,
  type LinearOptions,
  linear,
  type RexOptions,
  rex,
} from "./decay.ts";
export { type BatchScaleOptions, batchScale, type SigmoidOptions, sigmoid, type TableOptions, table } from "./factors.ts";
export { type MetaOptions, meta } from "./meta.ts";
export { type ConstantOptions, constant, type Schedule, type ScheduleConfig, type ScheduleKind } from "./schedule.ts";
export { type RewarmOptions, type RewarmStage, replayShareAt, rewarm } from "./stages.ts";
export {
  type CooldownOptions,
  cooldown,
  type InfiniteOptions,
  type InfiniteTasksOptions,
  infinite,
  infiniteTasks,
} from "./trunk.ts";
export type { WarmupOffset } from "./words.ts";
