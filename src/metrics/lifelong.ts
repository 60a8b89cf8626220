/**
 * The lifelong-learning measures of the L2M programme.
 * @see New et al. 2022, "Lifelong learning metrics", and lifelong-learning-systems/l2metrics
 */
import { askedOf, between, type Curves } from "./anytime.ts";
import type { Figure, Value } from "./figure.ts";
import { average, figure } from "./figure.ts";
import { known } from "./matrix.ts";
import { irregular, maskedReason, notAsked } from "./standing.ts";
import type { Timeline } from "./timeline.ts";

/** Accuracies of single-task experts in the order of their evaluations, by task in the order of the time line. */
export type Experts = readonly (readonly number[] | undefined)[];

/** Returns the figures of lifelong learning; those relative to experts need their curves. */
export function lifelong(timeline: Omit<Timeline, "cumulative">, experts: Experts = []): Figure[] {
  const { matrix, baseline, masked } = timeline;
  const odd = irregular(timeline) ?? (matrix.length < 2 ? "there are fewer than two tasks" : undefined);
  const rows = [baseline, ...matrix];
  const after = (i: number, j: number): number | undefined => known(rows[i + 1]?.[j]);
  const pairs = (later: boolean) => matrix.flatMap((_, a) => matrix.flatMap((_, o) => ((later ? a < o : o < a) ? [[a, o] as const] : [])));
  const transfer = (later: boolean, of: (before: number, now: number) => number): Value => {
    const values = pairs(later).map(([a, o]): Value => {
      const [before, now] = [after(a - 1, o), after(a, o)];
      return before === undefined || now === undefined ? notAsked : of(before, now);
    });
    const reason = values.find((value) => typeof value === "string");
    // A pair of which nothing was known has no ratio, and is left out as in the published code.
    return (
      reason ??
      average(
        values.filter((value) => Number.isFinite(value)),
        "no pair of tasks began above 0",
      )
    );
  };
  const contrast = (before: number, now: number): number => (now - before) / (now + before);
  const ratio = (before: number, now: number): number => (before === 0 ? Number.NaN : now / before);
  const maintenance = (of: (task: number) => number | undefined): Value =>
    average(
      matrix.slice(0, -1).map((_, j) => {
        const reference = of(j);
        const later = matrix.slice(j + 1).map((row): Value => known(row[j]) ?? notAsked);
        const kept = average(later, notAsked);
        return reference === undefined ? notAsked : typeof kept === "string" ? kept : kept - reference;
      }),
      notAsked,
    );
  const curveOf = (task: number): number[] => learningCurve(timeline, task);
  const relative = (of: (own: readonly number[], expert: readonly number[]) => Value): Value =>
    average(
      matrix.map((_, j) => {
        const [own, expert] = [curveOf(j), experts[j] ?? []];
        if (expert.length === 0) return "there is no single-task expert";
        return own.length === 0 ? notAsked : of(own, expert);
      }),
      notAsked,
    );
  const single = irregular(timeline);
  return [
    figure("performanceMaintenance", "mrlep", odd ?? maintenance((j) => known(matrix[j]?.[j]))),
    figure("performanceMaintenance", "mrtlp", odd ?? maintenance((j) => terminal(curveOf(j)))),
    figure("transferForward", "contrast", masked ? maskedReason : (odd ?? transfer(true, contrast))),
    figure("transferForward", "ratio", masked ? maskedReason : (odd ?? transfer(true, ratio))),
    figure("transferBackward", "contrast", odd ?? transfer(false, contrast)),
    figure("transferBackward", "ratio", odd ?? transfer(false, ratio)),
    figure("relativePerformance", "expert", single ?? relative(relativePerformance)),
    figure("sampleEfficiency", "expert", single ?? relative(sampleEfficiency)),
    figure("performanceRecovery", "theilSen", performanceRecovery(timeline)),
  ];
}

