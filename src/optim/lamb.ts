import { add, div, equal, minimum, mul, select, sqrt, sub } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { guarded } from "./lars.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link lamb}. */
export interface LambOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε beside the root. Default 1e-6. */
  readonly eps?: number;
  /** λ, part of the step that is scaled. A tensor with λ = 0 takes Adam's step. Default 0.01. */
  readonly weightDecay?: number;
  /** Corrects the means for their start at 0. Default true. */
  readonly biasCorrection?: boolean;
  /** Keeps the ratio at 1 or below. Default false. */
  readonly trustClip?: boolean;
}

/**
 * Returns Adam whose step is as long as each tensor: u = m̂/(√v̂ + ε) + λw; w ← w − η·‖w‖/‖u‖·u, the ratio 1 where a norm is 0.
 * @throws E_CONFIG
 * @see You et al. 2020, arXiv 1904.00962
 */
export function lamb(options: LambOptions = {}): Optimizer {
  const table = {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-6, ranges.positive],
    weightDecay: [0.01, ranges.natural],
  } as const;
  const { values, hyper } = numbersOf("optim.lamb", options, table, ["biasCorrection", "trustClip"]);
  const { biasCorrection = true, trustClip = false } = options;
  return rule({
    name: "lamb",
    options: { ...values, biasCorrection, trustClip },
    hyper,
    slots: { m: {}, v: {} },
    scalars: (k, { learningRate, beta1, beta2, eps, weightDecay }) => ({
      learningRate,
      meanCorrection: biasCorrection ? 1 / (1 - integerPower(beta1, k)) : 1,
      rootCorrection: biasCorrection ? 1 / Math.sqrt(1 - integerPower(beta2, k)) : 1,
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      eps,
      weightDecay,
    }),
    rates: ["learningRate", "weightDecay"],
    update({ each }) {
      const { params, m, v } = each(({ params, grads, slots, scalars: s }) => {
        const m = blend(s.beta1, slots.m, s.oneMinusBeta1, grads);
        const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(grads, grads));
        const adam = div(mul(s.meanCorrection, m), add(mul(sqrt(v), s.rootCorrection), s.eps));
        const u = add(adam, mul(s.weightDecay, params));
        const [w, n] = [normOf(params), normOf(u)];
        const raw = select(equal(s.weightDecay, 0), 1, guarded(w, n, div(w, n)));
        const ratio = trustClip ? minimum(raw, 1) : raw;
        return { params: sub(params, mul(mul(s.learningRate, ratio), u)), m, v };
      });
      return { params, slots: { m, v } };
    },
  });
}
