/** The options of a learner as plain data, and back; this alone knows every layer, loss, schedule and strategy by name. */
import { checkNumber, fail } from "../errors.ts";
import type { MemoryPolicy } from "../memory/policy.ts";
import { capacityOf, withCapacity } from "../nn/classifier.ts";
import { fromConfig, lossFrom } from "../nn/config.ts";
import type { LayerConfig } from "../nn/layer.ts";
import type { Loss } from "../nn/loss.ts";
import { type OptimizerConfig, optimizerConfig, optimizerFrom } from "../optim/config.ts";
import { rateFrom } from "../optim/revive.ts";
import { strategyFrom } from "../strategy/config.ts";
import { type Config, changed, type Durability, type InputSpec, type LearnerOptions, modelOf } from "./config.ts";

/** The options of a learner as plain data, as a checkpoint keeps them. */
export interface SavedConfig {
  readonly model: LayerConfig;
  readonly input: Required<InputSpec>;
  readonly loss: Pick<Loss, "kind" | "options">;
  readonly optimizer: OptimizerConfig;
  readonly schedule: { readonly kind: string; readonly options: Readonly<Record<string, unknown>> };
  readonly memory: MemoryPolicy | null;
  readonly strategies: readonly { readonly name: string; readonly config: Readonly<Record<string, unknown>> | null }[];
  readonly seed: number;
  /** How changes are recorded; absent where they are not. */
  readonly durability?: Durability;
  readonly history?: number;
  /** Bytes of the memory's rows that are kept in memory; absent where all are. */
  readonly residentBytes?: number;
}

/** Returns the options of a learner as plain data. */
export function saveConfig(config: Config): SavedConfig {
  return {
    model: config.model.config,
    input: config.input,
    loss: { kind: config.loss.kind, options: config.loss.options },
    optimizer: optimizerConfig(config.optimizer),
    schedule: { kind: config.schedule.kind, options: config.schedule.options },
    memory: config.memory?.policy ?? null,
    strategies: (config.hooks?.given ?? config.strategies).map(({ name, config: options }) => ({ name, config: options ?? null })),
    seed: config.seed,
    ...(config.durability && { durability: config.durability, history: config.history }),
    ...(config.residentBytes !== undefined && { residentBytes: config.residentBytes }),
  };
}

/** Returns the options with a classifier of more capacity. @throws E_CONFIG E_UNSUPPORTED, the latter for layers of the user's own */
export function growConfig(config: Config, capacity: number): Config {
  const now = capacityOf(config.model.config);
  if (now === undefined)
    fail("E_CONFIG", "grow: the model has no classifier; expected nn.classifier as its last layer, got none", {
      hint: "End the model with nn.classifier.",
    });
  checkNumber("grow", "capacity", capacity, { min: now, integer: true });
  checkGrows(config, "grow");
  return resizeConfig(config, capacity);
}

/** Returns the options with the capacity that the classifier had when it was saved. @throws E_UNSUPPORTED for layers of the user's own */
export function configThen(config: Config, saved: SavedConfig): Config {
  const capacity = capacityOf(saved.model);
  return capacity === undefined || capacity === capacityOf(config.model.config) ? config : resizeConfig(config, capacity);
}

function resizeConfig(config: Config, capacity: number): Config {
  return changed(config, modelOf(fromConfig(withCapacity(config.model.config, capacity)), config.input, config.loss));
}

/** Refuses more classes where memory counts on those there are. @throws E_UNSUPPORTED */
export function checkGrows({ memory }: Config, where: string): void {
  if (memory?.embeds !== "gradient") return;
  fail(
    "E_UNSUPPORTED",
    `${where}: the rows in memory are known by gradients of as many classes as before; expected equal classes, got more`,
    { hint: "Keep rows by another policy, such as memory.similarity, which goes by features." },
  );
}

/** Returns the text that two learners share when one's state fits the other's model. */
export function signatureOf(model: LayerConfig, input: Required<InputSpec>): string {
  return JSON.stringify({ model, input });
}

/** Returns options from plain data. @throws E_UNSUPPORTED for a part that is not of this package */
export async function loadConfig(saved: SavedConfig): Promise<LearnerOptions> {
  return {
    model: fromConfig(saved.model),
    input: saved.input,
    loss: lossFrom(saved.loss),
    optimizer: optimizerFrom(saved.optimizer),
    schedule: await rateFrom(saved.schedule),
    ...(saved.memory === null ? {} : { memory: saved.memory }),
    strategies: saved.strategies.map(({ name, config }) => strategyFrom(name, config ?? {})),
    seed: saved.seed,
    ...(saved.durability && { durability: saved.durability }),
    ...(saved.history !== undefined && { history: saved.history }),
    ...(saved.residentBytes !== undefined && { residentBytes: saved.residentBytes }),
  };
}
