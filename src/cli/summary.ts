import { type Figure, figureValue } from "../metrics/index.ts";
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

/** Returns a figure of a run, undefined where it is not defined. */
function valueIn({ figures = [] }: Outcome["record"], metric: string, variant: string): number | undefined {
  const found: Figure | undefined = figures.find((one) => one.metric === metric && one.variant === variant);
  return found && figureValue(found);
}

/** Returns the mean accuracy on all tasks at the end, also where some were learned more than once. */
export function endOf({ matrix }: Outcome["record"]): number {
  const last = matrix.at(-1) ?? [];
  return last.reduce<number>((sum, accuracy) => sum + (accuracy ?? Number.NaN), 0) / last.length;
}

/** Returns the last line of a run told as NDJSON; what a single task does not define is null. */
export function summaryOf({ record, steps, samples, seconds, stateHash }: Outcome): object {
  const { matrix, backend, seed } = record;
  return {
    type: "summary",
    accuracy: endOf(record),
    matrix,
    forgetting: valueIn(record, "forgetting", "chaudhry") ?? null,
    forgettingVariant: "chaudhry",
    bwt: valueIn(record, "backwardTransfer", "lopezPaz") ?? null,
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
  const figure = (name: string, of: (record: Outcome["record"]) => number | undefined): string[] =>
    rowOf(name, ({ record }) => percent(of(record)));
  const { tasks, options, seed, backend } = (outcomes[0] as Outcome).record;
  output.write(`\n${options.data}, ${options.scenario}, ${tasks.length} tasks, seed ${seed}, on ${backend}\n\n`);
  writeTable(output, [
    rowOf("accuracy at the end", ({ record }) => record.name),
    ...tasks.map((name, task) => figure(name, ({ matrix }) => matrix.at(-1)?.[task] ?? undefined)),
    figure("average accuracy", endOf),
    figure("forgetting (chaudhry)", (record) => valueIn(record, "forgetting", "chaudhry")),
    figure("backward transfer (lopezPaz)", (record) => valueIn(record, "backwardTransfer", "lopezPaz")),
    rowOf("steps/s", ({ steps, seconds }) => whole(steps / seconds)),
    rowOf("state", ({ stateHash }) => stateHash.slice(0, 12)),
  ]);
}
