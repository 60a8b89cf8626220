/** Update rules and gradient transforms. */
export { type AdamwOptions, adamw } from "./adamw.ts";
export { type ClipOptions, chain, clipByGlobalNorm } from "./clip.ts";
export type { GradientScale, Optimizer, UpdateInputs, UpdateResult } from "./optimizer.ts";
export { type SgdOptions, sgd } from "./sgd.ts";
