/**
 * Figures of accuracy over time. "Asked" below are the evaluations of a task in order; they are as fine as these were frequent.
 * @see De Lange et al. 2023, "Continual evaluation for lifelong learning: identifying the stability gap"
 */
import type { CurvePoint } from "./curve.ts";
import { anytimeAccuracy } from "./curve.ts";
import type { Figure, Value } from "./figure.ts";
import { average, figure } from "./figure.ts";
import { known } from "./matrix.ts";
import { irregular, notAsked } from "./standing.ts";
import type { Timeline } from "./timeline.ts";

/** What curves are read with. */
export type Curves = Pick<Timeline, "blocks" | "boundaries" | "curve">;

/** Options of {@link anytime}. */
export interface AnytimeOptions {
  /** Evaluations in a window of WF and WP. Default 10 and 100. */
  readonly windows?: readonly number[];
  /** Updates of a learning curve. Default 10. */
  readonly beta?: number;
}

/** Returns the accuracies of a task among points. */
export function askedOf(points: readonly CurvePoint[], task: number): number[] {
  return points.flatMap(({ accuracies }) => known(accuracies[task]) ?? []);
}

/** Returns the points after one step, up to and with another. */
export function between(curve: readonly CurvePoint[], after: number, upto: number = Number.POSITIVE_INFINITY): CurvePoint[] {
  return curve.filter(({ step }) => step > after && step <= upto);
}

/** Returns the figures of accuracy over time. */
export function anytime(curves: Curves, { windows = [10, 100], beta = 10 }: AnytimeOptions = {}): Figure[] {
  const { curve, boundaries } = curves;
  const odd = irregular(curves);
  const over = boundaries.length;
  const windowed = (size: number, rising: boolean): Value =>
    average(
      boundaries.map((_, j) =>
        steepest(
          askedOf(
            curve.filter(({ step }) => step >= (boundaries[j - 1] ?? 0)),
            j,
          ),
          size,
          rising,
        ),
      ),
      notAsked,
    );
  const lowest = boundaries.slice(0, -1).map((end, j): Value => {
    const asked = askedOf(between(curve, end), j);
    return asked.length === 0 ? notAsked : asked.reduce((low, value) => Math.min(low, value));
  });
  const minimum = over < 2 ? "there are fewer than two tasks" : average(lowest, notAsked);
  return [
    figure(
      "anytimeAccuracy",
      "",
      odd ??
        anytimeAccuracy(
          curve.filter(({ step }) => step > 0),
          boundaries,
        ) ??
        notAsked,
    ),
    figure("minAccuracy", "oldTasks", odd ?? minimum),
    figure("worstCaseAccuracy", "end", odd ?? worstCase(curves, lowest)),
    ...windows.map((size) => figure("windowedForgetting", `w${size}`, odd ?? windowed(size, false))),
    ...windows.map((size) => figure("windowedPlasticity", `w${size}`, odd ?? windowed(size, true))),
    figure("learningCurveArea", `withStart@${beta}`, odd ?? learningCurveArea(curves, 0, beta)),
    figure("learningCurveArea", `updates@${beta}`, odd ?? learningCurveArea(curves, 1, beta)),
  ];
}

/** Returns the mean of the last accuracy on the last task and the lowest on each before: A/k + (1 − 1/k)·min-ACC. */
function worstCase({ curve, boundaries }: Curves, lowest: readonly Value[]): Value {
  const current = askedOf(curve, boundaries.length - 1).at(-1);
  return current === undefined ? notAsked : average([...lowest, current], notAsked);
}

/** Returns the largest fall, or rise, from one of the values to a later one less than `size` places on; 0 where there is none. */
function steepest(values: readonly number[], size: number, rising: boolean): Value {
  if (values.length === 0) return notAsked;
  let most = 0;
  for (const [i, value] of values.entries()) {
    for (let j = i + 1; j < Math.min(i + size, values.length); j++) {
      const change = (values[j] as number) - value;
      most = Math.max(most, rising ? change : -change);
    }
  }
  return most;
}

/**
 * Returns the mean over tasks of the mean accuracy on a task after each of its updates from `first` to `beta`.
 * @see Chaudhry et al. 2019, "Efficient lifelong learning with A-GEM", definition 3
 */
function learningCurveArea({ curve, boundaries }: Curves, first: number, beta: number): Value {
  const at = new Map(curve.map(({ step, accuracies }) => [step, accuracies]));
  const updates = Array.from({ length: beta + 1 - first }, (_, b) => first + b);
  const areas = boundaries.map((_, j): Value => {
    const values = updates.map((b) => known(at.get((boundaries[j - 1] ?? 0) + b)?.[j]) ?? "");
    return values.includes("") ? `a task was not evaluated after each of its first ${beta} updates` : average(values, notAsked);
  });
  return average(areas, notAsked);
}
