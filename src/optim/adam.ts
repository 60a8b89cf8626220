import { add, div, maximum, mul, sqrt, sub } from "../program/tensor.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule, type SlotTable } from "./optimizer.ts";

/** Options of {@link adam}. */
export interface AdamOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε beside the root. Default 1e-8. */
  readonly eps?: number;
  /** λ, added to the gradient as λ·w (L2). Default 0. */
  readonly weightDecay?: number;
  /** Divides by the largest mean square so far. Default false. */
  readonly amsgrad?: boolean;
}

/**
 * Returns Adam: m ← β₁m + (1−β₁)d; v ← β₂v + (1−β₂)d², d = g + λw; w ← w − η·m̂/(√v̂ + ε). For decay that is decoupled, {@link adamw}.
 * @throws E_CONFIG
 * @see Kingma and Ba 2015, arXiv 1412.6980; Reddi et al. 2018 for AMSGrad; torch.optim.Adam
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const table = {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-8, ranges.positive],
    weightDecay: [0, ranges.natural],
  } as const;
  const { values, hyper } = numbersOf("optim.adam", options, table, ["amsgrad"]);
  const amsgrad = options.amsgrad ?? false;
  return rule({
    name: "adam",
    options: { ...values, amsgrad },
    hyper,
    slots: { m: {}, v: {}, ...(amsgrad ? { most: {} } : {}) } as SlotTable<"m" | "v" | "most">,
    scalars: (k, { learningRate, beta1, beta2, eps, weightDecay }) => ({
      rate: learningRate / (1 - integerPower(beta1, k)),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      rootCorrection: 1 / Math.sqrt(1 - integerPower(beta2, k)),
      eps,
      weightDecay,
    }),
    rates: ["rate", "weightDecay"],
    update({ params, grads, slots, scalars: s }) {
      const d = add(grads, mul(s.weightDecay, params));
      const m = blend(s.beta1, slots.m, s.oneMinusBeta1, d);
      const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(d, d));
      const most = amsgrad ? maximum(slots.most, v) : v;
      const step = div(mul(s.rate, m), add(mul(sqrt(most), s.rootCorrection), s.eps));
      return { params: sub(params, step), slots: (amsgrad ? { m, v, most } : { m, v }) as typeof slots };
    },
    ...(!amsgrad && { kernel: { name: "adamw", flags: {} } }),
  });
}
