/** Controllers: rates that follow what training shows. Their states are plain data; saved and read back they go on bit for bit. */
export { type AutoLrsObservation, type AutoLrsOptions, type AutoLrsState, autoLrs } from "./autolrs.ts";
export type { Controller } from "./controller.ts";
export {
  type Alignment,
  alignment,
  type ClientObservation,
  type ClientState,
  type FedHyperClientOptions,
  type FedHyperOptions,
  type FedHyperState,
  fedHyper,
  fedHyperClient,
  type HypergradientOptions,
  hypergradient,
  type Normalization,
  type RateState,
} from "./hyper.ts";
export {
  candidateRate,
  type HomeostaticObservation,
  type HomeostaticOptions,
  homeostatic,
  type PlateauOptions,
  type PlateauState,
  plateau,
} from "./plateau.ts";
export { type NormRecord, type NormRecorder, normRecorder } from "./recorder.ts";
export { type GradientMoments, optimalBaseline, type SignalToNoiseOptions, type SignalToNoiseState, signalToNoise } from "./signal.ts";
