import { ln } from "../natural.ts";
import { add, div, mul, sqrt, sub } from "../program/tensor.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link exadam}. */
export interface ExadamOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε beside the root. Default 1e-8. */
  readonly eps?: number;
  /** λ, decoupled: w shrinks by 1 − ηλ. Default 0. */
  readonly weightDecay?: number;
  /** Multiplies η by ln(√2·√(k+1)), as the first version does. Default false. */
  readonly logStep?: boolean;
}

/**
 * Returns EXAdam: moments corrected by one another, m̃ = m̂(1 + β₂^k·v/(v+ε)), ṽ = v̂(1 + β₁^k·m²/(m²+ε)), and the gradient added to the mean:
 * w ← w(1−ηλ) − η(m̃ + g̃)/(√ṽ + ε). Its first steps are about 16 times those of Adam: lower η accordingly.
 * @throws E_CONFIG
 * @see Adly 2024, arXiv 2412.20302
 */
export function exadam(options: ExadamOptions = {}): Optimizer {
  const table = {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-8, ranges.positive],
    weightDecay: [0, ranges.natural],
  } as const;
  const { values, hyper } = numbersOf("optim.exadam", options, table, ["logStep"]);
  const { logStep = false } = options;
  return rule({
    name: "exadam",
    options: { ...values, logStep },
    hyper,
    slots: { m: {}, v: {} },
    scalars(k, { learningRate, beta1, beta2, eps, weightDecay }) {
      const [power1, power2] = [integerPower(beta1, k), integerPower(beta2, k)];
      return {
        decay: 1 - learningRate * weightDecay,
        rate: (learningRate * (logStep ? ln(2 * (k + 1)) / 2 : 1)) / (1 - power1),
        squareCorrection: 1 / (1 - power2),
        power1,
        power2,
        beta1,
        oneMinusBeta1: 1 - beta1,
        beta2,
        oneMinusBeta2: 1 - beta2,
        eps,
      };
    },
    rates: ["decay", "rate"],
    update({ params, grads, slots, scalars: s }) {
      const m = blend(s.beta1, slots.m, s.oneMinusBeta1, grads);
      const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(grads, grads));
      const square = mul(m, m);
      const ofMean = add(1, mul(div(v, add(v, s.eps)), s.power2));
      const ofSquare = add(1, mul(div(square, add(square, s.eps)), s.power1));
      const root = add(sqrt(mul(mul(v, s.squareCorrection), ofSquare)), s.eps);
      const step = div(mul(mul(s.rate, ofMean), add(m, grads)), root);
      return { params: sub(mul(params, s.decay), step), slots: { m, v } };
    },
  });
}
