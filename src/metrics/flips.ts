import type { CostFact, FlipsFact, StepFact } from "./facts.ts";
import type { Figure } from "./figure.ts";
import { figure } from "./figure.ts";

/**
 * Returns the share of all answers that were right under the model before and are wrong now (rate), and their share of what is wrong now
 * (impact), over all comparisons together.
 * @see Yan et al. 2021, "Positive-congruent training: towards regression-free model updates"; awslabs/Renate
 */
export function flips(facts: readonly FlipsFact[]): Figure[] {
  const total = (of: (fact: FlipsFact) => number): number => facts.reduce((sum, fact) => sum + of(fact), 0);
  const flipped = total((fact) => fact.flipped.length);
  const wrong = total((fact) => fact.wrong);
  const none = facts.length === 0 ? "answers were not compared with those of the model before" : undefined;
  return [
    figure("negativeFlipRate", "pooled", none ?? flipped / total((fact) => fact.rows)),
    figure("negativeFlipImpact", "pooled", none ?? (wrong === 0 ? "nothing is wrong now" : flipped / wrong)),
  ];
}

/** Returns steps per second of the steps that were timed, the time of evaluations relative to that of steps, and bytes by what holds them. */
export function cost(steps: readonly StepFact[], costs: readonly CostFact[]): Figure[] {
  const last = costs.at(-1);
  const timed = steps.flatMap(({ ms }) => ms ?? []);
  const count = last?.steps ?? timed.length;
  const ms = last?.ms ?? timed.reduce((sum, value) => sum + value, 0);
  const none = count === 0 || ms === 0 ? "no step was timed" : undefined;
  return [
    figure("stepsPerSecond", "", none ?? (1000 * count) / ms),
    figure("evaluationShare", "", none ?? (last?.evaluationMs === undefined ? "evaluations were not timed" : last.evaluationMs / ms)),
    ...Object.entries(last?.bytes ?? {}).map(([name, bytes]) => figure("bytes", name, bytes)),
  ];
}
