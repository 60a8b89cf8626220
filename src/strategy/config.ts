/** Strategies by the names and options that checkpoints keep. */
import { fail, nearestName } from "../errors.ts";
import { agem } from "./agem.ts";
import { balancedEma } from "./balancedema.ts";
import { centerLoss } from "./centerloss.ts";
import { continualBackprop } from "./continualbackprop.ts";
import { der } from "./der.ts";
import { detect } from "./detect.ts";
import { ema } from "./ema.ts";
import { erAce } from "./erace.ts";
import { ewc } from "./ewc.ts";
import { featureDistillation } from "./featuredistillation.ts";
import { fecam } from "./fecam.ts";
import { kalman } from "./kalman.ts";
import { knn } from "./knn.ts";
import { l2 } from "./l2.ts";
import { lda } from "./lda.ts";
import { lwf } from "./lwf.ts";
import { mas } from "./mas.ts";
import { merge } from "./merge.ts";
import { mir } from "./mir.ts";
import { ncm } from "./ncm.ts";
import { normalizeProject } from "./normalizeproject.ts";
import { rankOneFisher } from "./rankone.ts";
import { ranpac } from "./ranpac.ts";
import { redo } from "./redo.ts";
import { replay } from "./replay.ts";
import { ridge } from "./ridge.ts";
import { shrinkPerturb } from "./shrinkperturb.ts";
import { si } from "./si.ts";
import { slda } from "./slda.ts";
import { spectral } from "./spectral.ts";
import type { Strategy } from "./strategy.ts";
import { taskMask } from "./taskmask.ts";
import { wasserstein } from "./wasserstein.ts";
import { weightInterpolation } from "./weightinterpolation.ts";

/** Factories by name. */
export const factories: Readonly<Record<string, (options: never) => Strategy>> = {
  agem,
  balancedEma,
  centerLoss,
  continualBackprop,
  der,
  detect,
  ema,
  erAce,
  ewc,
  featureDistillation,
  fecam,
  kalman,
  knn,
  l2,
  lda,
  lwf,
  mas,
  merge,
  mir,
  ncm,
  normalizeProject,
  rankOneFisher,
  ranpac,
  redo,
  replay,
  ridge,
  shrinkPerturb,
  si,
  slda,
  spectral,
  taskMask,
  wasserstein,
  weightInterpolation,
};

/** Returns the strategy of a name and config. @throws E_UNSUPPORTED */
export function strategyFrom(name: string, config: Readonly<Record<string, unknown>>): Strategy {
  const make = Object.hasOwn(factories, name) ? factories[name] : undefined;
  if (make !== undefined) return make(config as never);
  const near = nearestName(name, Object.keys(factories));
  return fail(
    "E_UNSUPPORTED",
    `strategies: no strategy called "${name}"; expected one of ${Object.keys(factories).join(", ")}, got "${name}"`,
    {
      hint: near === undefined ? "Pass strategies of your own when opening a checkpoint." : `Did you mean "${near}"?`,
    },
  );
}
