import { fail } from "../errors.ts";
import type { LearnerOptions } from "../learner/config.ts";
import * as nn from "../nn/index.ts";
import { adamw } from "../optim/adamw.ts";
import { chain } from "../optim/chain.ts";
import { clipByGlobalNorm } from "../optim/clip.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { constant, cosine, infinite, rewarm, type Schedule } from "../optim/schedules.ts";
import { sgd } from "../optim/sgd.ts";
import { replay } from "../strategy/index.ts";
import { permuted, rotated, type Scenario, splitClasses, type TrainTest } from "../stream/index.ts";
import { type NamedData, sample, standardize } from "./data.ts";
import { type Setup, taskEnds } from "./experiment.ts";
import { flagOf } from "./options.ts";
import { drawOf, policyOf } from "./recall.ts";
import { type LearnSettings, learnOptions } from "./settings.ts";

/** Settings that decide where a run goes on and what it tells, but not what it learns. */
const outside: readonly (keyof LearnSettings)[] = ["data", "backend", "threads", "checkpoint", "durability", "report", "json", "help"];

/**
 * Returns the run that settings ask for on a set.
 * @throws E_CONFIG, E_DATA, E_SHAPE where they do not fit the set or each other
 */
export function setUp(settings: LearnSettings, data: NamedData): Setup {
  const optimizer = optimizerOf(settings);
  const scenario = scenarioOf(settings, data);
  const { batch, epochs, strategy, seed } = settings;
  const { learningRate = settings.optimizer === "sgd" ? 0.1 : 0.001, replayBatch = batch } = settings;
  const input = { shape: data.train.shape, dtype: data.train.x instanceof Uint8Array ? "u8" : "f32", ...standardize(data.train) } as const;
  const learner: LearnerOptions = {
    model: modelOf(settings, data.train.classes),
    input,
    optimizer,
    schedule: scheduleOf(settings.schedule, learningRate, taskEnds(scenario, batch, epochs)),
    ...(strategy === "replay" && {
      memory: policyOf(settings.memoryPolicy, settings.memory),
      strategies: [replay({ batchSize: replayBatch, draw: drawOf(settings.draw, replayBatch) })],
    }),
    seed,
    batchSize: batch,
  };
  return { name: strategy, scenario, learner, batch, epochs, seed, options: optionsOf(settings, data) };
}

/** Returns the update rule with its clipping. @throws E_CONFIG for an option of another rule */
function optimizerOf({ optimizer, momentum, weightDecay, clip }: LearnSettings): Optimizer {
  if (optimizer === "adamw" && momentum !== undefined) {
    fail("E_CONFIG", `learn: option "--momentum" has no effect on adamw; expected --optimizer sgd, got adamw`, {
      hint: "Remove --momentum.",
    });
  }
  const decay = weightDecay === undefined ? {} : { weightDecay };
  const rule = optimizer === "sgd" ? sgd({ ...decay, ...(momentum !== undefined && { momentum }) }) : adamw(decay);
  return clip === undefined ? rule : chain(clipByGlobalNorm({ maxNorm: clip }), rule);
}

function modelOf({ hidden, dropout }: LearnSettings, classes: number): nn.Layer {
  const layers = hidden.flatMap((units) => [nn.linear(units), nn.relu(), ...(dropout > 0 ? [nn.dropout(dropout)] : [])]);
  return nn.sequential(nn.flatten(), ...layers, nn.classifier({ capacity: classes }));
}

/** Returns the tasks, each with at most `limit` samples in either part. */
function scenarioOf({ scenario, tasks, seed, limit }: LearnSettings, data: TrainTest): Scenario {
  const make = {
    split: () => splitClasses(data, { tasks }),
    permuted: () => permuted(data, { tasks, seed }),
    rotated: () => rotated(data, { tasks }),
  };
  const whole = make[scenario]();
  if (limit === undefined) return whole;
  return { ...whole, tasks: whole.tasks.map((task) => ({ ...task, train: sample(task.train, limit), test: sample(task.test, limit) })) };
}

/** Returns the schedule of a kind under `peak` for tasks that end after the steps given. */
function scheduleOf(kind: LearnSettings["schedule"], peak: number, ends: readonly number[]): Schedule {
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
function optionsOf(settings: LearnSettings, { name, train, test }: NamedData): Setup["options"] {
  const keys = (Object.keys(learnOptions) as (keyof LearnSettings)[]).filter((key) => !outside.includes(key));
  const given = keys.map((key) => [flagOf(key).slice(2), settings[key] ?? null] as const);
  return { data: `${name} (${train.count} + ${test.count})`, ...Object.fromEntries(given) };
}
