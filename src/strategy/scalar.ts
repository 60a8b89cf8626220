/** What detectors have in common: the check of the values they are told, and the end of a segment. */
import { describe, fail } from "../errors.ts";
import type { Detector, Numbers } from "./host.ts";

/** What of each row a detector of any scalar is told. */
export type Watched = Detector["watches"];

/** The largest f32: squares and sums of such values stay finite in f64, so nothing that is kept turns into NaN. */
const largest = 3.4028234663852886e38;

/** Refuses a value that no statistic may take in: one that is not finite, or outside of `low` … `high`. @throws E_DATA */
export function checkScalar(where: string, value: number, low: number = -largest, high: number = largest): void {
  if (value >= low && value <= high) return;
  fail("E_DATA", `${where}: a value cannot be taken in; expected a number from ${low} to ${high}, got ${describe(value)}`, {
    hint: "Tell a detector the losses or errors of rows that a step did learn.",
    context: { value },
  });
}

/** Forgets all that was kept, so that the next value begins anew, and returns the alarm. */
export function restart(numbers: Numbers): "drift" {
  for (const values of Object.values(numbers)) values.fill(0);
  return "drift";
}
