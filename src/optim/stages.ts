import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { plain, rates, type Schedule, type ScheduleConfig } from "./schedule.ts";
import { checkOffset, checkShare, type Segment, segmentWords, updates, type WarmupOffset, warmupSegment } from "./words.ts";

/** One data set of {@link rewarm}. */
export interface RewarmStage {
  /** The update it begins with; the first begins with 0, each cuts the one before it short. */
  start: number;
  /** Updates until its decay is done. */
  length: number;
  peak: number;
  /** Share of each batch that is to be old data, default 0; {@link replayShareAt} tells it. */
  replayShare?: number;
}

/** Options of {@link rewarm}. */
export interface RewarmOptions {
  stages: readonly RewarmStage[];
  /** Share of a stage that warms up, default 0.01; the product with its length is not rounded. */
  warmupFraction?: number;
  /** A stage's final rate over its peak, default 0.1. */
  finalRatio?: number;
  /** Where stages after the first begin to warm up: "zero" (default), or "final": their final rate. */
  from?: "zero" | "final";
  warmupOffset?: WarmupOffset;
}

/**
 * Returns {@link cosine} anew for each data set: every stage warms up to its own peak and decays over its own length.
 * @throws E_CONFIG
 * @see Ibrahim et al. 2024, arXiv 2403.08763; Gupta et al. 2023, arXiv 2308.04014
 */
export function rewarm(options: RewarmOptions): Schedule {
  const where = "schedules.rewarm";
  checkKeys(where, options, ["stages", "warmupFraction", "finalRatio", "from", "warmupOffset"]);
  const warmupFraction = checkShare(where, "warmupFraction", options.warmupFraction ?? 0.01);
  const finalRatio = checkShare(where, "finalRatio", options.finalRatio ?? 0.1);
  const from = checkChoice(where, "from", options.from ?? "zero", ["zero", "final"]);
  const warmupOffset = checkOffset(where, options.warmupOffset ?? 1, [0, 1, "neox"]);
  const stages = checkStages(where, options.stages);
  const segments = stages.flatMap(({ start, length, peak }, i): Segment[] => {
    const final = finalRatio * peak;
    const warmup = warmupFraction * length;
    const rise = warmupSegment(start, warmup, i > 0 && from === "final" ? final : 0, peak, warmupOffset, final);
    const begun = start + warmup;
    const fall = { start: begun, length: length - warmup, shape: "cosine", from: peak, to: final } as const;
    const next = stages[i + 1]?.start ?? Number.POSITIVE_INFINITY;
    return warmup < length && begun < next ? [...rise, fall] : rise;
  });
  return plain("rewarm", { stages, warmupFraction, finalRatio, from, warmupOffset }, segmentWords(segments));
}

/**
 * Returns the share of the batch of update `t` that is to be old data: that of the stage of {@link rewarm} it is in, also where the schedule
 * is scaled or clamped; 0 under any other schedule.
 */
export function replayShareAt(schedule: ScheduleConfig, t: number): number {
  const { kind, options } = schedule;
  if (kind === "scale" || kind === "clamp") return replayShareAt(options.schedule as ScheduleConfig, t);
  if (kind !== "rewarm") return 0;
  return (options.stages as Required<RewarmStage>[]).findLast(({ start }) => start <= t)?.replayShare ?? 0;
}

function checkStages(where: string, stages: unknown): Required<RewarmStage>[] {
  if (!Array.isArray(stages) || stages.length === 0) {
    fail("E_CONFIG", `${where}: option "stages" is not a list of stages; expected at least one, got ${describe(stages)}`, {
      hint: "Give one { start, length, peak } for each data set.",
    });
  }
  let next = 0;
  return (stages as readonly RewarmStage[]).map((stage, i) => {
    const at = `${where}: stages[${i}]`;
    checkKeys(at, stage, ["start", "length", "peak", "replayShare"]);
    const start = checkNumber(at, "start", stage.start, i === 0 ? { min: 0, max: 0 } : { ...updates, min: next });
    next = start + 1;
    return {
      start,
      length: checkNumber(at, "length", stage.length, { ...updates, min: 1 }),
      peak: checkNumber(at, "peak", stage.peak, rates),
      replayShare: checkShare(at, "replayShare", stage.replayShare ?? 0),
    };
  });
}
