import { add, div, mul, sqrt, sub } from "../program/tensor.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

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
  const { values, hyper } = numbersOf("optim.adamw", options, {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-8, ranges.positive],
    weightDecay: [0.01, ranges.natural],
  });
  return rule({
    name: "adamw",
    options: values,
    hyper,
    slots: { m: {}, v: {} },
    scalars: (k, { learningRate, beta1, beta2, eps, weightDecay }) => ({
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
    rates: ["learningRate", "decay", "rate"],
    update({ params, grads, slots, scalars: s }) {
      const m = blend(s.beta1, slots.m, s.oneMinusBeta1, grads);
      const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(grads, grads));
      const step = div(mul(s.rate, m), add(mul(sqrt(v), s.rootCorrection), s.eps));
      return { params: sub(mul(params, s.decay), step), slots: { m, v } };
    },
    kernel: { name: "adamw", flags: {} },
  });
}
