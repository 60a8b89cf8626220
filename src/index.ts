/** The public names of Palimpsest. */

import { classBalanced, reservoir } from "./memory/policies.ts";
import * as metrics from "./metrics/index.ts";
import * as nn from "./nn/index.ts";
import { binaryCrossEntropy, cosineDistance, crossEntropy, huber, meanSquaredError } from "./nn/loss.ts";
import { adamw } from "./optim/adamw.ts";
import { chain, clipByGlobalNorm } from "./optim/clip.ts";
import { constant, cosine, infinite, rewarm } from "./optim/schedules.ts";
import { sgd } from "./optim/sgd.ts";
import * as tensor from "./program/tensor.ts";
import { replay } from "./strategy/index.ts";
import * as streams from "./stream/index.ts";

export {
  type CompiledFunction,
  openRuntime,
  type Runtime,
  type RuntimeEvent,
  type RuntimeInfo,
  type RuntimeOptions,
  type Signature,
} from "./backend/runtime.ts";
export { type ErrorCode, errorCodes, PalimpsestError } from "./errors.ts";
export type { InputSpec, LearnerOptions } from "./learner/config.ts";
export type { LearnerEvents, StepResult } from "./learner/events.ts";
export { type Evaluation, Learner, type Prediction, type PredictOptions } from "./learner/learner.ts";
export type { MemoryPolicy } from "./memory/policy.ts";
export type { Layer, LayerConfig } from "./nn/layer.ts";
export type { Loss } from "./nn/loss.ts";
export type { Optimizer } from "./optim/optimizer.ts";
export type { Schedule } from "./optim/schedules.ts";
export type { Graph, Tensor } from "./program/graph.ts";
export { readSafetensors, type Safetensors, type Store, type StoredTensor, stores, writeSafetensors } from "./store/index.ts";
export type { Drawn, HostContext, RowGroup, Strategy, Term, TermContext } from "./strategy/index.ts";
export type { Batch, Dataset, Scenario, Stream } from "./stream/index.ts";
export { metrics, nn, streams, tensor };

/** What a learner makes small; the same over tensors are functions of {@link nn}. */
export const losses: {
  binaryCrossEntropy: typeof binaryCrossEntropy;
  cosineDistance: typeof cosineDistance;
  crossEntropy: typeof crossEntropy;
  huber: typeof huber;
  meanSquaredError: typeof meanSquaredError;
} = { binaryCrossEntropy, cosineDistance, crossEntropy, huber, meanSquaredError };

/** Update rules and gradient transforms. */
export const optim: { adamw: typeof adamw; chain: typeof chain; clipByGlobalNorm: typeof clipByGlobalNorm; sgd: typeof sgd } = {
  adamw,
  chain,
  clipByGlobalNorm,
  sgd,
};

/** Learning-rate schedules. */
export const schedules: { constant: typeof constant; cosine: typeof cosine; infinite: typeof infinite; rewarm: typeof rewarm } = {
  constant,
  cosine,
  infinite,
  rewarm,
};

/** Which rows a replay memory keeps. */
export const memory: { classBalanced: typeof classBalanced; reservoir: typeof reservoir } = { classBalanced, reservoir };

/** Methods of continual learning. */
export const strategies: { replay: typeof replay } = { replay };
