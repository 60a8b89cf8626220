/** Figures of the accuracy matrix: what is known at the end, what was kept, what passed from task to task. */
import type { Figure, Value } from "./figure.ts";
import { average, figure } from "./figure.ts";
import type { ForgettingVariant, ForwardVariant, TransferVariant } from "./matrix.ts";
import {
  averageAccuracy,
  averageIncrementalAccuracy,
  backwardTransfer,
  forgetting,
  forwardTransfer,
  known,
  learningAccuracy,
  summarize,
} from "./matrix.ts";
import type { Timeline } from "./timeline.ts";

/** Why a forward figure is undefined where classes never seen are masked. */
export const maskedReason = "classes never seen are masked, so accuracy before training means nothing";
/** Why a figure is undefined that needs accuracies nobody asked for. */
export const notAsked = "an accuracy it needs was not evaluated";

/**
 * Returns why no matrix of one row per task can be read off a time line, or undefined where it can: no task was learned, or one was learned
 * more than once.
 */
export function irregular({ blocks }: Pick<Timeline, "blocks">): string | undefined {
  if (blocks.length === 0) return "no task is over";
  return blocks.every(({ task }, i) => task === i) ? undefined : "a task was learned more than once";
}

/**
 * Returns the figures of the matrix, each in every variant.
 * @param joint accuracy on each task, in the order of the time line, of a model trained on all tasks at once, without which there is no
 * intransigence
 */
export function standing(timeline: Omit<Timeline, "cumulative" | "curve">, joint: readonly (number | null)[] = []): Figure[] {
  const { matrix, baseline, masked } = timeline;
  const odd = irregular(timeline);
  const value = (found: number | undefined, least = 1): Value =>
    odd ?? found ?? (matrix.length < least ? "there are fewer than two tasks" : notAsked);
  const variants = (metric: string) =>
    Object.keys(summarize([])).flatMap((name) => (name.startsWith(`${metric}/`) ? [name.slice(metric.length + 1)] : []));
  return [
    figure("averageAccuracy", "", value(averageAccuracy(matrix))),
    figure("averageIncrementalAccuracy", "", value(averageIncrementalAccuracy(matrix))),
    figure("learningAccuracy", "", value(learningAccuracy(matrix))),
    ...variants("forgetting").map((name) => figure("forgetting", name, value(forgetting(matrix, name as ForgettingVariant), 2))),
    ...variants("backwardTransfer").map((name) =>
      figure("backwardTransfer", name, value(backwardTransfer(matrix, name as TransferVariant), 2)),
    ),
    ...variants("forwardTransfer").map((name) =>
      figure("forwardTransfer", name, masked ? maskedReason : value(forwardTransfer(matrix, baseline, name as ForwardVariant), 2)),
    ),
    figure("intransigence", "joint", odd ?? intransigence(matrix, joint)),
  ];
}

/** Returns the mean of what a model trained on all at once knows better of each task than the learner right after training it. */
function intransigence(matrix: Timeline["matrix"], joint: readonly (number | null)[]): Value {
  const gaps = matrix.map((row, j): Value => {
    const [reference, own] = [known(joint[j]), known(row[j])];
    if (reference === undefined) return "there is no jointly trained reference";
    return own === undefined ? notAsked : reference - own;
  });
  return average(gaps, "no task is over");
}
