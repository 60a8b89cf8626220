import { add, less, mul, select, sub } from "../program/tensor.ts";
import { blend, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link lion}. */
export interface LionOptions {
  /** How much of the mean the step looks at. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of gradients. Default 0.99. */
  readonly beta2?: number;
  /** λ, decoupled: w shrinks by 1 − ηλ. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Returns Lion: w ← w(1−ηλ) − η·sign(β₁m + (1−β₁)g); m ← β₂m + (1−β₂)g; the sign of 0 is 0. Its η is 3 to 10 times smaller than AdamW's.
 * @throws E_CONFIG
 * @see Chen et al. 2023, arXiv 2302.06675
 */
export function lion(options: LionOptions = {}): Optimizer {
  const { values, hyper } = numbersOf("optim.lion", options, {
    beta1: [0.9, ranges.decay],
    beta2: [0.99, ranges.decay],
    weightDecay: [0, ranges.natural],
  });
  return rule({
    name: "lion",
    options: values,
    hyper,
    slots: { m: {} },
    scalars: (_, { learningRate, beta1, beta2, weightDecay }) => ({
      learningRate,
      decay: 1 - learningRate * weightDecay,
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
    }),
    rates: ["learningRate", "decay"],
    update({ params, grads, slots, scalars: s }) {
      const ahead = add(mul(s.beta1, slots.m), mul(s.oneMinusBeta1, grads));
      const sign = select(less(0, ahead), 1, select(less(ahead, 0), -1, mul(ahead, 0)));
      return {
        params: sub(mul(params, s.decay), mul(s.learningRate, sign)),
        slots: { m: blend(s.beta2, slots.m, s.oneMinusBeta2, grads) },
      };
    },
  });
}
