import { add, div, less, mul, select, sqrt, sub } from "../program/tensor.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link adabelief}. */
export interface AdabeliefOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared surprises. Default 0.999. */
  readonly beta2?: number;
  /**
   * ε, added to the mean square in every step and beside its root. Default 1e-16, which f32 holds but which vanishes beside mean squares above
   * 1e-9: there, the step is that of ε = 0.
   */
  readonly eps?: number;
  /** λ, decoupled: w shrinks by 1 − ηλ. Default 0. */
  readonly weightDecay?: number;
  /** Takes steps of momentum alone until the variance of the adaptive rate is bounded. Default true. */
  readonly rectify?: boolean;
}

/**
 * Returns AdaBelief: m as in Adam; s ← β₂s + (1−β₂)(g−m)² + ε; w ← w(1−ηλ) − η·m̂/(√ŝ + ε), or rectified as in RAdam.
 * @throws E_CONFIG
 * @see Zhuang et al. 2020, arXiv 2010.07468; Liu et al. 2020, arXiv 1908.03265 for the rectification
 */
export function adabelief(options: AdabeliefOptions = {}): Optimizer {
  const table = {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-16, ranges.positive],
    weightDecay: [0, ranges.natural],
  } as const;
  const { values, hyper } = numbersOf("optim.adabelief", options, table, ["rectify"]);
  const { rectify = true } = options;
  return rule({
    name: "adabelief",
    options: { ...values, rectify },
    hyper,
    slots: { m: {}, s: {} },
    scalars(k, { learningRate, beta1, beta2, eps, weightDecay }) {
      const [mean, square] = [1 - integerPower(beta1, k), 1 - integerPower(beta2, k)];
      const adaptive = rectify ? rectification(k, beta2) : 1;
      return {
        decay: 1 - learningRate * weightDecay,
        rate: ((adaptive || 1) * learningRate) / mean,
        // Rectified, the root is corrected within the rate.
        rootCorrection: rectify ? 1 : 1 / Math.sqrt(square),
        adaptive,
        beta1,
        oneMinusBeta1: 1 - beta1,
        beta2,
        oneMinusBeta2: 1 - beta2,
        eps,
      };
    },
    rates: ["decay", "rate"],
    update({ params, grads, slots, scalars }) {
      const { beta1, oneMinusBeta1, beta2, oneMinusBeta2, eps, adaptive, rate, rootCorrection, decay } = scalars;
      const m = blend(beta1, slots.m, oneMinusBeta1, grads);
      const surprise = sub(grads, m);
      const s = add(blend(beta2, slots.s, oneMinusBeta2, mul(surprise, surprise)), eps);
      const root = add(mul(sqrt(s), rootCorrection), eps);
      const step = div(mul(rate, m), select(less(0, adaptive), root, 1));
      return { params: sub(mul(params, decay), step), slots: { m, s } };
    },
  });
}

/** Returns √(1 − β₂^k) times RAdam's factor at step k; 0 where momentum goes alone. */
function rectification(k: number, beta2: number): number {
  const longest = 2 / (1 - beta2) - 1;
  const decayed = integerPower(beta2, k);
  const length = longest - (2 * k * decayed) / (1 - decayed);
  if (length < 5) return 0;
  const shares = ((length - 4) / (longest - 4)) * ((length - 2) / length) * (longest / (longest - 2));
  return Math.sqrt((1 - decayed) * shares);
}
