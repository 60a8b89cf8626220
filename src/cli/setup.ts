import { fail } from "../errors.ts";
import type { LearnerOptions } from "../learner/config.ts";
import { evaluationBudget } from "../metrics/index.ts";
import * as nn from "../nn/index.ts";
import { adamw } from "../optim/adamw.ts";
import { chain } from "../optim/chain.ts";
import { clipByGlobalNorm } from "../optim/clip.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { constant, cosine, infinite, rewarm, type Schedule } from "../optim/schedules.ts";
import { sgd } from "../optim/sgd.ts";
import type { Strategy } from "../strategy/index.ts";
import type { Scenario } from "../stream/index.ts";
import { someOf, strategiesOf } from "./chosen.ts";
import { type Course, courseOf } from "./course.ts";
import { type NamedData, standardize } from "./data.ts";
import { type Dotted, dottedFlag } from "./dotted.ts";
import { baselineOf } from "./names.ts";
import { flagOf } from "./options.ts";
import { type PolicyChoice, policyOf } from "./recall.ts";
import type { Setup } from "./run.ts";
import { type Columns, columnsOf, scenarioOf } from "./scenario.ts";
import { learnOptions, type RunSettings, runOptions } from "./settings.ts";

/** Settings that decide a run, and the names of the strategies between commas. */
export type SetupSettings = RunSettings & { readonly strategy: string };

/** Settings that decide where a run goes on and what it tells, but not what it learns. */
const outside: readonly string[] = [
  ...["data", "backend", "threads", "checkpoint", "durability", "report", "facts", "csv", "tensorboard", "json", "help"],
];

/**
 * Returns the run that settings ask for on a set, or on tasks made of it.
 * @throws E_CONFIG, E_DATA, E_SHAPE where they do not fit the set or each other
 */
export function setUp(asked: SetupSettings, data: NamedData, dotted: readonly Dotted[] = [], given?: Scenario): Setup {
  const settings = { ...asked, memoryPolicy: policyFor(asked) };
  const optimizer = optimizerOf(settings);
  const names = settings.strategy.split(",");
  const scenario = given ?? scenarioOf(settings, data);
  const columns = columnsOf(scenario);
  const baseline = baselineOf(names);
  const course = courseOf(settings, scenario, columns, baseline);
  const strategies = chosen(settings, names, dotted, scenario, columns, course);
  const { batch, seed } = settings;
  const { learningRate = settings.optimizer === "sgd" ? 0.1 : 0.001 } = settings;
  const input = { shape: data.train.shape, dtype: data.train.x instanceof Uint8Array ? "u8" : "f32", ...standardize(data.train) } as const;
  const learner: LearnerOptions = {
    model: modelOf(settings, names.includes("features"), data.train.classes),
    input,
    optimizer,
    schedule: scheduleOf(settings.schedule, learningRate, course.ends),
    ...(someOf(strategies, ({ needsMemory }) => needsMemory) && { memory: policyOf(settings.memoryPolicy, settings.memory) }),
    ...(strategies.length > 0 && { strategies }),
    ...(!course.told && { boundaries: "none" }),
    seed,
    batchSize: batch,
  };
  const budget = evaluationBudget({ share: settings.evaluationShare ?? 0.1, cap: settings.evaluationCap ?? 100 });
  const afresh = baseline === "scratch";
  const options = optionsOf(settings, data, dotted);
  return { name: settings.strategy, ...{ scenario, columns, course, learner, afresh, budget, batch, seed, options } };
}

/** Returns what memory keeps: where nothing else is asked for, what a strategy is made for. */
function policyFor({ strategy, memoryPolicy }: SetupSettings): PolicyChoice {
  const made = strategy.split(",").includes("gss") && memoryPolicy === runOptions.memoryPolicy.fallback;
  return made ? "gradient-diverse" : memoryPolicy;
}

