import { checkChoice, fail } from "../errors.ts";
import { comparisonReport } from "../metrics/index.ts";
import { type Dataset, type Scenario, select } from "../stream/index.ts";
import { refuseStray } from "./chosen.ts";
import { shuffled } from "./data.ts";
import { type Dotted, divideDotted, readDotted } from "./dotted.ts";
import { percent, writeTable } from "./format.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { dataOf, interrupted, open } from "./learn.ts";
import { camelCased, describeOptions, flagged, number, type Options, parse, several, text } from "./options.ts";
import { checkOutputs, writeText } from "./outputs.ts";
import { scenarioOf } from "./scenario.ts";
import { type RunSettings, runOptions, strategies } from "./settings.ts";
import { setUp } from "./setup.ts";
import { type Ended, figureTable, recordsOf, runSeveral } from "./several.ts";
import { endOf } from "./summary.ts";

interface TuneSettings extends RunSettings {
  readonly strategy: string;
  readonly grid: readonly string[];
  readonly tuneTasks: number;
  readonly seeds: number;
  readonly report: string | undefined;
}

const count = { min: 1, integer: true } as const;

const options: Options<TuneSettings> = {
  strategy: strategies("replay", "what is tuned"),
  grid: several("NAME=V,V…", "values to try: ewc.lambda=1,10 or learning-rate=0.01,0.1; of several grids, all combinations"),
  tuneTasks: number(count, 2, "tasks, the first ones, on which they are tried"),
  seeds: number({ ...count, max: 1000 }, 1, "runs of each, their seeds counted from --seed"),
  report: text("FILE.html", "write a report on the other tasks"),
  ...runOptions,
};

/** Settings that can be tried. */
const tunable: readonly (keyof RunSettings)[] = [
  ...(["memory", "memoryPolicy", "draw", "batch", "replayBatch", "epochs", "hidden", "dropout", "optimizer"] as const),
  ...(["learningRate", "schedule", "momentum", "weightDecay", "clip"] as const),
];

/** The share of a task's training rows that are set aside to judge by. */
const heldShare = 0.2;

const usage = `Usage: palimpsest tune --strategy NAME --grid NAME=VALUE,VALUE… [options]

Tries all combinations of some options on the first tasks, judged by rows set aside from what these tasks are learned from, never by test rows, and
learns the other tasks with the best of them, from the beginning.

`;

/** One combination of values. */
interface Trial {
  readonly label: string;
  readonly settings: Partial<RunSettings>;
  readonly dotted: readonly Dotted[];
}

/** Runs `palimpsest tune`; resolves to the exit code. @throws what is wrong with the options, the data or a run */
export async function tune(words: readonly string[], io: Io): Promise<number> {
  const { own, dotted } = divideDotted("tune", words);
  const settings = parse("tune", options, own);
  if (settings.help) {
    io.out.write(usage + describeOptions(options));
    return 0;
  }
  const { json, report, tuneTasks, strategy } = settings;
  const trials = trialsOf(settings.grid);
  refuseStray("tune", strategy.split(","), [...dotted, ...trials.flatMap((trial) => trial.dotted)]);
  await checkOutputs({ report });
  const data = await dataOf(settings);
  const whole = scenarioOf(settings, data);
  if (tuneTasks >= whole.tasks.length) {
    fail("E_CONFIG", `tune: no task is left to report on; expected --tune-tasks below ${whole.tasks.length}, got ${tuneTasks}`, {
      hint: `Give --tune-tasks ${whole.tasks.length - 1}, or more --tasks.`,
    });
  }
  const seeds = Array.from({ length: settings.seeds }, (_, i) => settings.seed + i);
  const planOf = (trial: Trial, seed: number, part: (scenario: Scenario) => Scenario) => {
    const own = { ...settings, ...trial.settings, seed };
    const taken = dotted.filter(({ strategy: name, key }) => !trial.dotted.some((one) => one.strategy === name && one.key === key));
    return { group: trial.label, seed, make: () => setUp(own, data, [...taken, ...trial.dotted], part(scenarioOf(own, data))) };
  };
  const first = (scenario: Scenario): Scenario => heldOut({ ...scenario, tasks: scenario.tasks.slice(0, tuneTasks) });
  const others = (scenario: Scenario): Scenario => ({ ...scenario, tasks: scenario.tasks.slice(tuneTasks) });
  for (const trial of trials) planOf(trial, settings.seed, first).make();
  const runtime = await open(settings, io);
  try {
    const tried = await runSeveral(
      runtime,
      trials.flatMap((trial) => seeds.map((seed) => planOf(trial, seed, first))),
      io,
      json,
    );
    const scores = tried && trials.map(({ label }) => scoreOf(tried.filter(({ group }) => group === label)));
    const top = scores?.reduce((best, score, i) => (score > (scores[best] ?? Number.NEGATIVE_INFINITY) ? i : best), 0) ?? 0;
    if (scores?.every((score) => score === Number.NEGATIVE_INFINITY)) {
      fail("E_DIVERGED", "tune: every combination diverged; expected one that learns, got none", { hint: "Try a lower learning-rate." });
    }
    const best = trials[top] as Trial;
    const ended =
      scores &&
      (await runSeveral(
        runtime,
        seeds.map((seed) => planOf(best, seed, others)),
        io,
        json,
      ));
    if (scores === undefined || ended === undefined) {
      io.err.write("palimpsest: interrupted\n");
      return interrupted;
    }
    const records = recordsOf(ended);
    if (report !== undefined && Object.keys(records).length > 0) await writeText(report, comparisonReport(records));
    const runs = trials.length * seeds.length;
    const judged = trials.map(({ label }, i) => ({ label, accuracy: Number.isFinite(scores[i]) ? scores[i] : null }));
    if (json) {
      const accuracies = ended.map(({ outcome }) => (outcome === undefined ? null : endOf(outcome.record)));
      writeJson(io.out, { type: "tuned", runs, tuneTasks, trials: judged, best: best.label, seeds, accuracies });
      return 0;
    }
    io.out.write(`\n${runs} runs on the first ${tuneTasks} of ${whole.tasks.length} tasks, judged by rows set aside from training\n\n`);
    const marked = judged.map(({ label, accuracy }, i) => [
      label,
      accuracy === null ? "diverged" : percent(accuracy),
      i === top ? "best" : "",
    ]);
    writeTable(io.out, [[strategy, "accuracy", ""], ...marked]);
    io.out.write(
      `\nThe other ${whole.tasks.length - tuneTasks} tasks, on their test rows, ${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}\n\n`,
    );
    writeTable(io.out, figureTable([best.label], records, seeds.length));
    if (report !== undefined) io.out.write(`\nThe report with pictures is ${paint(io.out, "bold", report)}\n`);
    return 0;
  } finally {
    runtime.close();
  }
}