/** Returns Σ of one curve over Σ of another, as far as both go. */
function relativePerformance(own: readonly number[], expert: readonly number[]): Value {
  const length = Math.min(own.length, expert.length);
  const total = (values: readonly number[]): number => values.slice(0, length).reduce((sum, value) => sum + value, 0);
  return total(expert) === 0 ? "an expert knows nothing" : total(own) / total(expert);
}

/** Returns (saturation / the expert's) · (the expert's evaluations before it / one's own); 0 below a fifth of the expert's, or where a curve falls. */
function sampleEfficiency(own: readonly number[], expert: readonly number[]): Value {
  const [mine, theirs] = [own, expert].map((values) => {
    const curve = smoothed(values);
    const most = curve.reduce((high, value) => Math.max(high, value), 0);
    return { curve, most, first: curve.indexOf(most) };
  }) as [{ curve: number[]; most: number; first: number }, { most: number; first: number }];
  if (theirs.most === 0) return "an expert knows nothing";
  if (mine.most < 0.2 * theirs.most || theilSen(mine.curve) < 0) return 0;
  if (mine.first === 0 || theirs.first === 0) return "a curve is highest where it begins";
  return (mine.most / theirs.most) * (theirs.first / mine.first);
}

/** Returns minus the slope of the times it took each time a task came again until it was known as when its last training ended. */
function performanceRecovery(timeline: Curves): Value {
  const { blocks, curve } = timeline;
  const accuraciesIn = (index: number): number[] => {
    const { start, end, task } = blocks[index] as Curves["blocks"][number];
    return askedOf(between(curve, start, end), task);
  };
  const slopes = [...new Set(blocks.map(({ task }) => task))].flatMap((task): Value[] => {
    const own = [...blocks.keys()].filter((index) => blocks[index]?.task === task);
    const times = own.slice(1).map((index, k) => {
      const reference = terminal(accuraciesIn(own[k] as number));
      const values = accuraciesIn(index);
      const back = reference === undefined ? -1 : values.findIndex((value) => value >= reference);
      return reference === undefined || values.length === 0 ? undefined : back < 0 ? values.length + 1 : back;
    });
    if (times.length < 2) return [];
    return [times.includes(undefined) ? notAsked : 0 - theilSen(times as number[])];
  });
  return average(slopes, "no task was learned three times");
}

/** Returns the accuracies on a task while it was first learned. */
function learningCurve({ blocks, curve }: Curves, task: number): number[] {
  const block = blocks.find((block) => block.task === task);
  return block === undefined ? [] : askedOf(between(curve, block.start, block.end), task);
}

/** Returns the mean of the last tenth. */
function terminal(values: readonly number[]): number | undefined {
  const value = average(values.slice(Math.floor(0.9 * values.length)), "");
  return typeof value === "string" ? undefined : value;
}

/** Returns moving averages over a fifth of the values, at most 100, with the ends mirrored; fewer than 15 stay as they are. */
function smoothed(values: readonly number[]): number[] {
  const n = values.length;
  const size = Math.min(Math.floor(0.2 * n), 100);
  if (size < 3) return [...values];
  const mirrored = (i: number): number => values[i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i] as number;
  const first = Math.floor(size / 2 - 1) - (size - 1);
  return values.map(
    (_, k) => Array.from({ length: size }, (_, d) => mirrored(k + first + d)).reduce((sum, value) => sum + value, 0) / size,
  );
}

/** Returns the median of the slopes between all pairs. @see Theil 1950; Sen 1968 */
function theilSen(values: readonly number[]): number {
  const slopes = values.flatMap((from, i) => values.slice(i + 1).map((to, k) => (to - from) / (k + 1))).toSorted((a, b) => a - b);
  const middle = slopes.length / 2;
  if (slopes.length === 0) return 0;
  return slopes.length % 2 === 1
    ? (slopes[Math.floor(middle)] as number)
    : ((slopes[middle - 1] as number) + (slopes[middle] as number)) / 2;
}
