/** Methods of continual learning. */

export type { Linear } from "../wasm/linear.ts";
export { type AdaptiveReplayOptions, adaptiveReplay } from "./adaptivereplay.ts";
export { type AgemOptions, agem } from "./agem.ts";
export { type CalOptions, cal } from "./cal.ts";
export { type DerOptions, der } from "./der.ts";
export { type EfficientMerOptions, efficientMer } from "./efficientmer.ts";
export { type EmaOptions, ema } from "./ema.ts";
export { type ErAceOptions, erAce } from "./erace.ts";
export { type EwcOptions, ewc, type Fisher } from "./ewc.ts";
export { type FpfOptions, type FpfPart, fpf, sensitivities } from "./fpf.ts";
export { type GdumbOptions, gdumb } from "./gdumb.ts";
export { type GemOptions, gem } from "./gem.ts";
export { type GssOptions, gss } from "./gss.ts";
export type {
  Detector,
  Facts,
  HostFold,
  HostHead,
  HostServices,
  Numbers,
  NumbersSpec,
  RowFact,
  Seen,
  Signal,
} from "./host.ts";
export { type HpcrOptions, hpcr } from "./hpcr.ts";
export { type L2Options, l2 } from "./l2.ts";
export { type LwfOptions, lwf } from "./lwf.ts";
export { type MerOptions, mer } from "./mer.ts";
export { type MirOptions, mir } from "./mir.ts";
export { type PcrOptions, pcr } from "./pcr.ts";
export { type PowerLawReplayOptions, powerLawReplay } from "./powerlawreplay.ts";
export { type RefreshOptions, refresh } from "./refresh.ts";
export { type ReplayOptions, replay } from "./replay.ts";
export { type SiOptions, si } from "./si.ts";
export type { Drawn, HostContext, RowGroup, Strategy, Term, TermContext } from "./strategy.ts";
export { type SubmodularOptions, type SubmodularSubset, submodularSubset } from "./submodular.ts";
export { type UerOptions, uer } from "./uer.ts";
export { type ViewBatchOptions, viewBatch } from "./viewbatch.ts";
