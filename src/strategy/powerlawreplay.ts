import { checkKeys } from "../errors.ts";
import { powerLaw } from "../memory/draws.ts";
import { type ReplayOptions, replay } from "./replay.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link powerLawReplay}. */
export interface PowerLawReplayOptions extends Omit<ReplayOptions, "draw"> {
  /** How fast rehearsal falls with age, a. Default 1. */
  readonly exponent?: number;
}

/**
 * Returns power-law rehearsal: replay that draws a task of Δ tasks ago in proportion to Δ^−a, rows of a task evenly; the latest task only while it is
 * alone. Batches must say their task. Reconstructed: a = 1, and that the number of rows is the same in each step.
 * @throws E_CONFIG
 * @see Gandhi et al. 2024, arXiv 2401.10393, "Catastrophic interference is mitigated in naturalistic power-law learning environments"
 */
export function powerLawReplay(options: PowerLawReplayOptions): Strategy {
  checkKeys("strategies.powerLawReplay", options, ["batchSize", "exponent", "mean", "weight"]);
  const { exponent = 1, ...rest } = options;
  const { config, ...plain } = replay({ ...rest, draw: powerLaw({ exponent, key: "task" }) });
  const { draw: _, ...own } = config as { readonly draw: unknown };
  return { ...plain, name: "powerLawReplay", config: { ...own, exponent } };
}
