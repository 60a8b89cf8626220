import type { Figure, Value } from "./figure.ts";
import { average, figure } from "./figure.ts";
import { known } from "./matrix.ts";
import { irregular } from "./standing.ts";
import type { Timeline } from "./timeline.ts";

/**
 * Returns cumulative accuracy and forgetting at the end: with b[t][k] the accuracy after task t on tasks ≤ k, answered with their classes
 * alone, the mean over k of b[T][k], and over k < T of max over k ≤ t ≤ T of b[t][k], minus b[T][k].
 * @see Soutif-Cormerais et al. 2021, "On the importance of cross-task features for class-incremental learning", §3
 */
export function cumulative(timeline: Pick<Timeline, "blocks" | "cumulative">): Figure[] {
  const { cumulative: matrix } = timeline;
  const odd = irregular(timeline);
  const none = "nothing was asked with the classes of earlier tasks alone";
  const T = matrix.length;
  const last = matrix.at(-1) ?? [];
  const accuracy = average(
    Array.from({ length: T }, (_, k) => known(last[k]) ?? none),
    none,
  );
  const lost = Array.from({ length: Math.max(0, T - 1) }, (_, k): Value => {
    const values = matrix.slice(k).map((row) => known(row[k]));
    return values.includes(undefined) ? none : Math.max(...(values as number[])) - (values.at(-1) as number);
  });
  return [
    figure("cumulativeAccuracy", "end", odd ?? accuracy),
    figure("cumulativeForgetting", "end", odd ?? average(lost, T < 2 ? "there are fewer than two tasks" : none)),
  ];
}
