import { choice, flag, name, number, numbers, type Options, text } from "./options.ts";
import { type DrawChoice, drawChoices, type PolicyChoice, policyChoices } from "./recall.ts";

/** What `palimpsest learn` can be told; undefined where the choice depends on another setting. */
export interface LearnSettings {
  readonly data: string | undefined;
  readonly scenario: "split" | "permuted" | "rotated";
  readonly tasks: number;
  readonly strategy: "naive" | "replay";
  readonly memory: number;
  readonly memoryPolicy: PolicyChoice;
  readonly draw: DrawChoice;
  readonly batch: number;
  readonly replayBatch: number | undefined;
  readonly epochs: number;
  readonly limit: number | undefined;
  readonly hidden: readonly number[];
  readonly dropout: number;
  readonly optimizer: "sgd" | "adamw";
  readonly learningRate: number | undefined;
  readonly schedule: "constant" | "cosine" | "rewarm" | "infinite";
  readonly momentum: number | undefined;
  readonly weightDecay: number | undefined;
  readonly clip: number | undefined;
  readonly seed: number;
  readonly backend: "auto" | "wasm" | "webgpu";
  readonly threads: number;
  readonly checkpoint: string | undefined;
  readonly durability: "strict" | "relaxed";
  readonly report: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
}

const count = { min: 1, integer: true } as const;

/** The options of `palimpsest learn`. */
export const learnOptions: Options<LearnSettings> = {
  data: text("DIR", "folder of IDX files, gzipped or not; without it, glyphs that are drawn here"),
  scenario: choice(["split", "permuted", "rotated"], "split", "new classes with each task, or the same ones changed"),
  tasks: number(count, 5, "tasks, learned one after another"),
  strategy: choice(["naive", "replay"], "replay", "what is done against forgetting"),
  memory: number({ ...count, max: 2 ** 24 }, 1000, "samples kept for replay"),
  memoryPolicy: name(policyChoices, "class-balanced", "which samples are kept"),
  draw: name(drawChoices, "uniform", "which kept samples join a step"),
  batch: number({ ...count, max: 65_536 }, 10, "new samples in a step"),
  replayBatch: number({ ...count, max: 2 ** 20 }, undefined, "kept samples in a step (default: as many as new ones)"),
  epochs: number(count, 1, "passes over each task"),
  limit: number(count, undefined, "use at most N samples of each task"),
  hidden: numbers(count, [512], "units of each hidden layer"),
  dropout: number({ min: 0, max: 1, open: "max" }, 0.5, "share of hidden units dropped in a step"),
  optimizer: choice(["sgd", "adamw"], "sgd", "update rule"),
  learningRate: number({ min: 0, max: 1e6, open: "min" }, undefined, "highest learning rate (default: 0.1 for sgd, 0.001 for adamw)"),
  schedule: choice(["constant", "cosine", "rewarm", "infinite"], "constant", "learning rate over time"),
  momentum: number({ min: 0, max: 1, open: "max" }, undefined, "momentum of sgd (default: 0)"),
  weightDecay: number({ min: 0 }, undefined, "weight decay (default: 0 for sgd, 0.01 for adamw)"),
  clip: number({ min: 0, open: "min" }, undefined, "most that the norm of all gradients may be"),
  seed: number({ min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }, 0, "seed of everything random"),
  backend: choice(["auto", "wasm", "webgpu"], "auto", "what computes"),
  threads: number({ ...count, max: 64 }, 1, "threads of the Wasm backend; they change no result"),
  checkpoint: text("DIR", "keep the run in this folder, and continue the one it holds"),
  durability: choice(["strict", "relaxed"], "relaxed", "whether a step kept there outlives a loss of power, or a kill alone"),
  report: text("FILE.html", "write a report with pictures"),
  json: flag("write NDJSON, which ends in one line of summary"),
  help: flag("tell this"),
};
