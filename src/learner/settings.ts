/** Numbers of the optimizer, and of strategies, that are read and changed while a learner trains. */
import { checkNumber, fail } from "../errors.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { checkSetting, initialOf, partsOf } from "../optim/parts.ts";
import type { Strategy } from "../strategy/strategy.ts";

/** What a program puts out, by name. */
type Outputs = Readonly<Record<string, ArrayLike<number>>>;

/** What has settings: a learner's machinery. */
interface Adjustable {
  readonly config: { readonly optimizer: Optimizer; readonly strategies: readonly Strategy[] };
  readonly settings: Record<string, number>;
  readonly learningRate: number;
}

/** Returns what a number of a strategy begins with: of "ewc.lambda", its `hyper.lambda`; undefined where that is none. */
function hyperOf({ strategies }: Adjustable["config"], name: string): number | undefined {
  const owner = strategies.find((strategy) => name.startsWith(`${strategy.name}.`));
  return owner?.hyper?.[name.slice(owner.name.length + 1)];
}

/** Returns what a setting is now. @throws E_CONFIG for a name that is none */
export function getSetting({ config, settings, learningRate }: Adjustable, name: string): number {
  const initial = hyperOf(config, name) ?? initialOf(config.optimizer, name);
  return settings[name] ?? initial ?? learningRate;
}

/** Refuses a change of a setting: another name, or a value outside its range. @throws E_CONFIG */
export function checkChange({ config }: Pick<Adjustable, "config">, name: string, value: number | undefined): void {
  if (hyperOf(config, name) !== undefined) checkNumber("learner", name, value ?? 0, { min: 0, max: 1e9 });
  else if (value === undefined) initialOf(config.optimizer, name);
  else checkSetting(config.optimizer, name, value);
}

/** Changes a setting from the next step on; undefined takes it back to what it began with, the learning rate to its schedule. */
export function setSetting({ settings }: Adjustable, name: string, value: number | undefined): void {
  if (value === undefined) delete settings[name];
  else settings[name] = value;
}

/** Returns the settings that were changed, and what the optimizer told of a step. */
export function metricsOf(settings: Readonly<Record<string, number>>, outputs: Outputs): Record<string, number> {
  const told = Object.entries(outputs).filter(([name]) => name.startsWith(PREFIX));
  const { learningRate: _, ...changed } = settings;
  return { ...changed, ...Object.fromEntries(told.map(([name, values]) => [name.slice(PREFIX.length), values[0] as number])) };
}

const PREFIX = "optimizer/";

/** Refuses to answer by averaged weights where there are none. @throws E_CONFIG */
export function checkAveraged(where: string, optimizer: Optimizer): void {
  if (partsOf(optimizer).some(({ part }) => part.averaged !== undefined)) return;
  fail("E_CONFIG", `${where}: option "averaged" needs averaged weights; expected an optimizer that keeps them, got ${optimizer.name}`, {
    hint: "Put optim.averageWeights() before it in optim.chain.",
  });
}
