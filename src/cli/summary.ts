import { type AccuracyMatrix, averageAccuracy, backwardTransfer, forgetting } from "../metrics/index.ts";
import type { Outcome, Setup } from "./experiment.ts";
import { percent, whole, writeTable } from "./format.ts";
import { type Io, type Output, writeJson } from "./io.ts";
import type { Progress } from "./progress.ts";

/** Returns what tells a run as NDJSON: its tasks, its evaluations and about a hundred of its steps. */
export function eventsTo(
  { out, version }: Io,
  { seed, options }: Setup,
  { backend, reason }: Record<"backend" | "reason", string>,
): Progress {
  let every = 1;
  return {
    clear() {},
    show(event) {
      if (event.type === "start") {
        every = Math.ceil(event.steps / 100);
        writeJson(out, { ...event, version, backend, reason, seed, options });
      } else if (event.type !== "end" && (event.type !== "step" || event.step % every === 0)) writeJson(out, event);
    },
  };
}

/** Returns the last line of a run told as NDJSON; what a single task does not define is null. */
export function summaryOf({ record, steps, samples, seconds, stateHash }: Outcome): object {
  const { matrix, backend, seed } = record;
  return {
    type: "summary",
    accuracy: averageAccuracy(matrix),
    matrix,
    forgetting: forgetting(matrix, "chaudhry") ?? null,
    forgettingVariant: "chaudhry",
    bwt: backwardTransfer(matrix, "lopezPaz") ?? null,
    bwtVariant: "lopezPaz",
    steps,
    samples,
    stepsPerSecond: steps / seconds,
    samplesPerSecond: samples / seconds,
    backend,
    seed,
    stateHash,
  };
}

/** Writes for people what runs of the same tasks came to, side by side. */
export function writeOutcomes(output: Output, outcomes: readonly Outcome[]): void {
  const rowOf = (name: string, cell: (outcome: Outcome) => string): string[] => [name, ...outcomes.map(cell)];
  const figure = (name: string, of: (matrix: AccuracyMatrix) => number | undefined): string[] =>
    rowOf(name, ({ record }) => percent(of(record.matrix)));
  const { tasks, options, seed, backend } = (outcomes[0] as Outcome).record;
  output.write(`\n${options.data}, ${options.scenario}, ${tasks.length} tasks, seed ${seed}, on ${backend}\n\n`);
  writeTable(output, [
    rowOf("accuracy at the end", ({ record }) => record.name),
    ...tasks.map((name, task) => figure(name, (matrix) => matrix.at(-1)?.[task] ?? undefined)),
    figure("average accuracy", averageAccuracy),
    figure("forgetting (chaudhry)", (matrix) => forgetting(matrix, "chaudhry")),
    figure("backward transfer (lopezPaz)", (matrix) => backwardTransfer(matrix, "lopezPaz")),
    rowOf("steps/s", ({ steps, seconds }) => whole(steps / seconds)),
    rowOf("state", ({ stateHash }) => stateHash.slice(0, 12)),
  ]);
}
