import { checkKeys } from "../errors.ts";
import { type AdaptiveOptions, adaptive } from "../memory/draws.ts";
import { type ReplayOptions, replay } from "./replay.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link adaptiveReplay}. */
export interface AdaptiveReplayOptions extends Omit<ReplayOptions, "draw">, Omit<AdaptiveOptions, "policy"> {}

/**
 * Returns replay at a ratio that adapts: few rows for each new one at first (`low`), more for good (`high`) once the share of active units of `nn.relu`
 * changed by no more than `gap` from one check to the next. A signal comes every tenth step, a check every `check` signals. `batchSize` bounds the
 * rows of a step: give at least `high` times those that arrive.
 * @throws E_CONFIG
 * @see Ma et al. 2024, arXiv 2310.07418, "Revisiting plasticity in visual reinforcement learning: data, modules and training stages", section 5
 */
export function adaptiveReplay(options: AdaptiveReplayOptions): Strategy {
  checkKeys("strategies.adaptiveReplay", options, ["batchSize", "mean", "weight", "low", "high", "gap", "check"]);
  const { low = 0.5, high = 2, gap = 0.001, check = 50, ...rest } = options;
  const { config, needs, ...plain } = replay({ ...rest, draw: adaptive({ low, high, gap, check }) });
  const { draw: _, ...own } = config as { readonly draw: unknown };
  return { ...plain, name: "adaptiveReplay", config: { ...own, low, high, gap, check }, needs: { ...needs, rectified: true } };
}
