/** Schedules over a sequence of tasks. */
import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { plain, rates, type Schedule } from "./schedule.ts";
import { checkShare, refuse } from "./words.ts";

const MODES = {
  cosine: { none: 0, autoregressive: 1, dynamic: 2 },
  rsqrt: { none: 3, autoregressive: 4, continued: 5, recovered: 6 },
} as const;

/** Options of {@link meta}. */
export interface MetaOptions {
  /** Highest rate of the first task. */
  peak: number;
  /** Updates of every task. */
  taskSteps: number;
  /** The decay within a task, default "cosine": half a cosine, or √(W/n) that ends in a line to 0. */
  style?: "cosine" | "rsqrt";
  /**
   * What later tasks do, default "none": each begins anew. "autoregressive": their peaks fall as the style does over the whole history.
   * "dynamic" (cosine): after warm-up to that peak they go on where one cosine over the whole history would be. "continued" (rsqrt): peaks
   * go on from where the task before left off. "recovered" (rsqrt): the decay goes on as if all were one task.
   */
  recovery?: "none" | "autoregressive" | "dynamic" | "continued" | "recovered";
  /** Share of a task that warms up, default 0.1, rounded up to updates. */
  warmupFraction?: number;
  /** Share of a task that cools down to 0 under "rsqrt", default 0.1, rounded up to updates. */
  cooldownFraction?: number;
  /** Least rate over peak, default 0.001. */
  finalRatio?: number;
}

/**
 * Returns a schedule over a series of tasks of equal length.
 * @throws E_CONFIG
 * @see Roth et al. 2024, arXiv 2408.14471
 */
export function meta(options: MetaOptions): Schedule {
  const where = "schedules.meta";
  checkKeys(where, options, ["peak", "taskSteps", "style", "recovery", "warmupFraction", "cooldownFraction", "finalRatio"]);
  const peak = checkNumber(where, "peak", options.peak, rates);
  const taskSteps = checkNumber(where, "taskSteps", options.taskSteps, { min: 1, max: 1e9, integer: true });
  const style = checkChoice(where, "style", options.style ?? "cosine", ["cosine", "rsqrt"]);
  const modes: Readonly<Record<string, number>> = MODES[style];
  const recovery = checkChoice(where, "recovery", options.recovery ?? "none", Object.keys(modes)) as NonNullable<MetaOptions["recovery"]>;
  if (style === "cosine") refuse(where, options, ["cooldownFraction"], 'style "rsqrt" beside it');
  const warmupFraction = checkShare(where, "warmupFraction", options.warmupFraction ?? 0.1);
  const cooldownFraction = checkShare(where, "cooldownFraction", options.cooldownFraction ?? 0.1);
  const finalRatio = checkShare(where, "finalRatio", options.finalRatio ?? 0.001);
  const warmup = Math.ceil(warmupFraction * taskSteps);
  const cooldown = style === "rsqrt" ? Math.ceil(cooldownFraction * taskSteps) : 0;
  if (warmup + cooldown >= taskSteps) {
    fail(
      "E_CONFIG",
      `${where}: the tasks are too short; expected more than ${warmup + cooldown} updates of warm-up and cooldown, got ${taskSteps}`,
      {
        hint: 'Give more "taskSteps" or smaller fractions.',
      },
    );
  }
  if (style === "rsqrt" && warmup === 0) checkShare(where, "warmupFraction", warmupFraction, "min");
  const made = { peak, taskSteps, style, recovery, warmupFraction, ...(style === "rsqrt" && { cooldownFraction }), finalRatio };
  const mode = modes[recovery] as number;
  return plain("meta", made, [6, mode, peak, finalRatio * peak, taskSteps, warmup, cooldown, warmupFraction]);
}
