import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, mul, sqrt, sub } from "../program/tensor.ts";
import { integerPower, type Optimizer, settled } from "./optimizer.ts";

/** Options of {@link adamw}. */
export interface AdamwOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε beside the root. Default 1e-8. */
  readonly eps?: number;
  /** λ, decoupled: w shrinks by 1 − ηλ. Default 0.01. */
  readonly weightDecay?: number;
}

/**
 * Returns Adam with decoupled weight decay: m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; w ← w(1−ηλ) − η·m̂/(√v̂ + ε), with m̂ and v̂
 * corrected for their start at 0. Set weightDecay to 0 for Adam.
 * @throws E_CONFIG
 * @see Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2
 */
export function adamw(options: AdamwOptions = {}): Optimizer {
  const where = "optim.adamw";
  checkKeys(where, options, ["beta1", "beta2", "eps", "weightDecay"]);
  const beta1 = checkNumber(where, "beta1", options.beta1 ?? 0.9, { min: 0, max: 1, open: "max" });
  const beta2 = checkNumber(where, "beta2", options.beta2 ?? 0.999, { min: 0, max: 1, open: "max" });
  const eps = checkNumber(where, "eps", options.eps ?? 1e-8, { min: 0, open: "min" });
  const weightDecay = checkNumber(where, "weightDecay", options.weightDecay ?? 0.01, { min: 0 });
  return {
    name: "adamw",
    options: { beta1, beta2, eps, weightDecay },
    slots: ["m", "v"],
    scales: [],
    scalars: (k, learningRate) => ({
      learningRate,
      decay: 1 - learningRate * weightDecay,
      rate: learningRate / (1 - integerPower(beta1, k)),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      rootCorrection: 1 / Math.sqrt(1 - integerPower(beta2, k)),
      eps,
    }),
    update({ params, grads, slots, scalars }) {
      const s = scalars as Record<string, Tensor>;
      const of = (name: string): Tensor => s[name] as Tensor;
      const m = settled(add(mul(of("beta1"), slots.m as Tensor), mul(of("oneMinusBeta1"), grads)));
      const v = settled(add(mul(of("beta2"), slots.v as Tensor), mul(of("oneMinusBeta2"), mul(grads, grads))));
      const step = div(mul(of("rate"), m), add(mul(sqrt(v), of("rootCorrection")), of("eps")));
      return { params: sub(mul(params, of("decay")), step), slots: { m, v } };
    },
    kernel: { name: "adamw", flags: {} },
  };
}
