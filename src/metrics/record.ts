import { fail } from "../errors.ts";
import { type CurvePoint, seenAccuracy } from "./curve.ts";
import type { DriftFact, MemoryFact, PlasticityFact } from "./facts.ts";
import type { Figure } from "./figure.ts";
import { type FigureOptions, figuresOf, timelineFigures } from "./figures.ts";
import type { FactLog } from "./log.ts";
import type { AccuracyMatrix } from "./matrix.ts";
import { type Block, timelineOf } from "./timeline.ts";

/** Everything a report tells of one run. */
export interface RunRecord {
  readonly name: string;
  /** The configuration, as given. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly backend: string;
  readonly seed: number;
  /** Names of the tasks, in the order they were learned. */
  readonly tasks: readonly string[];
  readonly matrix: AccuracyMatrix;
  /** Accuracy of each task on the untrained model, where it was measured. */
  readonly baseline?: readonly (number | null)[];
  readonly curve: readonly CurvePoint[];
  /** The step after which each task's training was over. */
  readonly boundaries: readonly number[];
  /** The task learned up to each boundary. Default: one after another. */
  readonly blocks?: readonly Block[];
  readonly training: readonly { readonly step: number; readonly loss: number; readonly learningRate: number }[];
  /** Further facts for the table, such as steps, time and hash. */
  readonly summary: Readonly<Record<string, number | string | undefined>>;
  /** Default: those that matrix and curve define. */
  readonly figures?: readonly Figure[];
  readonly plasticity?: readonly PlasticityFact[];
  readonly memory?: readonly MemoryFact[];
  readonly drifts?: readonly DriftFact[];
}

/**
 * Returns what a report tells of a log.
 * @throws E_DATA where no run is told in it; E_CONFIG
 */
export function recordOf(log: FactLog, options?: FigureOptions): RunRecord {
  const [run] = log.of("run");
  if (run === undefined) fail("E_DATA", "metrics.recordOf: the log tells of no run; expected a fact of kind run first, got none");
  const { tasks, blocks, matrix, baseline, curve, boundaries } = timelineOf(log);
  const steps = log.of("step");
  return {
    name: run.name,
    options: { ...run.learner, strategies: run.strategies, stream: run.stream.name, ...run.versions },
    backend: run.backend ?? "unknown backend",
    seed: run.seed,
    ...{ tasks, matrix, baseline, curve, boundaries },
    blocks,
    training: steps.map(({ step, loss, rate }) => ({ step, loss: loss ?? Number.NaN, learningRate: rate })),
    summary: { steps: steps.at(-1)?.step },
    figures: figuresOf(log, options),
    plasticity: log.of("plasticity"),
    memory: log.of("memory"),
    drifts: log.of("drift"),
  };
}

/** Returns the step after which a task was first trained, ∞ where it was not; the first that no boundary tells of may be under way. */
export function beginOf({ blocks, boundaries }: RunRecord, task: number): number {
  if (blocks === undefined) return task === 0 ? 0 : (boundaries[task - 1] ?? Number.POSITIVE_INFINITY);
  const next = new Set(blocks.map((block) => block.task)).size;
  return blocks.find((block) => block.task === task)?.start ?? (task === next ? (boundaries.at(-1) ?? 0) : Number.POSITIVE_INFINITY);
}

/** Returns the mean accuracy on the tasks whose training had begun, or undefined where one of them was not evaluated. */
export function seenIn(run: RunRecord, point: CurvePoint): number | undefined {
  const begins = run.tasks.map((_, task) => beginOf(run, task));
  return seenAccuracy(point, begins.slice(1));
}

/** Returns the figures of a run. */
export function figuresIn(run: RunRecord): readonly Figure[] {
  if (run.figures !== undefined) return run.figures;
  const over = Math.min(run.boundaries.length, run.matrix.length);
  const boundaries = run.boundaries.slice(0, over);
  return timelineFigures({
    ...{ tasks: run.tasks, matrix: run.matrix.slice(0, over), baseline: run.baseline ?? [], curve: run.curve, boundaries, masked: false },
    blocks: boundaries.map((end, task) => ({ task, start: boundaries[task - 1] ?? 0, end })),
  });
}
