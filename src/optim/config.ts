import { fail } from "../errors.ts";
import { chain } from "./chain.ts";
import type { Optimizer, Options } from "./optimizer.ts";
import { rules, transforms } from "./rules.ts";

/** A part of an optimizer as plain data. */
interface PartConfig {
  readonly name: string;
  readonly options: Options;
}

/** Plain data from which an optimizer can be made again. */
export interface OptimizerConfig extends PartConfig {
  /** The transforms before it. */
  readonly scales: readonly PartConfig[];
}

/** Returns the data from which an optimizer can be made again. */
export function optimizerConfig({ name, options, transforms }: Optimizer): OptimizerConfig {
  return { name, options, scales: transforms.map((part) => ({ name: part.name, options: part.options })) };
}

/** Returns the optimizer that a config came from. @throws E_UNSUPPORTED */
export function optimizerFrom(config: OptimizerConfig): Optimizer {
  return chain(...config.scales.map((part) => made("transform", transforms, part)), made("optimizer", rules, config));
}

function made<P>(kind: string, makers: Readonly<Record<string, (options: never) => P>>, { name, options }: PartConfig): P {
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (make === undefined) fail("E_UNSUPPORTED", `optim: no ${kind} called "${name}"; expected one of ${Object.keys(makers).join(", ")}`);
  return make(options as never);
}
