/** Strategies by the names and options that checkpoints keep. */
import { fail, nearestName } from "../errors.ts";
import { adaptiveReplay } from "./adaptivereplay.ts";
import { agem } from "./agem.ts";
import { balancedEma } from "./balancedema.ts";
import { cal } from "./cal.ts";
import { centerLoss } from "./centerloss.ts";
import { continualBackprop } from "./continualbackprop.ts";
import { der } from "./der.ts";
import { detect } from "./detect.ts";
import { efficientMer } from "./efficientmer.ts";
import { ema } from "./ema.ts";
import { energy } from "./energy.ts";
import { erAce } from "./erace.ts";
import { ewc } from "./ewc.ts";
import { featureDistillation } from "./featuredistillation.ts";
import { fecam } from "./fecam.ts";
import { fetril } from "./fetril.ts";
import { firstSession } from "./firstsession.ts";
import { fpf } from "./fpf.ts";
import { gdumb } from "./gdumb.ts";
import { gem } from "./gem.ts";
import { gss } from "./gss.ts";
import { hpcr } from "./hpcr.ts";
import { kalman } from "./kalman.ts";
import { knn } from "./knn.ts";
import { l2 } from "./l2.ts";
import { lda } from "./lda.ts";
import { lwf } from "./lwf.ts";
import { mas } from "./mas.ts";
import { mer } from "./mer.ts";
import { merge } from "./merge.ts";
import { mir } from "./mir.ts";
import { ncm } from "./ncm.ts";
import { normalizeProject } from "./normalizeproject.ts";
import { pcr } from "./pcr.ts";
import { powerLawReplay } from "./powerlawreplay.ts";
import { rankOneFisher } from "./rankone.ts";
import { ranpac } from "./ranpac.ts";
import { redo } from "./redo.ts";
import { refresh } from "./refresh.ts";
import { replay } from "./replay.ts";
import { ridge } from "./ridge.ts";
import { shrinkPerturb } from "./shrinkperturb.ts";
import { si } from "./si.ts";
import { slca } from "./slca.ts";
import { slda } from "./slda.ts";
import { spectral } from "./spectral.ts";
import type { Strategy } from "./strategy.ts";
import { taskMask } from "./taskmask.ts";
import { uer } from "./uer.ts";
import { viewBatch } from "./viewbatch.ts";
import { wasserstein } from "./wasserstein.ts";
import { weightInterpolation } from "./weightinterpolation.ts";

/** Factories by name. */
export const factories: Readonly<Record<string, (options: never) => Strategy>> = {
  adaptiveReplay,
  agem,
  balancedEma,
  cal,
  centerLoss,
  continualBackprop,
  der,
  detect,
  efficientMer,
  ema,
  energy,
  erAce,
  ewc,
  featureDistillation,
  fecam,
  fetril,
  firstSession,
  fpf,
  gdumb,
  gem,
  gss,
  hpcr,
  kalman,
  knn,
  l2,
  lda,
  lwf,
  mas,
  mer,
  merge,
  mir,
  ncm,
  normalizeProject,
  pcr,
  powerLawReplay,
  rankOneFisher,
  ranpac,
  redo,
  refresh,
  replay,
  ridge,
  shrinkPerturb,
  si,
  slca,
  slda,
  spectral,
  taskMask,
  uer,
  viewBatch,
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
