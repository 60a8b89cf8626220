/** A schedule refined from the gradient norms of a run. */
import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { openPlanner } from "../wasm/planner.ts";
import { checkValues } from "./values.ts";

/** Options of {@link refine}. */
export interface RefineOptions {
  /** Gradient norms of an earlier run, in order: Euclidean for "sgd", sums of absolute values for "adam". Ones not finite are left out. */
  readonly norms: ArrayLike<number>;
  /** The kind of update the rates are for. Default "adam". */
  readonly optimizer?: "sgd" | "adam";
  /** Share of the run that the running median spans; 0 takes the norms as they are. Default 0.1. */
  readonly smoothing?: number;
  /** Updates of the run that is planned; other than as many as there are norms, the result is read between its values. */
  readonly steps?: number;
}

/**
 * Returns the schedule that suits the gradient norms of an earlier run best: multipliers of the peak rate, in [0, 1], the last of them 0.
 * Even norms give linear decay; norms that grow towards the end make it fall earlier.
 * @throws E_CONFIG
 * @see Defazio et al. 2023, arXiv 2310.07831; reading between the values is ours
 */
export async function refine(options: RefineOptions): Promise<number[]> {
  const where = "planners.refine";
  checkKeys(where, options, ["norms", "optimizer", "smoothing", "steps"]);
  const optimizer = checkChoice(where, "optimizer", options.optimizer ?? "adam", ["sgd", "adam"]);
  const smoothing = checkNumber(where, "smoothing", options.smoothing ?? 0.1, { min: 0, max: 1 });
  const steps = options.steps === undefined ? undefined : checkNumber(where, "steps", options.steps, { min: 1, integer: true });
  const given =
    typeof options.norms === "object" && options.norms !== null ? Array.from(options.norms).filter(Number.isFinite) : options.norms;
  const norms = checkValues(where, "norms", given, { min: 0 });
  const n = norms.length;
  const positive = norms.filter((norm) => norm > 0).sort();
  const typical = positive[positive.length >> 1];
  if (typical === undefined) fail("E_CONFIG", `${where}: option "norms" is all 0; expected a norm above 0, got none`);
  if (n === 1) return new Array(steps ?? 1).fill(1);
  const planner = await openPlanner();
  const width = 2 * Math.floor(Math.floor(smoothing * n) / 2) + 1;
  const [at, sorted, out] = planner.lay(
    // Only ratios count, and in these no power overflows.
    norms.map((norm) => norm / typical),
    width,
    n,
  ) as [number, number, number];
  planner.exports.refine(at, n, width, optimizer === "sgd" ? 2 : 1, 1e-12, sorted, out);
  const table = Array.from(planner.read(out, n));
  return steps === undefined || steps === n ? table : stretch(table, steps);
}

/** Values of a table of T read at t·T/steps, between its entries on a straight line, 0 at T. */
function stretch(table: readonly number[], steps: number): number[] {
  return Array.from({ length: steps }, (_, t) => {
    const place = (t * table.length) / steps;
    const i = Math.floor(place);
    const left = table[i] as number;
    return left + ((table[i + 1] ?? 0) - left) * (place - i);
  });
}
