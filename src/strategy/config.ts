/** Strategies by the names and options that checkpoints keep. */
import { fail, nearestName } from "../errors.ts";
import { adaptiveReplay } from "./adaptivereplay.ts";
import { agem } from "./agem.ts";
import { cal } from "./cal.ts";
import { der } from "./der.ts";
import { efficientMer } from "./efficientmer.ts";
import { ema } from "./ema.ts";
import { erAce } from "./erace.ts";
import { ewc } from "./ewc.ts";
import { fpf } from "./fpf.ts";
import { gdumb } from "./gdumb.ts";
import { gem } from "./gem.ts";
import { gss } from "./gss.ts";
import { hpcr } from "./hpcr.ts";
import { l2 } from "./l2.ts";
import { lwf } from "./lwf.ts";
import { mer } from "./mer.ts";
import { mir } from "./mir.ts";
import { pcr } from "./pcr.ts";
import { powerLawReplay } from "./powerlawreplay.ts";
import { refresh } from "./refresh.ts";
import { replay } from "./replay.ts";
import { si } from "./si.ts";
import type { Strategy } from "./strategy.ts";
import { uer } from "./uer.ts";
import { viewBatch } from "./viewbatch.ts";

/** Factories by name. */
export const factories: Readonly<Record<string, (options: never) => Strategy>> = {
  adaptiveReplay,
  agem,
  cal,
  der,
  efficientMer,
  ema,
  erAce,
  ewc,
  fpf,
  gdumb,
  gem,
  gss,
  hpcr,
  l2,
  lwf,
  mer,
  mir,
  pcr,
  powerLawReplay,
  refresh,
  replay,
  si,
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
