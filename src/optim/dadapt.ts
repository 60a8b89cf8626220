import { abs, add, div, less, maximum, minimum, mul, select, sqrt, sub, sum } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link dadaptSgd}. */
export interface DadaptSgdOptions {
  /** μ: how much of the parameters stays in a step. Default 0.9. */
  readonly momentum?: number;
  /** d₀: the first guess of the distance to a solution. Default 1e-6. */
  readonly distance?: number;
  /** The most that the guess may grow by in a step. Default 1e30: without bound. */
  readonly growth?: number;
}

/**
 * Returns SGD that finds its own rate: L = dη/‖g₁‖; n ← n + L⟨g, s⟩; s ← s + Lg; d ← max(d, min(2n/‖s‖, d·growth));
 * w ← μw + (1−μ)(w₀ − s). Leave the learning rate at 1, or give a schedule that ends there.
 * @throws E_CONFIG
 * @see Defazio and Mishchenko 2023, arXiv 2301.07733
 */
export function dadaptSgd(options: DadaptSgdOptions = {}): Optimizer {
  const table = { momentum: [0.9, ranges.decay], distance: [1e-6, ranges.positive], growth: [UNBOUNDED, { min: 1 }] } as const;
  const { values, hyper: all } = numbersOf("optim.dadaptSgd", options, table);
  const { distance: _, ...hyper } = all;
  return rule({
    name: "dadaptSgd",
    options: values,
    hyper,
    slots: {
      first: { initial: "params" },
      s: {},
      d: { per: "all", initial: values.distance },
      numerator: { per: "all" },
      norm: { per: "all" },
    },
    scalars: (k, { learningRate, momentum, growth }) => ({
      learningRate,
      momentum,
      oneMinusMomentum: 1 - momentum,
      growth,
      begins: k === 1 ? 1 : 0,
    }),
    rates: ["learningRate"],
    update({ params, grads, slots, scalars: { learningRate, momentum, oneMinusMomentum, growth, begins } }) {
      const norm = select(less(0, begins), normOf(grads), slots.norm);
      const rate = mul(learningRate, select(less(0, norm), div(slots.d, norm), 0));
      const s = add(slots.s, mul(rate, grads));
      const numerator = add(slots.numerator, sum(mul(mul(rate, grads), slots.s)));
      const size = normOf(s);
      const guess = select(less(0, size), div(mul(numerator, 2), size), 0);
      const d = maximum(slots.d, minimum(guess, mul(slots.d, growth)));
      const next = add(mul(momentum, params), mul(oneMinusMomentum, sub(slots.first, s)));
      return { params: next, slots: { s, d, numerator, norm }, metrics: { d } };
    },
  });
}

/** Options of {@link dadaptAdam}. */
export interface DadaptAdamOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε beside the root. Default 1e-8. */
  readonly eps?: number;
  /** λ, decoupled: w shrinks by 1 − dηλ. Default 0. */
  readonly weightDecay?: number;
  /** d₀: the first guess of the distance to a solution. Default 1e-6. */
  readonly distance?: number;
  /** The most that the guess may grow by in a step. Default 1e30: without bound. */
  readonly growth?: number;
  /** Corrects the means for their start at 0. Default false. */
  readonly biasCorrection?: boolean;
}

/**
 * Returns Adam that finds its own rate, as {@link dadaptSgd} does; s and n decay by √β₂, and what is summed is divided by √v + ε.
 * @throws E_CONFIG
 * @see Defazio and Mishchenko 2023, arXiv 2301.07733
 */
export function dadaptAdam(options: DadaptAdamOptions = {}): Optimizer {
  const table = {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-8, ranges.positive],
    weightDecay: [0, ranges.natural],
    distance: [1e-6, ranges.positive],
    growth: [UNBOUNDED, { min: 1 }],
  } as const;
  const { values, hyper: all } = numbersOf("optim.dadaptAdam", options, table, ["biasCorrection"]);
  const { distance: _, ...hyper } = all;
  const { biasCorrection = false } = options;
  return rule({
    name: "dadaptAdam",
    options: { ...values, biasCorrection },
    hyper,
    slots: { m: {}, v: {}, s: {}, d: { per: "all", initial: values.distance }, numerator: { per: "all" } },
    scalars(k, { learningRate, beta1, beta2, eps, weightDecay, growth }) {
      const correction = biasCorrection ? Math.sqrt(1 - integerPower(beta2, k)) / (1 - integerPower(beta1, k)) : 1;
      const rate = learningRate * correction;
      const decayed = decays(beta1, beta2);
      return { ...decayed, rate, rateDecay: rate * weightDecay, eps, growth };
    },
    rates: ["rate", "rateDecay"],
    update({ params, grads, slots, scalars: c }) {
      const step = mul(mul(slots.d, c.rate), grads);
      const gained = sum(div(mul(step, slots.s), add(sqrt(slots.v), c.eps)));
      const m = blend(c.beta1, slots.m, c.oneMinusBeta1, step);
      const v = blend(c.beta2, slots.v, c.oneMinusBeta2, mul(grads, grads));
      const s = blend(c.root, slots.s, c.oneMinusRoot, step);
      const size = sum(abs(s));
      const moves = less(0, size);
      const numerator = select(moves, add(mul(c.root, slots.numerator), mul(c.oneMinusRoot, gained)), slots.numerator);
      const guess = select(moves, div(numerator, mul(c.oneMinusRoot, size)), 0);
      const d = maximum(slots.d, minimum(guess, mul(slots.d, c.growth)));
      const shrunk = sub(params, mul(mul(slots.d, c.rateDecay), params));
      const next = select(moves, sub(shrunk, div(m, add(sqrt(v), c.eps))), params);
      return { params: next, slots: { m, v, s, d, numerator }, metrics: { d } };
    },
  });
}

/** Beyond what any distance grows by in a step, and within f32. */
export const UNBOUNDED = 1e30;

/** Returns the decays of the means, and of what is summed. */
export function decays(
  beta1: number,
  beta2: number,
): Readonly<Record<"beta1" | "oneMinusBeta1" | "beta2" | "oneMinusBeta2" | "root" | "oneMinusRoot", number>> {
  const root = Math.sqrt(beta2);
  return { beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, root, oneMinusRoot: 1 - root };
}
