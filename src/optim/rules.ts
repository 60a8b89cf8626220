/** Every update rule and transform by its name, to make one again from plain data. */
import { accumulate } from "./accumulate.ts";
import { adabelief } from "./adabelief.ts";
import { adafactor } from "./adafactor.ts";
import { adagrad, adagradNorm } from "./adagrad.ts";
import { adam } from "./adam.ts";
import { adamw } from "./adamw.ts";
import { averageWeights, lookahead } from "./average.ts";
import { classp } from "./classp.ts";
import { adaptiveClip, clipByGlobalNorm, clipByNorm, clipByValue } from "./clip.ts";
import { dadaptAdam, dadaptSgd } from "./dadapt.ts";
import { decoupledDecay, perGroup } from "./decoupled.ts";
import { dog } from "./dog.ts";
import { exadam } from "./exadam.ts";
import { hypergradientSgd } from "./hypergradient.ts";
import { lamb } from "./lamb.ts";
import { lars, tvlars } from "./lars.ts";
import { lion } from "./lion.ts";
import { muon } from "./muon.ts";
import { nadam } from "./nadam.ts";
import { nadamw } from "./nadamw.ts";
import { saddleFreeNewton } from "./newton.ts";
import { gradientNoise } from "./noise.ts";
import type { Optimizer, Transform } from "./optimizer.ts";
import { prodigy } from "./prodigy.ts";
import { project } from "./project.ts";
import { sharpnessAware } from "./sam.ts";
import { scheduleFreeAdamw, scheduleFreeSgd } from "./schedulefree.ts";
import { sgd } from "./sgd.ts";
import { sgdSai } from "./sgdsai.ts";
import { adaUpgd, upgd } from "./upgd.ts";

/** Update rules by name. */
export const rules: Readonly<Record<string, (options: never) => Optimizer>> = {
  ...{ adabelief, adafactor, adagrad, adagradNorm, adam, adamw, adaUpgd, classp, dadaptAdam, dadaptSgd, dog, exadam, hypergradientSgd },
  ...{ lamb, lars, lion, muon, nadam, nadamw, prodigy, saddleFreeNewton, scheduleFreeAdamw, scheduleFreeSgd, sgd, sgdSai, tvlars, upgd },
};

/** Transforms by name. */
export const transforms: Readonly<Record<string, (options: never) => Transform>> = {
  ...{ accumulate, adaptiveClip, averageWeights, clipByGlobalNorm, clipByNorm, clipByValue },
  ...{ decoupledDecay, gradientNoise, lookahead, perGroup, project, sharpnessAware },
};
