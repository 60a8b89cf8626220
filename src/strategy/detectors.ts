/** Detectors of change in a stream of losses or errors. What they are told is as it was before the step, or drift stays hidden. */
import { fail, nearestName } from "../errors.ts";
import { adwin } from "./adwin.ts";
import { bocpd } from "./bocpd.ts";
import { cusum } from "./cusum.ts";
import { ddm } from "./ddm.ts";
import type { Detector } from "./host.ts";
import { lossDeviation } from "./lossdeviation.ts";
import { pageHinkley } from "./pagehinkley.ts";

export { type AdwinOptions, adwin } from "./adwin.ts";
export { type BocpdOptions, bocpd } from "./bocpd.ts";
export { type CusumOptions, cusum } from "./cusum.ts";
export { type DdmOptions, ddm } from "./ddm.ts";
export { type LossDeviationOptions, lossDeviation } from "./lossdeviation.ts";
export { type PageHinkleyOptions, pageHinkley } from "./pagehinkley.ts";

const makers = { adwin, bocpd, cusum, ddm, lossDeviation, pageHinkley } as unknown as Readonly<
  Record<string, (config: Readonly<Record<string, unknown>>) => Detector>
>;

/** Returns the detector of a name and config, as checkpoints keep them. @throws E_UNSUPPORTED, E_CONFIG */
export function detectorFrom(name: string, config: Readonly<Record<string, unknown>>): Detector {
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (make !== undefined) return make(config);
  const names = Object.keys(makers);
  const near = nearestName(name, names);
  return fail("E_UNSUPPORTED", `detectors: no detector is called "${name}"; expected one of ${names.join(", ")}, got "${name}"`, {
    hint: near === undefined ? "Pass detectors of your own when opening a checkpoint." : `Did you mean "${near}"?`,
  });
}
