/** Methods of continual learning. */

export type { Linear } from "../wasm/linear.ts";
export { type AdaptiveReplayOptions, adaptiveReplay } from "./adaptivereplay.ts";
export { type AgemOptions, agem } from "./agem.ts";
export { type BalancedEmaOptions, balancedEma } from "./balancedema.ts";
export { type CalOptions, cal } from "./cal.ts";
export { type CenterLossOptions, centerLoss } from "./centerloss.ts";
export { type ContinualBackpropOptions, continualBackprop } from "./continualbackprop.ts";
export { type DerOptions, der } from "./der.ts";
export { type DetectOptions, detect } from "./detect.ts";
export { type EfficientMerOptions, efficientMer } from "./efficientmer.ts";
export { type EmaOptions, ema } from "./ema.ts";
export { energy } from "./energy.ts";
export { type ErAceOptions, erAce } from "./erace.ts";
export { type EwcOptions, ewc, type Fisher } from "./ewc.ts";
export { type FeatureDistillationOptions, featureDistillation } from "./featuredistillation.ts";
export { type FecamOptions, fecam } from "./fecam.ts";
export { type FetrilOptions, fetril, type PseudoOptions, pseudoFeatures } from "./fetril.ts";
export { type FirstSessionOptions, firstSession } from "./firstsession.ts";
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
  ModelFacts,
  Numbers,
  NumbersSpec,
  RowFact,
  Seen,
  Signal,
  UnitLayer,
} from "./host.ts";
export { type HpcrOptions, hpcr } from "./hpcr.ts";
export { type KalmanOptions, kalman } from "./kalman.ts";
export { adopt, type KnnOptions, knn } from "./knn.ts";
export { type L2Options, l2 } from "./l2.ts";
export { type LdaOptions, lda } from "./lda.ts";
export { type LwfOptions, lwf } from "./lwf.ts";
export { type MasOptions, mas } from "./mas.ts";
export { type MerOptions, mer } from "./mer.ts";
export { type MergeAtBoundariesOptions, merge } from "./merge.ts";
export { type MergeMethod, type MergeOptions, mergeModels } from "./merging.ts";
export { type MirOptions, mir } from "./mir.ts";
export { type NcmOptions, ncm } from "./ncm.ts";
export { type NormalizeProjectOptions, normalizeProject } from "./normalizeproject.ts";
export { type PcrOptions, pcr } from "./pcr.ts";
export { type PowerLawReplayOptions, powerLawReplay } from "./powerlawreplay.ts";
export { features, noRows, type PresetOptions, smallNet } from "./presets.ts";
export { type RankOneFisherOptions, rankOneFisher } from "./rankone.ts";
export { type RanpacOptions, ranpac } from "./ranpac.ts";
export { type RedoOptions, redo } from "./redo.ts";
export { type RefreshOptions, refresh } from "./refresh.ts";
export { type ReplayOptions, replay } from "./replay.ts";
export { type RidgeOptions, ridge } from "./ridge.ts";
export { type ShrinkPerturbOptions, shrinkPerturb } from "./shrinkperturb.ts";
export { type SiOptions, si } from "./si.ts";
export { type SlcaOptions, slca } from "./slca.ts";
export { type SldaOptions, slda } from "./slda.ts";
export { type SpectralOptions, spectral } from "./spectral.ts";
export type {
  Change,
  Cursor,
  Drawn,
  Edit,
  Forward,
  GradientContext,
  Head,
  HostContext,
  Kept,
  KeptColumn,
  Needs,
  Phase,
  PhaseContext,
  ProgramContext,
  ProgramInputs,
  ProgramOutputs,
  ProgramResult,
  RowGroup,
  SpaceContext,
  StepContext,
  Strategy,
  StrategyProgram,
  Term,
  TermContext,
  TraceContext,
  Trigger,
} from "./strategy.ts";
export { type SubmodularOptions, type SubmodularSubset, submodularSubset } from "./submodular.ts";
export { mergeNumbers } from "./sums.ts";
export { type TaskMaskOptions, taskMask } from "./taskmask.ts";
export { type UerOptions, uer } from "./uer.ts";
export { type ViewBatchOptions, viewBatch } from "./viewbatch.ts";
export { type WassersteinOptions, wasserstein } from "./wasserstein.ts";
export { type WeightInterpolationOptions, weightInterpolation } from "./weightinterpolation.ts";
