import { checkKeys, fail } from "../errors.ts";
import { type ReplayOptions, replay } from "./replay.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link gss}. */
export type GssOptions = Omit<ReplayOptions, "draw">;

/**
 * Returns gradient-based sample selection: uniform replay from a `memory.gradientDiverse`, which keeps rows whose gradients point apart. There a row's
 * gradient is that of its loss by the outputs of the model, whose angles are those of the whole gradient where rows have like features; with a
 * column of scores of one's own it is what that says.
 * @throws E_CONFIG at the first step, where the memory is another
 * @see Aljundi et al. 2019, arXiv 1903.08671, "Gradient based sample selection for online continual learning", GSS-Greedy
 */
export function gss(options: GssOptions): Strategy {
  checkKeys("strategies.gss", options, ["batchSize", "mean", "weight"]);
  const { config, draw, ...plain } = replay(options);
  const { draw: _, ...own } = config as { readonly draw: unknown };
  const inner = draw as NonNullable<Strategy["draw"]>;
  return {
    ...plain,
    name: "gss",
    config: own,
    draw: {
      groups: inner.groups,
      select(context) {
        const { policy } = context.memory?.policy ?? {};
        if (policy !== "gradient-diverse")
          fail("E_CONFIG", `strategies.gss: the memory keeps other rows; expected memory.gradientDiverse, got "${policy}"`, {
            hint: "Give the learner memory: memory.gradientDiverse({ capacity: 1000 }).",
          });
        return inner.select(context);
      },
    },
  };
}
