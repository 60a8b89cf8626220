import { fail } from "../errors.ts";
import { type AdamwOptions, adamw } from "./adamw.ts";
import { type ClipOptions, chain, clipByGlobalNorm } from "./clip.ts";
import type { Optimizer } from "./optimizer.ts";
import { type SgdOptions, sgd } from "./sgd.ts";

/** Plain data from which an optimizer can be made again. */
export interface OptimizerConfig {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly scales: readonly { readonly name: string; readonly options: Readonly<Record<string, unknown>> }[];
}

/** Returns the data from which an optimizer can be made again. */
export function optimizerConfig({ name, options, scales }: Optimizer): OptimizerConfig {
  return { name, options, scales: scales.map((scale) => ({ name: scale.name, options: scale.options })) };
}

/** Returns the optimizer that a config came from. @throws E_UNSUPPORTED */
export function optimizerFrom(config: OptimizerConfig): Optimizer {
  const scales = config.scales.map((scale) => {
    if (scale.name === "clipByGlobalNorm") return clipByGlobalNorm(scale.options as unknown as ClipOptions);
    return fail("E_UNSUPPORTED", `optim: no gradient scaling called "${scale.name}"; expected clipByGlobalNorm`);
  });
  if (config.name === "sgd") return chain(...scales, sgd(config.options as SgdOptions));
  if (config.name === "adamw") return chain(...scales, adamw(config.options as AdamwOptions));
  return fail("E_UNSUPPORTED", `optim: no optimizer called "${config.name}"; expected sgd or adamw`);
}
