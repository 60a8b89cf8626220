import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { detectorFrom } from "./detectors.ts";
import type { Detector, Signal } from "./host.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link detect}. */
export interface DetectOptions {
  /** What watches the stream, see `detectors`, or its name and options. */
  readonly detector: Detector | { readonly name: string; readonly config: Readonly<Record<string, unknown>> };
  /** Whether a drift is a boundary, as if `consolidate` had been called after the step. Default true. */
  readonly boundary?: boolean;
  /** Marks that the schedule waits for and that a drift is, such as "rewarm". Default none. */
  readonly marks?: readonly string[];
  /** Share of the memory's rows, the oldest of each store, that leave it at a drift: 0 (default) … 1. */
  readonly refresh?: number;
}

/**
 * Returns what finds boundaries where nobody tells them: a detector is fed, row by row, the loss or error of new rows as it was before they were
 * learned. Where it tells of a drift, edits and phases of event "drift" follow, and the learner emits `signal`.
 * @throws E_CONFIG E_UNSUPPORTED
 */
export function detect(options: DetectOptions): Strategy {
  const where = "strategies.detect";
  checkKeys(where, options, ["detector", "boundary", "marks", "refresh"]);
  const { detector: given, boundary = true, marks = [] } = options;
  if (typeof given !== "object" || given === null || typeof given.name !== "string")
    fail("E_CONFIG", `${where}: option "detector" is none; expected one such as detectors.pageHinkley(), got ${describe(given)}`);
  const refresh = checkNumber(where, "refresh", options.refresh ?? 0, { min: 0, max: 1 });
  const detector = detectorFrom(given.name, given.config);
  const reads = detector.watches === "loss" ? "rowLoss" : "correct";
  return {
    name: "detect",
    config: { detector: { name: detector.name, config: detector.config }, boundary, marks, ...(refresh > 0 && { refresh }) },
    ...(reads === "correct" && { needs: { labels: true } }),
    raises: { boundary, marks, refresh },
    fold: {
      numbers: () => Object.fromEntries(Object.entries(detector.numbers).map(([name, length]) => [name, [length]])),
      reads: [reads],
      push(numbers, { count, rows }) {
        const values = rows[reads] as Float32Array;
        const told = new Set<Signal>();
        for (let row = 0; row < count; row++) {
          const value = values[row] as number;
          const signal = detector.push(numbers, reads === "correct" ? 1 - value : value);
          if (signal !== undefined) told.add(signal);
        }
        return [...told];
      },
    },
  };
}