/** Returns all combinations of the values of grids. @throws E_CONFIG */
function trialsOf(grids: readonly string[]): Trial[] {
  if (grids.length === 0) {
    fail("E_CONFIG", 'tune: option "--grid" is missing; expected values to try, got none', { hint: "Give --grid learning-rate=0.01,0.1." });
  }
  let trials: Trial[] = [{ label: "", settings: {}, dotted: [] }];
  for (const grid of grids) {
    const equals = grid.indexOf("=");
    const name = grid.slice(0, Math.max(0, equals)).replace(/^--/, "");
    const values = grid
      .slice(equals + 1)
      .split(",")
      .filter((value) => value !== "");
    if (name === "" || values.length === 0) {
      fail("E_CONFIG", `tune: this is no grid; expected NAME=VALUE,VALUE…, got "${grid}"`, { hint: "Give --grid learning-rate=0.01,0.1." });
    }
    trials = trials.flatMap((trial) => values.map((value) => extended(trial, name, value)));
  }
  return trials;
}

function extended({ label, settings, dotted }: Trial, name: string, value: string): Trial {
  const told = `${label}${label === "" ? "" : ", "}${name} ${value}`;
  if (name.includes(".")) return { label: told, settings, dotted: [...dotted, readDotted(name, value)] };
  const key = camelCased(checkChoice("tune", "--grid", flagged(camelCased(name)), tunable.map(flagged))) as keyof RunSettings;
  return { label: told, settings: { ...settings, [key]: runOptions[key].read("tune", `--grid ${name}`, value) }, dotted };
}

/** Returns the mean accuracy at the end, −∞ where a run diverged. */
function scoreOf(ended: readonly Ended[]): number {
  const scores = ended.map(({ outcome }) => (outcome === undefined ? Number.NEGATIVE_INFINITY : endOf(outcome.record)));
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** Returns tasks that are tested on rows of their training parts, which no longer have them; the same ones each time. */
function heldOut(scenario: Scenario): Scenario {
  const parts = new Map<Dataset, { readonly train: Dataset; readonly test: Dataset }>();
  const divide = (whole: Dataset) => {
    const order = shuffled(whole.count);
    const held = Math.max(1, Math.floor(heldShare * whole.count));
    if (held === whole.count) {
      fail("E_DATA", `tune: ${whole.name} has no row to set aside; expected at least 2, got ${whole.count}`);
    }
    return {
      train: select(whole, order.subarray(held).sort()),
      test: select(whole, order.subarray(0, held).sort(), `${whole.name}, set aside`),
    };
  };
  return {
    ...scenario,
    tasks: scenario.tasks.map((task) => {
      const part = parts.get(task.train) ?? divide(task.train);
      parts.set(task.train, part);
      return { ...task, ...part };
    }),
  };
}
