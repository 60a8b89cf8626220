import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import type { MemoryPolicy } from "../memory/policy.ts";
import { type BuiltLayer, carriesOf, type Layer, type ParamSpec, paramsOf, statesOf } from "../nn/layer.ts";
import { crossEntropy, type Loss } from "../nn/loss.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { groupsOf } from "../optim/parts.ts";
import { asSchedule } from "../optim/rate.ts";
import type { Schedule } from "../optim/schedules.ts";
import type { UpdateForm } from "../optim/step.ts";
import { type Shape, showShape, sizeOf } from "../program/shape.ts";
import type { Store } from "../store/index.ts";
import type { Strategy } from "../strategy/strategy.ts";
import type { HookPlan } from "./hookplan.ts";
import type { MemoryPlan } from "./needs.ts";
import { type AnyController, isController } from "./rates.ts";

/** What a row of input is: its shape, how it is stored, and the numbers the model sees: value·scale + offset. */
export interface InputSpec {
  readonly shape: Shape;
  /** `f32` (default) takes Float32Array; `u8` takes Uint8Array and keeps one byte per element in memory. */
  readonly dtype?: "f32" | "u8";
  /** Default 1. */
  readonly scale?: number;
  /** Default 0. */
  readonly offset?: number;
}

/** Whether a change is on the device when it is acknowledged, or outlives the program but perhaps not a loss of power a second later. */
export type Durability = "strict" | "relaxed";

/** Options of a learner. */
export interface LearnerOptions {
  /**
   * The model; under a loss of labels its output must be logits: [classes], or [..., classes] with a label for each place before, such as each
   * step of time.
   */
  readonly model: Layer;
  /** The shape of a row (f32), or more about it. */
  readonly input: Shape | InputSpec;
  /** What training makes small, and whether targets are labels or values. Default: {@link crossEntropy}. */
  readonly loss?: Loss;
  readonly optimizer: Optimizer;
  /** The learning rate: a schedule, a constant, or a controller, which {@link Learner.control} tells what was observed. */
  readonly schedule: Schedule | number | AnyController;
  /** Which rows are kept for replay. Default: none. */
  readonly memory?: MemoryPolicy;
  /** Default: none, plain training on what arrives. */
  readonly strategies?: readonly Strategy[];
  /** Whether somebody tells boundaries, by {@link Learner.consolidate}: `told` (default), or `none`, which strategies that need them refuse. */
  readonly boundaries?: "told" | "none";
  /** Numbers to begin with, by path of parameter or layer state; what is not named starts fresh. */
  readonly weights?: ReadonlyMap<string, Float32Array>;
  /** Seed of every random stream: 0 … 2^53 − 1. Default 0. */
  readonly seed?: number;
  /** Rows of a step; smaller batches are padded, a larger one makes it grow. Default: those of the first batch. */
  readonly batchSize?: number;
  /** Where {@link Learner.save} puts the state. */
  readonly store?: Store;
  /**
   * Records every change in the store before it is done, so that a program killed at any moment goes on where it was. `strict`: a change is on the
   * device when it is acknowledged. `relaxed`: it outlives the program, but the last second may not outlive a loss of power. Default: nothing is
   * recorded, {@link Learner.save} saves.
   */
  readonly durability?: Durability;
  /**
   * Bytes of older snapshots, and of what was recorded since, that the store keeps beside what it needs: as far back as `forget(ids, { exact:
   * true })` can go. The last snapshot but one is kept whatever its size, for `repair`. Default: 64 MiB.
   */
  readonly history?: number;
  /** For how long to wait, with a durability, until another who writes to the store lets go of it, in milliseconds. Default 0. */
  readonly waitMs?: number;
  /** Whether to take the store, with a durability, from another who still writes to it: its next change fails with E_LOCKED. Default false. */
  readonly steal?: boolean;
  /**
   * Keeps the rows of the memory in a file of the store, and at most so many bytes of them in this program's memory; 8 bytes a row that it can
   * hold, one a place of the file and what the policy knows of each row come on top. What is learned is the same to the bit. Needs `durability`;
   * older snapshots are not kept then, since the rows that they speak of are written over. Default: all rows in memory.
   */
  readonly residentBytes?: number;
  /** Whether the optimizer runs by its hand-written kernel (default) or its traced recipe; both give the same numbers. */
  readonly update?: UpdateForm;
}

