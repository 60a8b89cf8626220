import { namesIn, strategyNames } from "./names.ts";
import { choice, flag, name, number, numbers, type Option, type Options, text } from "./options.ts";
import { type DrawChoice, drawChoices, type PolicyChoice, policyChoices } from "./recall.ts";

/** What decides what is learned, and how; undefined where the choice depends on another setting. */
export interface RunSettings {
  readonly data: string | undefined;
  readonly scenario: "split" | "permuted" | "rotated" | "recurring";
  readonly tasks: number;
  readonly increment: "class" | "domain" | "task" | undefined;
  readonly boundaries: "told" | "hidden";
  readonly blur: number | undefined;
  readonly visits: number | undefined;
  readonly gapExponent: number | undefined;
  readonly classesPerTask: number | undefined;
  readonly longTail: number | undefined;
  readonly labelNoise: number | undefined;
  readonly memory: number;
  readonly memoryPolicy: PolicyChoice;
  readonly draw: DrawChoice;
  readonly batch: number;
  readonly replayBatch: number | undefined;
  readonly epochs: number;
  readonly limit: number | undefined;
  readonly hidden: readonly number[];
  readonly dropout: number;
  readonly freeze: boolean;
  readonly optimizer: "sgd" | "adamw";
  readonly learningRate: number | undefined;
  readonly schedule: "constant" | "cosine" | "rewarm" | "infinite";
  readonly momentum: number | undefined;
  readonly weightDecay: number | undefined;
  readonly clip: number | undefined;
  readonly evaluationShare: number | undefined;
  readonly evaluationCap: number | undefined;
  readonly seed: number;
  readonly backend: "auto" | "wasm" | "webgpu";
  readonly threads: number;
  readonly json: boolean;
  readonly help: boolean;
}

/** What `palimpsest learn` can be told. */
export interface LearnSettings extends RunSettings {
  /** Names between commas. */
  readonly strategy: string;
  readonly checkpoint: string | undefined;
  readonly durability: "strict" | "relaxed";
  readonly report: string | undefined;
  readonly facts: string | undefined;
  readonly csv: string | undefined;
  readonly tensorboard: string | undefined;
}

const count = { min: 1, integer: true } as const;

/** The options of whatever runs, after those of its own. */
export const runOptions: Options<RunSettings> = {
  data: text("DIR", "folder of IDX files, gzipped or not; without it, glyphs that are drawn here"),
  scenario: choice(
    ["split", "permuted", "rotated", "recurring"],
    "split",
    "new classes with each task, the same ones changed, or drawn anew",
  ),
  tasks: number(count, 5, "tasks, learned one after another"),
  increment: choice<"class" | "domain" | "task", undefined>(
    ["class", "domain", "task"],
    undefined,
    "what is new with a task of split classes (default: class)",
  ),
  boundaries: choice(["told", "hidden"], "told", "whether the learner is told where a task ends"),
  blur: number({ min: 0 }, undefined, "rows over which a task gives way to the next; boundaries are hidden"),
  visits: number(count, undefined, "come to the tasks again and again, so many times in all"),
  gapExponent: number({ min: 0 }, undefined, "how rare long gaps between visits of one task are (default: 1)"),
  classesPerTask: number(count, undefined, "classes of a recurring task (default: 2)"),
  longTail: number({ min: 0, max: 1, open: "min" }, undefined, "rows of the last class for each of the first; others lie between"),
  labelNoise: number({ min: 0, max: 1 }, undefined, "share of wrong labels in what is learned"),
  memory: number({ ...count, max: 2 ** 24 }, 1000, "samples kept, where a strategy takes a memory"),
  memoryPolicy: name(policyChoices, "class-balanced", "which samples are kept"),
  draw: name(drawChoices, "uniform", "which kept samples join a step of replay"),
  batch: number({ ...count, max: 65_536 }, 10, "new samples in a step"),
  replayBatch: number({ ...count, max: 2 ** 20 }, undefined, "kept samples in a step (default: as many as new ones)"),
  epochs: number(count, 1, "passes over each task"),
  limit: number(count, undefined, "use at most N samples of each task"),
  hidden: numbers(count, [512], "units of each hidden layer"),
  dropout: number({ min: 0, max: 1, open: "max" }, 0.5, "share of hidden units dropped in a step"),
  freeze: flag("leave the hidden layers as they are; strategy features implies it"),
  optimizer: choice(["sgd", "adamw"], "sgd", "update rule"),
  learningRate: number({ min: 0, max: 1e6, open: "min" }, undefined, "highest learning rate (default: 0.1 for sgd, 0.001 for adamw)"),
  schedule: choice(["constant", "cosine", "rewarm", "infinite"], "constant", "learning rate over time"),
  momentum: number({ min: 0, max: 1, open: "max" }, undefined, "momentum of sgd (default: 0)"),
  weightDecay: number({ min: 0 }, undefined, "weight decay (default: 0 for sgd, 0.01 for adamw)"),
  clip: number({ min: 0, open: "min" }, undefined, "most that the norm of all gradients may be"),
  evaluationShare: number({ min: 0, max: 10 }, undefined, "cost of evaluations within tasks, of that of steps (default: 0.1)"),
  evaluationCap: number(count, undefined, "most rows of a task that such an evaluation asks (default: 100)"),
  seed: number({ min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }, 0, "seed of everything random"),
  backend: choice(["auto", "wasm", "webgpu"], "auto", "what computes"),
  threads: number({ ...count, max: 64 }, 1, "threads of the Wasm backend; they change no result"),
  json: flag("write NDJSON, which ends in one line of summary"),
  help: flag("tell this"),
};

/** The options of `palimpsest learn`. */
export const learnOptions: Options<LearnSettings> = {
  strategy: strategies("replay", "what is done against forgetting; options of one: --ewc.lambda 10"),
  ...runOptions,
  checkpoint: text("DIR", "keep the run in this folder, and continue the one it holds"),
  durability: choice(["strict", "relaxed"], "relaxed", "whether a step kept there outlives a loss of power, or a kill alone"),
  report: text("FILE.html", "write a report with pictures"),
  facts: text("FILE.ndjson", "write what happened, from which all figures follow, a line for each fact"),
  csv: text("FILE.csv", "write the figures"),
  tensorboard: text("DIR", "write a file of events for TensorBoard into this folder"),
};

/** Returns an option that takes names of strategies between commas, which the help lists below it. */
export function strategies(fallback: string, about: string): Option<string> {
  const read = (where: string, option: string, given: string): string => namesIn(where, option, given).join(",");
  return { value: "NAME[,NAME…]", text: about, fallback, read, words: strategyNames };
}
