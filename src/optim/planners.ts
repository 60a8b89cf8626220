/** Planners: what to expect of a schedule before the run. All their numbers are advice. Their Wasm is loaded when one is first asked. */
export {
  type Bound,
  type BoundOptions,
  bound,
  boundAt,
  type CooldownShape,
  type ExtendOptions,
  type Extension,
  extend,
  type TransferOptions,
  transfer,
} from "./bound.ts";
export { type Forecast, type ForecastOptions, forecast } from "./forecast.ts";
export { type AnnealingLaw, type FitLawOptions, fitLaw, type LossLaw, type MultiPowerLaw, type ObservedRun, predictLoss } from "./laws.ts";
export { type RefineOptions, refine } from "./refine.ts";
