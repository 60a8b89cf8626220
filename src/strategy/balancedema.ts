import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { abs, add, div, less, maximum, mul, select, sub, sum } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link balancedEma}. */
export interface BalancedEmaOptions {
  /** Weight of the new parameters where the rule gives none between 0 and 1. Default 0.01. */
  readonly fallback?: number;
}

/**
 * Returns an average of the parameters that balances plasticity and stability: for each tensor θ̄ ← (1 − α)·θ̄ + α·θ with
 * α = 2(1 + ‖g‖₁)/(‖θ − θ̄‖₁·‖g − g₋₁‖₁), g the gradient of the loss and g₋₁ that of the step before, at first 0; where α is not below 1, the fallback.
 * The average answers in place of the parameters that are trained, which it does not touch.
 * @throws E_CONFIG
 * @see Qiao et al. 2024, arXiv 2410.10868, "LLaCA: multimodal large language continual assistant"
 */
export function balancedEma(options: BalancedEmaOptions = {}): Strategy {
  checkKeys("strategies.balancedEma", options, ["fallback"]);
  const fallback = checkNumber("strategies.balancedEma", "fallback", options.fallback ?? 0.01, { min: 0, max: 1 });
  return {
    name: "balancedEma",
    config: { fallback },
    hyper: { fallback },
    keeps: () => ({
      params: { shape: "parameters", initial: "params", mirror: "copy" },
      before: { shape: "parameters", mirror: "zero" },
      gradient: { shape: "parameters", lasts: false },
    }),
    gathers: ({ gradientOf, loss }) => ({ gradient: gradientOf(loss) }),
    edits: [
      {
        order: 20,
        apply({ vector, parts, joined, kept, hyper }) {
          const [now, average, gradient, before] = [vector, kept("params"), kept("gradient"), kept("before")].map(parts);
          const mixed = [...(now as ReadonlyMap<string, Tensor>)].map(([path, value]): [string, Tensor] => {
            const [mean, g, last] = [average, gradient, before].map((map) => map?.get(path)) as [Tensor, Tensor, Tensor];
            const share = shareOf(norm(g), norm(sub(value, mean)), norm(sub(g, last)), hyper("fallback"));
            return [path, add(mean, mul(share, sub(value, mean)))];
          });
          return { keeps: { params: joined(new Map(mixed)), before: kept("gradient") } };
        },
      },
    ],
    head: { params: "params" },
  };
}

/** Returns α of the sums of magnitudes of the gradient, of the way to the average, and of the gradient's change. */
export function shareOf(gradient: Tensor, away: Tensor, change: Tensor, fallback: Tensor | number): Tensor {
  const [above, below] = [mul(2, add(1, gradient)), mul(away, change)];
  return select(less(above, below), div(above, maximum(below, 1e-30)), fallback);
}

const norm = (x: Tensor): Tensor => sum(abs(x));
