/** Methods of continual learning. */

export type { Linear } from "../wasm/linear.ts";
export { type AgemOptions, agem } from "./agem.ts";
export { type BalancedEmaOptions, balancedEma } from "./balancedema.ts";
export { type CenterLossOptions, centerLoss } from "./centerloss.ts";
export { type ContinualBackpropOptions, continualBackprop } from "./continualbackprop.ts";
export { type DerOptions, der } from "./der.ts";
export { type EmaOptions, ema } from "./ema.ts";
export { type ErAceOptions, erAce } from "./erace.ts";
export { type EwcOptions, ewc, type Fisher } from "./ewc.ts";
export { type FeatureDistillationOptions, featureDistillation } from "./featuredistillation.ts";
export type {
  Detector,
  Facts,
  HostFold,
  HostHead,
  HostServices,
  ModelFacts,
  Numbers,
  NumbersSpec,
  RowFact,
  Seen,
  Signal,
  UnitLayer,
} from "./host.ts";
export { type L2Options, l2 } from "./l2.ts";
export { type LwfOptions, lwf } from "./lwf.ts";
export { type MasOptions, mas } from "./mas.ts";
export { type MergeAtBoundariesOptions, merge } from "./merge.ts";
export { type MergeMethod, type MergeOptions, mergeModels } from "./merging.ts";
export { type MirOptions, mir } from "./mir.ts";
export { type NormalizeProjectOptions, normalizeProject } from "./normalizeproject.ts";
export { type RankOneFisherOptions, rankOneFisher } from "./rankone.ts";
export { type RedoOptions, redo } from "./redo.ts";
export { type ReplayOptions, replay } from "./replay.ts";
export { type ShrinkPerturbOptions, shrinkPerturb } from "./shrinkperturb.ts";
export { type SiOptions, si } from "./si.ts";
export { type SpectralOptions, spectral } from "./spectral.ts";
export type { Drawn, HostContext, RowGroup, Strategy, Term, TermContext } from "./strategy.ts";
export { type WassersteinOptions, wasserstein } from "./wasserstein.ts";
export { type WeightInterpolationOptions, weightInterpolation } from "./weightinterpolation.ts";
