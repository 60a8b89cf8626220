import { checkKeys } from "../errors.ts";
import { type AnytimeOptions, anytime } from "./anytime.ts";
import { cumulative } from "./cumulative.ts";
import type { FactOf, LayerPlasticity } from "./facts.ts";
import type { Figure } from "./figure.ts";
import { figure } from "./figure.ts";
import { cost, flips } from "./flips.ts";
import { stability } from "./gap.ts";
import { type Experts, lifelong } from "./lifelong.ts";
import type { FactLog } from "./log.ts";
import { type PrequentialOptions, prequential } from "./prequential.ts";
import { standing } from "./standing.ts";
import { type Timeline, timelineOf } from "./timeline.ts";

/** What figures are computed with, beside the log. */
export interface FigureOptions extends AnytimeOptions, PrequentialOptions {
  /** Accuracy on each task, in the order of its learning, of a model trained on all tasks at once. */
  readonly joint?: readonly (number | null)[];
  /** Accuracies over time of an expert for each task, trained on it alone and asked as often. */
  readonly experts?: Experts;
}

/**
 * Returns every figure that a log defines, each in its variants, and of each that it does not define the reason.
 * @throws E_CONFIG
 */
export function figuresOf(log: FactLog, options: FigureOptions = {}): Figure[] {
  checkKeys("metrics.figuresOf", options, ["joint", "experts", "windows", "beta", "window", "fading"]);
  const { window, fading } = options;
  const timeline = timelineOf(log);
  return [
    ...timelineFigures(timeline, options),
    ...cumulative(timeline),
    ...prequential(log.of("prequential"), { ...(window !== undefined && { window }), ...(fading !== undefined && { fading }) }),
    ...flips(log.of("flips")),
    ...plasticityFigures(log.of("plasticity")),
    ...cost(log.of("step"), log.of("cost")),
  ];
}

/** Returns the figures that need no more than accuracies over time and after each task. */
export function timelineFigures(timeline: Omit<Timeline, "cumulative">, options: FigureOptions = {}): Figure[] {
  return [
    ...standing(timeline, options.joint),
    ...anytime(timeline, options),
    ...stability(timeline),
    ...lifelong(timeline, options.experts),
  ];
}

/** Returns what the last probe found in each layer. */
function plasticityFigures(facts: readonly FactOf<"plasticity">[]): Figure[] {
  const layers = facts.at(-1)?.layers ?? [];
  const silent = "no unit is active";
  const of = (layer: LayerPlasticity): Figure[] => [
    figure("deadUnits", layer.layer, layer.dead / layer.units),
    figure("dormantUnits", `${layer.layer}, τ ${layer.tau}`, layer.dormant / layer.units),
    figure("effectiveRank", layer.layer, layer.effectiveRank ?? silent),
    figure("approximateRank", `${layer.layer}, squares`, layer.approximateRank ?? silent),
    figure("approximateRank", `${layer.layer}, values`, layer.absoluteRank ?? silent),
    figure("stableRank", layer.layer, layer.stableRank ?? silent),
    figure("weightMagnitude", layer.layer, layer.weightMagnitude ?? "no weights were given"),
  ];
  return layers.flatMap(of);
}
