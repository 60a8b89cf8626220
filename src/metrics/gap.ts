/** The stability gap: accuracy on what was known falls when another task begins, and often comes back. */
import { between, type Curves } from "./anytime.ts";
import type { Figure, Value } from "./figure.ts";
import { average, figure } from "./figure.ts";
import { known } from "./matrix.ts";
import { irregular, notAsked } from "./standing.ts";

/** The fall of one task at one switch. */
export interface Gap {
  readonly task: number;
  /** The step after which the next task began. */
  readonly step: number;
  readonly before: number;
  /** Lowest accuracy while the next task was learned, and the first step at which it was seen. */
  readonly low: number;
  readonly lowStep: number;
  /** First step after the lowest at which accuracy was `before` again, while the next task was learned; the switch itself where it never fell. */
  readonly recovered: number | undefined;
}

/**
 * Returns what became of each task already learned while the next one was, switch by switch; those not evaluated are left out.
 * @param share of the accuracy before that counts as recovered, default 1
 */
export function gapsOf({ curve, boundaries }: Pick<Curves, "curve" | "boundaries">, share = 1): Gap[] {
  return boundaries.slice(0, -1).flatMap((step, i) => {
    const start = curve.find((point) => point.step === step);
    const points = between(curve, step, boundaries[i + 1]);
    return Array.from({ length: i + 1 }, (_, task) => task).flatMap((task): Gap[] => {
      const before = known(start?.accuracies[task]);
      const asked = points.flatMap((point) => {
        const value = known(point.accuracies[task]);
        return value === undefined ? [] : [{ step: point.step, value }];
      });
      if (before === undefined || asked.length === 0) return [];
      const lowest = asked.reduce((low, point) => (point.value < low.value ? point : low));
      const back = asked.find((point) => point.step > lowest.step && point.value >= share * before)?.step;
      return [{ task, step, before, low: lowest.value, lowStep: lowest.step, recovered: lowest.value >= share * before ? step : back }];
    });
  });
}

/**
 * Returns the stability gap, accuracy before a switch minus the lowest in the next task's training, and the steps until it was back: of the task
 * just learned (`lastTask`), or of all learned (`oldTasks`); back at all of it (`full`) or at 95 % (`95%`).
 * @see De Lange et al. 2023, "Continual evaluation for lifelong learning: identifying the stability gap"
 */
export function stability(curves: Curves): Figure[] {
  const { boundaries } = curves;
  const gaps = gapsOf(curves);
  const odd = irregular(curves) ?? (boundaries.length < 2 ? "there are fewer than two tasks" : undefined);
  const last = (all: readonly Gap[]): Gap[] => all.filter(({ task, step }) => step === boundaries[task]);
  const switches = boundaries.length - 1;
  const depth = (chosen: readonly Gap[], wanted: number): Value =>
    odd ??
    (chosen.length < wanted
      ? notAsked
      : average(
          chosen.map(({ before, low }) => before - low),
          notAsked,
        ));
  const recovery = (share: number): Value => {
    const chosen = last(gapsOf(curves, share));
    const lost = chosen.filter(({ recovered }) => recovered === undefined).length;
    if (odd !== undefined) return odd;
    if (chosen.length < switches) return notAsked;
    return lost > 0
      ? `${lost} of ${switches} switches were not recovered from`
      : average(
          chosen.map(({ step, recovered = step }) => recovered - step),
          notAsked,
        );
  };
  return [
    figure("stabilityGap", "lastTask", depth(last(gaps), switches)),
    figure("stabilityGap", "oldTasks", depth(gaps, (switches * (switches + 1)) / 2)),
    figure("recoveryTime", "full", recovery(1)),
    figure("recoveryTime", "95%", recovery(0.95)),
  ];
}
