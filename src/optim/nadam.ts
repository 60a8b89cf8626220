import { power } from "../natural.ts";
import { add, div, mul, sqrt, sub } from "../program/tensor.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link nadam}. */
export interface NadamOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε beside the root. Default 1e-8. */
  readonly eps?: number;
  /** λ, added to the gradient as λ·w (L2). Default 0. */
  readonly weightDecay?: number;
  /** ψ: how fast the momentum grows towards β₁. Default 0.004. */
  readonly momentumDecay?: number;
}

/**
 * Returns Adam with Nesterov momentum that grows: μ_k = β₁(1 − 0.96^{kψ}/2), Π_k = ∏μ_i;
 * w ← w − η(1−μ_k)/(1−Π_k)·g/D − ημ_{k+1}/(1−Π_kμ_{k+1})·m/D with D = √v̂ + ε.
 * @throws E_CONFIG
 * @see Dozat 2016, "Incorporating Nesterov momentum into Adam"; torch.optim.NAdam
 */
export function nadam(options: NadamOptions = {}): Optimizer {
  const { values, hyper } = numbersOf("optim.nadam", options, {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-8, ranges.positive],
    weightDecay: [0, ranges.natural],
    momentumDecay: [0.004, ranges.natural],
  });
  return rule({
    name: "nadam",
    options: values,
    hyper,
    slots: { m: {}, v: {}, product: { per: "all", initial: 1 } },
    scalars(k, { learningRate, beta1, beta2, eps, weightDecay, momentumDecay }) {
      const momentum = (at: number): number => beta1 * (1 - 0.5 * power(0.96, at * momentumDecay));
      const [now, next] = [momentum(k), momentum(k + 1)];
      return {
        now,
        next,
        gradRate: learningRate * (1 - now),
        meanRate: learningRate * next,
        beta1,
        oneMinusBeta1: 1 - beta1,
        beta2,
        oneMinusBeta2: 1 - beta2,
        rootCorrection: 1 / Math.sqrt(1 - integerPower(beta2, k)),
        eps,
        weightDecay,
      };
    },
    rates: ["gradRate", "meanRate", "weightDecay"],
    update({ params, grads, slots, scalars: s }) {
      const d = add(grads, mul(s.weightDecay, params));
      const product = mul(slots.product, s.now);
      const m = blend(s.beta1, slots.m, s.oneMinusBeta1, d);
      const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(d, d));
      const root = add(mul(sqrt(v), s.rootCorrection), s.eps);
      const ofGrad = mul(div(s.gradRate, sub(1, product)), d);
      const ofMean = mul(div(s.meanRate, sub(1, mul(product, s.next))), m);
      return { params: sub(params, div(add(ofGrad, ofMean), root)), slots: { m, v, product } };
    },
  });
}
