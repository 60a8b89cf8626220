/** Update rules and gradient transforms. */
export { type AdamwOptions, adamw } from "./adamw.ts";
export { chain } from "./chain.ts";
export { type AdaptiveClipOptions, adaptiveClip, type ClipOptions, clipByGlobalNorm, clipByNorm, clipByValue } from "./clip.ts";
export type { Group, Optimizer, Results, TensorInputs, Transform, UpdateInputs, UpdateResult } from "./optimizer.ts";
export { type SgdOptions, sgd } from "./sgd.ts";