/** What traces the updates that no kernel does. */
export type Recipe = typeof import("../optim/recipe.ts");

/** Options checked, with defaults filled in and the model built. */
export interface Config {
  readonly model: Layer;
  readonly built: BuiltLayer;
  readonly params: ReadonlyMap<string, ParamSpec>;
  /** What layers keep without training it, by path. */
  readonly states: ReadonlyMap<string, ParamSpec>;
  /** Shapes of what each row of the stream carries from step to step, by path. */
  readonly carries: ReadonlyMap<string, Shape>;
  readonly input: Required<InputSpec>;
  readonly loss: Loss;
  /** Classes of a label; 1 where targets are values. */
  readonly classes: number;
  /** Labels of a row: 1, or the places before the classes; where targets are values, those of the output. */
  readonly targets: number;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule | AnyController;
  readonly memory: MemoryPlan | undefined;
  readonly strategies: readonly Strategy[];
  readonly boundaries: "told" | "none";
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly seed: number;
  readonly batchSize: number | undefined;
  readonly store: Store | undefined;
  readonly durability: Durability | undefined;
  readonly history: number;
  readonly residentBytes: number | undefined;
  readonly update: UpdateForm;
  /** Undefined where a kernel does the whole update. */
  readonly recipe: Recipe | undefined;
  /** Undefined where strategies do no more than draw and store rows. */
  readonly hooks: HookPlan<Config> | undefined;
}

/** Bytes of older snapshots and records that are kept. */
export const DEFAULT_HISTORY: number = 2 ** 26;

const KEYS = [
  "model",
  "input",
  "loss",
  "optimizer",
  "schedule",
  "memory",
  "strategies",
  "boundaries",
  "weights",
  "seed",
  "batchSize",
  "store",
  "durability",
  "history",
  "waitMs",
  "steal",
  "residentBytes",
  "update",
];

/** Returns the options checked, but for weights; what a memory or a recipe needs is still to come. @throws E_CONFIG E_SHAPE */
export function checkOptions(options: LearnerOptions): Config {
  const where = "Learner";
  checkKeys(where, options, KEYS);
  for (const key of ["model", "input", "optimizer", "schedule"] as const) {
    if (options[key] === undefined)
      fail("E_CONFIG", `${where}: option "${key}" is missing; expected a value, got nothing`, { hint: `Give "${key}".` });
  }
  const input = resolveInput(options.input);
  const loss = options.loss ?? crossEntropy();
  const model = modelOf(options.model, input, loss);
  const strategies = options.strategies ?? [];
  checkStrategies(strategies, options.memory);
  const weights = options.weights ?? new Map();
  return {
    ...model,
    input,
    loss,
    optimizer: options.optimizer,
    schedule: scheduleOf(options),
    memory: undefined,
    strategies,
    boundaries: checkChoice(where, "boundaries", options.boundaries ?? "told", ["told", "none"]),
    weights,
    seed: checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
    batchSize:
      options.batchSize === undefined
        ? undefined
        : checkNumber(where, "batchSize", options.batchSize, { min: 1, max: 65_536, integer: true }),
    store: options.store,
    durability: options.durability && checkChoice<Durability>(where, "durability", options.durability, ["strict", "relaxed"]),
    history: checkNumber(where, "history", options.history ?? DEFAULT_HISTORY, { min: 0 }),
    residentBytes:
      options.residentBytes === undefined
        ? undefined
        : checkNumber(where, "residentBytes", options.residentBytes, { min: 0, integer: true }),
    update: checkChoice(where, "update", options.update ?? "kernel", ["kernel", "recipe"]),
    recipe: undefined,
    hooks: undefined,
  };
}

/** Returns options of which some are others, to which the hooks of their strategies are bound. */
export function changed(config: Config, part: Partial<Config>): Config {
  const other = { ...config, ...part };
  return config.hooks?.rebind(other) ?? other;
}

