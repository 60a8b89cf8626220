/** Methods of continual learning. */

export { type FecamOptions, fecam } from "./fecam.ts";
export { type PseudoOptions, pseudoFeatures } from "./fetril.ts";
export type {
  Detector,
  Facts,
  HostFold,
  HostHead,
  HostServices,
  Linear,
  Numbers,
  NumbersSpec,
  RowFact,
  Seen,
  Signal,
} from "./host.ts";
export { type KalmanOptions, kalman } from "./kalman.ts";
export { adopt, type KnnOptions, knn } from "./knn.ts";
export { type LdaOptions, lda } from "./lda.ts";
export { type NcmOptions, ncm } from "./ncm.ts";
export { type RanpacOptions, ranpac } from "./ranpac.ts";
export { type ReplayOptions, replay } from "./replay.ts";
export { type RidgeOptions, ridge } from "./ridge.ts";
export { type SldaOptions, slda } from "./slda.ts";
export type { Drawn, HostContext, Needs, RowGroup, Strategy, Term, TermContext } from "./strategy.ts";
export { mergeNumbers } from "./sums.ts";
