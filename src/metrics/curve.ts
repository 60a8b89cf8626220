import { checkNumber, fail } from "../errors.ts";
import { known, mean } from "./matrix.ts";

/** Accuracy on each task after `step` steps; null where it was not evaluated. */
export interface CurvePoint {
  readonly step: number;
  readonly accuracies: readonly (number | null)[];
}

/** A record of accuracy over time. */
export interface Curve {
  /**
   * Notes the accuracy on `task` after `step` steps; steps come in order.
   * @throws E_DATA where a step comes before the last one, or the accuracy is not within 0 and 1
   */
  record(step: number, task: number, accuracy: number): void;
  /** Returns the points so far, one per step evaluated. */
  points(): CurvePoint[];
}

/**
 * Returns an empty record for a number of tasks.
 * @throws E_CONFIG
 */
export function accuracyCurve(tasks: number): Curve {
  checkNumber("metrics.accuracyCurve", "tasks", tasks, { min: 1, integer: true });
  const points: { step: number; accuracies: (number | null)[] }[] = [];
  return {
    record(step, task, accuracy) {
      checkNumber("metrics.record", "task", task, { min: 0, max: tasks - 1, integer: true });
      if (!(accuracy >= 0 && accuracy <= 1)) fail("E_DATA", `metrics.record: no accuracy; expected a number from 0 to 1, got ${accuracy}`);
      let last = points.at(-1);
      if (last !== undefined && !(step >= last.step)) {
        fail("E_DATA", `metrics.record: steps go back; expected a step ≥ ${last.step}, got ${step}`);
      }
      if (last?.step !== step) {
        last = { step, accuracies: new Array<number | null>(tasks).fill(null) };
        points.push(last);
      }
      last.accuracies[task] = accuracy;
    },
    points: () => points.map(({ step, accuracies }) => ({ step, accuracies: [...accuracies] })),
  };
}

/**
 * Returns the mean accuracy on the tasks seen by `step`, or undefined where one of them was not evaluated.
 * @param boundaries the step after which each task's training was over, in order
 */
export function seenAccuracy(point: CurvePoint, boundaries: readonly number[]): number | undefined {
  const seen = point.accuracies.filter((_, task) => task === 0 || point.step > (boundaries[task - 1] ?? Number.POSITIVE_INFINITY));
  return mean(seen.map(known));
}

/**
 * Returns the mean over the points of a curve of the accuracy on the tasks seen by then.
 * @param boundaries the step after which each task's training was over, in order
 * @see Soutif-Cormerais et al. 2023, "A comprehensive empirical evaluation on online continual learning": average anytime accuracy
 */
export function anytimeAccuracy(curve: readonly CurvePoint[], boundaries: readonly number[]): number | undefined {
  return mean(curve.map((point) => seenAccuracy(point, boundaries)));
}
