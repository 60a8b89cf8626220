/** The rate that falls when a metric stops getting better. */
import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { type Controller, checkRate, controller, observed } from "./controller.ts";

/** Options of {@link plateau}. */
export interface PlateauOptions {
  /** The first rate. */
  readonly rate: number;
  /** Whether the metric is better when smaller ("min", default) or larger. */
  readonly mode?: "min" | "max";
  /** What the rate is multiplied by. Default 0.1. */
  readonly factor?: number;
  /** Observations without an improvement that are let pass. Default 10. */
  readonly patience?: number;
  /** Change below which a better metric is no improvement. Default 1e-4. */
  readonly threshold?: number;
  /** Whether the threshold is a share of the best metric ("relative", default) or a difference. */
  readonly thresholdMode?: "relative" | "absolute";
  /** Observations after a cut that are not counted. Default 0. */
  readonly cooldown?: number;
  /** Default 0. */
  readonly minRate?: number;
  /** A cut smaller than this is not made. Default 1e-8. */
  readonly eps?: number;
}

/** State of {@link plateau}; `best` is null before the first finite metric. */
export interface PlateauState {
  readonly rate: number;
  readonly best: number | null;
  readonly bad: number;
  readonly cooling: number;
}

/** Options of {@link homeostatic}. */
export interface HomeostaticOptions {
  /** The first rate. */
  readonly rate: number;
  /** σ, by which a sample raises or lowers the rate. Default rate/10. */
  readonly step?: number;
}

/** One sample that may change the rate. */
export interface HomeostaticObservation {
  /** What the sample does to the rate: 1 raises it, −1 lowers it. */
  readonly effect: 1 | -1;
  /** Accuracy on remembered samples after an update at the rate as it is. */
  readonly keep: number;
  /** Accuracy on them after an update at {@link candidateRate} of the effect the model expects. */
  readonly change: number;
}

/**
 * Returns a rate that is cut when a metric stops improving: the rule of torch's ReduceLROnPlateau. A metric that is not finite is no
 * improvement.
 * @throws E_CONFIG
 */
export function plateau(options: PlateauOptions): Controller<PlateauState, { readonly metric: number }> {
  const where = "controllers.plateau";
  const known = ["rate", "mode", "factor", "patience", "threshold", "thresholdMode", "cooldown", "minRate", "eps"];
  checkKeys(where, options, known);
  const rate = checkRate(where, options.rate);
  const mode = checkChoice(where, "mode", options.mode ?? "min", ["min", "max"]);
  const factor = checkNumber(where, "factor", options.factor ?? 0.1, { min: 0, max: 1, open: "max" });
  const patience = checkNumber(where, "patience", options.patience ?? 10, { min: 0, integer: true });
  const threshold = checkNumber(where, "threshold", options.threshold ?? 1e-4, { min: 0 });
  const thresholdMode = checkChoice(where, "thresholdMode", options.thresholdMode ?? "relative", ["relative", "absolute"]);
  const cooldown = checkNumber(where, "cooldown", options.cooldown ?? 0, { min: 0, integer: true });
  const minRate = checkNumber(where, "minRate", options.minRate ?? 0, { min: 0, max: rate });
  const eps = checkNumber(where, "eps", options.eps ?? 1e-8, { min: 0 });
  const sign = mode === "min" ? -1 : 1;
  const better = (metric: number, best: number) =>
    sign * metric > sign * (thresholdMode === "relative" ? best * (1 + sign * threshold) : best + sign * threshold);
  const config = { rate, mode, factor, patience, threshold, thresholdMode, cooldown, minRate, eps };
  const first: PlateauState = { rate, best: null, bad: 0, cooling: 0 };
  return controller<PlateauState, { readonly metric: number }>("plateau", config, first, (state, { metric }) => {
    const improves = Number.isFinite(metric) && (state.best === null || better(metric, state.best));
    const best = improves ? metric : state.best;
    const cooling = Math.max(state.cooling - 1, 0);
    const bad = improves || state.cooling > 0 ? 0 : state.bad + 1;
    if (bad <= patience) return { rate: state.rate, best, bad, cooling };
    const lower = Math.max(state.rate * factor, minRate);
    return { rate: state.rate - lower > eps ? lower : state.rate, best, bad: 0, cooling: cooldown };
  });
}

/**
 * Returns a rate that the model's own predictions govern: samples act on it as food or poison, and a change is taken where the model, had
 * it changed the rate as it expects, would know more of what it remembers. What is taken is the sample's true effect.
 * @throws E_CONFIG
 * @see Man et al. 2022, arXiv 2205.08645, where labels from 5 on raise the rate
 */
export function homeostatic(options: HomeostaticOptions): Controller<{ readonly rate: number }, HomeostaticObservation> {
  const where = "controllers.homeostatic";
  checkKeys(where, options, ["rate", "step"]);
  const rate = checkRate(where, options.rate);
  const step = checkNumber(where, "step", options.step ?? rate / 10, { min: 0 });
  return controller<{ readonly rate: number }, HomeostaticObservation>("homeostatic", { rate, step }, { rate }, (state, seen) => {
    const takes = observed(where, "change", seen.change) > observed(where, "keep", seen.keep);
    return takes ? { rate: candidateRate(state, seen.effect, step) } : state;
  });
}

/** Returns the rate a sample would lead to, never below 1e-8. @throws E_DATA */
export function candidateRate(state: { readonly rate: number }, effect: 1 | -1, step: number): number {
  const rate = state.rate + Math.sign(observed("controllers.candidateRate", "effect", effect)) * step;
  return rate < 0 ? 1e-8 : rate;
}