/** Returns what follows from a model and the shape of its input. @throws E_CONFIG E_SHAPE */
export function modelOf(
  model: Layer,
  input: InputSpec,
  loss: Loss,
): Pick<Config, "model" | "built" | "params" | "states" | "carries" | "classes" | "targets"> {
  const built = model.build(input.shape, "");
  const params = paramsOf(built);
  const labels = loss.targets === "labels";
  const classes = labels ? (built.output.at(-1) ?? 0) : 1;
  if (labels && classes < 2) {
    fail("E_SHAPE", `Learner: the model's output is not logits; expected [..., classes], got ${showShape(built.output)}`, {
      hint: "End the model with nn.classifier, or give a loss of values such as losses.meanSquaredError().",
    });
  }
  if (params.size === 0) fail("E_CONFIG", "Learner: the model has no parameters; expected at least one, got none");
  const targets = sizeOf(labels ? built.output.slice(0, -1) : built.output);
  return { model, built, params, states: statesOf(built), carries: carriesOf(built), classes, targets };
}

function resolveInput(input: Shape | InputSpec): Required<InputSpec> {
  const spec: InputSpec = Array.isArray(input) ? { shape: input as Shape } : (input as InputSpec);
  checkKeys("Learner: input", spec, ["shape", "dtype", "scale", "offset"]);
  if (!Array.isArray(spec.shape) || spec.shape.length === 0 || sizeOf(spec.shape) < 1 || !spec.shape.every(Number.isInteger)) {
    fail("E_CONFIG", `Learner: option "input" is not a shape; expected whole numbers such as [784], got ${describe(spec.shape)}`);
  }
  if (spec.dtype !== undefined && spec.dtype !== "f32" && spec.dtype !== "u8") {
    fail("E_CONFIG", `Learner: input.dtype has no such choice; expected f32 or u8, got ${describe(spec.dtype)}`);
  }
  const scale = checkNumber("Learner: input", "scale", spec.scale ?? 1);
  return { shape: spec.shape, dtype: spec.dtype ?? "f32", scale, offset: checkNumber("Learner: input", "offset", spec.offset ?? 0) };
}

/** Returns the schedule or controller, whose groups must be those that the optimizer tells apart. @throws E_CONFIG */
function scheduleOf({ schedule: given, optimizer }: LearnerOptions): Config["schedule"] {
  if (typeof given === "object" && given !== null && isController(given)) return given;
  const schedule = asSchedule(given);
  const used = new Set(groupsOf(optimizer).flatMap(({ schedule: name }) => name ?? []));
  const known = Object.keys(schedule.groups ?? {});
  const odd = [...used].find((name) => !known.includes(name)) ?? known.find((name) => !used.has(name));
  if (odd === undefined) return schedule;
  const list = (names: readonly string[]): string => names.join(", ") || "none";
  fail("E_CONFIG", `Learner: schedule and optimizer differ in the groups they name; expected ${list([...used])}, got ${list(known)}`, {
    hint: `Give ${used.has(odd) ? "schedules.perGroup" : "a group of optim.perGroup"} the name "${odd}".`,
  });
}

function checkStrategies(strategies: readonly Strategy[], memory: MemoryPolicy | undefined): void {
  const groups = new Map<string, string>([["arrival", "the learner"]]);
  let storing: string | undefined;
  for (const strategy of strategies) {
    if (strategy.needsMemory === true && memory === undefined) {
      fail("E_CONFIG", `strategies: "${strategy.name}" draws from a memory; expected option "memory", got nothing`, {
        hint: "Add memory: memory.reservoir({ capacity: 1000 }).",
      });
    }
    if (strategy.store !== undefined) {
      if (storing !== undefined)
        fail("E_CONFIG", `strategies: "${storing}" and "${strategy.name}" both decide what is stored; expected one, got two`);
      storing = strategy.name;
    }
    for (const group of strategy.draw?.groups ?? []) {
      checkNumber(`strategies: "${strategy.name}": group "${group.name}"`, "size", group.size, { min: 1, max: 2 ** 20, integer: true });
      const other = groups.get(group.name);
      if (other !== undefined)
        fail("E_CONFIG", `strategies: "${strategy.name}" and "${other}" both have a group "${group.name}"; expected distinct names`);
      groups.set(group.name, strategy.name);
    }
  }
}
