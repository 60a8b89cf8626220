/** Many runs one after another, and what they came to together. */
import type { Runtime } from "../backend/runtime.ts";
import { isError } from "../errors.ts";
import { type Comparison, compareRuns, figuresOf, type RunRecord, type Spread } from "../metrics/index.ts";
import type { Outcome, Setup } from "./experiment.ts";
import { percent, whole } from "./format.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { watch } from "./learn.ts";
import { progressOf } from "./progress.ts";
import { summaryOf } from "./summary.ts";

/** One of many runs. */
export interface Planned {
  /** What it counts for, such as a strategy. */
  readonly group: string;
  readonly seed: number;
  /** Returns the run, made when its turn comes: all at once might not fit. */
  make(): Setup;
}

/** What a run came to: undefined where it diverged. */
export interface Ended extends Planned {
  readonly outcome: Outcome | undefined;
}

/** The figures told for people, by metric and variant. */
const main = [
  ["averageAccuracy", "", "average accuracy"],
  ["averageIncrementalAccuracy", "", "incremental"],
  ["forgetting", "chaudhry", "forgetting"],
  ["backwardTransfer", "lopezPaz", "backward transfer"],
  ["stepsPerSecond", "", "steps/s"],
] as const;

/** Returns what runs came to, in order, or undefined when they were stopped. A run that diverges is told of and passed over. */
export async function runSeveral(runtime: Runtime, planned: readonly Planned[], io: Io, json: boolean): Promise<Ended[] | undefined> {
  const ended: Ended[] = [];
  for (const [i, run] of planned.entries()) {
    const label = `${i + 1}/${planned.length}  ${run.group}, seed ${run.seed}`;
    const progress = json ? { show() {}, clear() {} } : progressOf(label, io.err, true);
    let outcome: Outcome | undefined;
    try {
      outcome = await watch(runtime, run.make(), { stop: io.stop, version: io.version }, progress);
      if (outcome === undefined) return undefined;
    } catch (error) {
      if (!isError(error, "E_DIVERGED")) throw error;
      io.err.write(`${paint(io.err, "yellow", "palimpsest: warning:")} ${label}: ${error.message}\n`);
    }
    if (json)
      writeJson(io.out, {
        ...(outcome && summaryOf(outcome)),
        type: "run",
        strategy: run.group,
        seed: run.seed,
        diverged: outcome === undefined,
      });
    ended.push({ ...run, outcome });
  }
  return ended;
}

/** Returns the records of runs by group, with all figures; of those that diverged there are none. */
export function recordsOf(ended: readonly Ended[]): Record<string, RunRecord[]> {
  const joint = new Map(
    ended.flatMap(({ group, seed, outcome }) => (group === "joint" && outcome ? [[seed, outcome.record.matrix.at(-1) ?? []]] : [])),
  );
  const groups: Record<string, RunRecord[]> = {};
  for (const { group, seed, outcome } of ended) {
    if (outcome === undefined) continue;
    const reference = joint.get(seed);
    const figures = figuresOf(outcome.log, reference === undefined ? {} : { joint: reference });
    groups[group] = [...(groups[group] ?? []), { ...outcome.record, name: group, figures }];
  }
  return groups;
}

/** Returns a table of the main figures over `runs` runs each: a row for each group, mean ± standard deviation of those that did not diverge. */
export function figureTable(groups: readonly string[], records: Readonly<Record<string, readonly RunRecord[]>>, runs: number): string[][] {
  const rows: Comparison[] = Object.keys(records).length === 0 ? [] : compareRuns(records);
  const shown = main.flatMap(([metric, variant, name]) => {
    const row = rows.find((one) => one.metric === metric && one.variant === variant);
    return row === undefined ? [] : [{ name, row }];
  });
  return [
    ["", ...shown.map(({ name }) => name)],
    ...groups.map((group) => {
      const lost = runs - (records[group]?.length ?? 0);
      return [lost === 0 ? group : `${group} (${lost} of ${runs} diverged)`, ...shown.map(({ row }) => cell(row, row.strategies[group]))];
    }),
  ];
}

function cell({ metric }: Comparison, spread: Spread | undefined): string {
  if (spread?.mean === undefined) return "–";
  const { mean, sd } = spread;
  if (metric === "stepsPerSecond") return whole(mean);
  return sd === undefined ? percent(mean) : `${(100 * mean).toFixed(1)} ± ${percent(sd)}`;
}