/** Returns the strategies, with the mask that tasks ask for. @throws E_CONFIG also where they need boundaries that nobody tells, or find such as are told */
function chosen(
  { batch, replayBatch = batch, draw }: SetupSettings,
  names: readonly string[],
  dotted: readonly Dotted[],
  { increment }: Scenario,
  { classes }: Columns,
  { told }: Course,
): Strategy[] {
  const masked = increment === "task" && !names.includes("task-mask") ? ["task-mask"] : [];
  const all = masked.length > 0 && names.join() === "naive" ? masked : [...names, ...masked];
  const strategies = strategiesOf("options", all, dotted, { batchSize: replayBatch, draw, told, classes });
  const finds = someOf(strategies, ({ raises }) => raises?.boundary);
  if (told && finds) {
    fail("E_CONFIG", "options: a detector finds boundaries that are told; expected --boundaries hidden, got told", {
      hint: "Give --boundaries hidden, or leave the detector out.",
    });
  }
  if (!told && !finds && someOf(strategies, ({ needs }) => needs?.boundary)) {
    fail("E_CONFIG", `options: "${names.join(",")}" settles what it keeps at boundaries; expected a detector of hidden ones, got none`, {
      hint: `Give --strategy ${[...names, "detect"].join(",")}.`,
    });
  }
  return strategies;
}

/** Returns the update rule with its clipping. @throws E_CONFIG for an option of another rule */
function optimizerOf({ optimizer, momentum, weightDecay, clip }: RunSettings): Optimizer {
  if (optimizer === "adamw" && momentum !== undefined) {
    fail("E_CONFIG", `options: option "--momentum" has no effect on adamw; expected --optimizer sgd, got adamw`, {
      hint: "Remove --momentum.",
    });
  }
  const decay = weightDecay === undefined ? {} : { weightDecay };
  const rule = optimizer === "sgd" ? sgd({ ...decay, ...(momentum !== undefined && { momentum }) }) : adamw(decay);
  return clip === undefined ? rule : chain(clipByGlobalNorm({ maxNorm: clip }), rule);
}

function modelOf({ hidden, dropout, freeze }: RunSettings, features: boolean, classes: number): nn.Layer {
  const frozen = freeze || features;
  const layers = hidden.flatMap((units) => {
    const layer = nn.linear(units);
    return frozen ? [nn.frozen(layer), nn.relu()] : [layer, nn.relu(), ...(dropout > 0 ? [nn.dropout(dropout)] : [])];
  });
  return nn.sequential(nn.flatten(), ...layers, nn.classifier({ capacity: classes }));
}

/** Returns the schedule of a kind under `peak` for tasks that end after the steps given. */
function scheduleOf(kind: RunSettings["schedule"], peak: number, ends: readonly number[]): Schedule {
  const total = ends.at(-1) as number;
  const share = (part: number): number => Math.floor(part * total);
  switch (kind) {
    case "constant":
      return constant(peak);
    case "cosine":
      return cosine({ peak, warmup: share(0.05), total });
    case "rewarm": {
      const starts = [0, ...ends.slice(0, -1)];
      return rewarm({ stages: starts.map((start, task) => ({ start, length: (ends[task] as number) - start, peak })) });
    }
    case "infinite": {
      const [warmup, cooldown, anneal] = [share(0.05), share(0.35), share(0.2)];
      const constantSteps = total - warmup - cooldown - anneal;
      return infinite({ peak, constant: 0.3 * peak, final: 0.01 * peak, warmup, cooldown, constantSteps, anneal });
    }
  }
}

/** Returns what decides a run, under the names it has on the command line. */
function optionsOf(settings: SetupSettings, { name, train, test }: NamedData, dotted: readonly Dotted[]): Setup["options"] {
  const keys = (Object.keys(learnOptions) as (keyof SetupSettings)[]).filter((key) => !outside.includes(key));
  const given = keys.map((key) => [flagOf(key).slice(2), settings[key] ?? null] as const);
  const own = dotted.map((option) => [dottedFlag(option).slice(2), JSON.stringify(option.value)] as const);
  return { data: `${name} (${train.count} + ${test.count})`, ...Object.fromEntries([...given, ...own]) };
}
