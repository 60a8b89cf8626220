/** The public names of Palimpsest. */
export type { CompiledFunction, CompileOptions, Signature } from "./backend/function.ts";
export type { Measured } from "./backend/measure.ts";
export { openRuntime, type Runtime, type RuntimeEvent, type RuntimeInfo, type RuntimeOptions } from "./backend/runtime.ts";
export { type ErrorCode, errorCodes, PalimpsestError } from "./errors.ts";
export type { Prediction, PredictOptions } from "./learner/answers.ts";
export type { HandedStep } from "./learner/channel.ts";
export type { InputSpec, LearnerOptions } from "./learner/config.ts";
export type { LearnerPlan } from "./learner/engine.ts";
export type { EvaluateOptions, Evaluation } from "./learner/evaluate.ts";
export type { LearnerEvents, SkippedStep, StepResult } from "./learner/events.ts";
export { Follower } from "./learner/follow.ts";
export type { ForgetOptions, ForgetRows, Forgotten, RowsWhere } from "./learner/forget.ts";
export { Learner } from "./learner/learner.ts";
export type { LearnerMemory } from "./learner/remember.ts";
export type { LearnerMemoryStats } from "./learner/stats.ts";
export type { GroupStats, MemoryStats } from "./memory/census.ts";
export type { MemoryBatch, MemoryColumn, MemoryColumnSpec, MemoryColumns, MemoryDtype, MemoryRows } from "./memory/columns.ts";
export type { DrawPolicy } from "./memory/draw.ts";
export * as draws from "./memory/draws.ts";
export { type Forgettable, type Memory, type MemoryDrawn, type MemoryRow, openMemory } from "./memory/memory.ts";
export * as memory from "./memory/policies.ts";
export type { MemoryPolicy } from "./memory/policy.ts";
export type { OpenMemoryOptions } from "./memory/setup.ts";
export * as metrics from "./metrics/index.ts";
export * as schedules from "./metrics/schedules.ts";
export * as nn from "./nn/index.ts";
export type { Layer, LayerConfig } from "./nn/layer.ts";
export type { Loss } from "./nn/loss.ts";
export * as losses from "./nn/loss.ts";
export * as batching from "./optim/batching.ts";
export * as controllers from "./optim/controllers.ts";
export * as optim from "./optim/index.ts";
export type { Optimizer } from "./optim/optimizer.ts";
export * as planners from "./optim/planners.ts";
export type { Schedule, ScheduleConfig } from "./optim/schedules.ts";
export type { Graph, Tensor } from "./program/graph.ts";
export * as tensor from "./program/tensor.ts";
export {
  type RepairOptions,
  readSafetensors,
  repairStore,
  type Safetensors,
  type Store,
  type StoredTensor,
  type Survey,
  stores,
  surveyStore,
  writeSafetensors,
} from "./store/index.ts";
export * as augment from "./strategy/augment.ts";
export * as detectors from "./strategy/detectors.ts";
export type { Drawn, HostContext, RowGroup, Strategy, Term, TermContext } from "./strategy/index.ts";
export * as strategies from "./strategy/index.ts";
export type { Batch, Dataset, Scenario, Stream } from "./stream/index.ts";
export * as streams from "./stream/index.ts";
