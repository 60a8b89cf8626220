/** Every update rule and transform by its name, to make one again from plain data. */
import { adamw } from "./adamw.ts";
import * as clips from "./clip.ts";
import type { Optimizer, Transform } from "./optimizer.ts";
import { sgd } from "./sgd.ts";

/** Update rules by name. */
export const rules: Readonly<Record<string, (options: never) => Optimizer>> = { adamw, sgd };

/** Transforms by name. */
export const transforms: Readonly<Record<string, (options: never) => Transform>> = {
  adaptiveClip: clips.adaptiveClip,
  clipByGlobalNorm: clips.clipByGlobalNorm,
  clipByNorm: clips.clipByNorm,
  clipByValue: clips.clipByValue,
};
