/** Strategies by the names and options that checkpoints keep. */
import { fail, nearestName } from "../errors.ts";
import { adaptiveReplay } from "./adaptivereplay.ts";
import { agem } from "./agem.ts";
import { cal } from "./cal.ts";
import { der } from "./der.ts";
import { detect } from "./detect.ts";
import { efficientMer } from "./efficientmer.ts";
import { ema } from "./ema.ts";
import { erAce } from "./erace.ts";
import { ewc } from "./ewc.ts";
import { fecam } from "./fecam.ts";
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
import { mer } from "./mer.ts";
import { mir } from "./mir.ts";
import { ncm } from "./ncm.ts";
import { pcr } from "./pcr.ts";
import { powerLawReplay } from "./powerlawreplay.ts";
import { ranpac } from "./ranpac.ts";
import { refresh } from "./refresh.ts";
import { replay } from "./replay.ts";
import { ridge } from "./ridge.ts";
import { si } from "./si.ts";
import { slda } from "./slda.ts";
import type { Strategy } from "./strategy.ts";
import { taskMask } from "./taskmask.ts";
import { uer } from "./uer.ts";
import { viewBatch } from "./viewbatch.ts";

/** Factories by name. */
export const factories: Readonly<Record<string, (options: never) => Strategy>> = {
  adaptiveReplay,
  agem,
  cal,
  der,
  detect,
  efficientMer,
  ema,
  erAce,
  ewc,
  fecam,
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
  mer,
  mir,
  ncm,
  pcr,
  powerLawReplay,
  ranpac,
  refresh,
  replay,
  ridge,
  si,
  slda,
  taskMask,
  uer,
  viewBatch,
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
