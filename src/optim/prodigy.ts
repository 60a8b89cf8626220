import { abs, add, div, equal, less, maximum, minimum, mul, select, sqrt, sub, sum } from "../program/tensor.ts";
import { type DadaptAdamOptions, decays, UNBOUNDED } from "./dadapt.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link prodigy}. */
export interface ProdigyOptions extends DadaptAdamOptions {
  /** Multiplies the guess. Default 1. */
  readonly factor?: number;
  /** Leaves the rate out of what is summed, so that a warm-up does not inflate the guess. Default false. */
  readonly safeguard?: boolean;
}

/**
 * Returns Adam that finds its own rate from how far it has come: n ← √β₂n + (d/d₀)L⟨g, w₀ − w⟩, L = dη; s ← √β₂s + (d/d₀)Lg;
 * d ← max(d, min(n/‖s‖₁, d·growth)); w ← w(1−λL) − L·m/(√v + dε).
 * @throws E_CONFIG
 * @see Mishchenko and Defazio 2023, arXiv 2306.06101
 */
export function prodigy(options: ProdigyOptions = {}): Optimizer {
  const table = {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-8, ranges.positive],
    weightDecay: [0, ranges.natural],
    distance: [1e-6, ranges.positive],
    growth: [UNBOUNDED, { min: 1 }],
    factor: [1, ranges.positive],
  } as const;
  const { values, hyper: all } = numbersOf("optim.prodigy", options, table, ["biasCorrection", "safeguard"]);
  const { distance: _, ...hyper } = all;
  const { biasCorrection = false, safeguard = false } = options;
  const d0 = values.distance;
  return rule({
    name: "prodigy",
    options: { ...values, biasCorrection, safeguard },
    hyper,
    slots: {
      m: {},
      v: {},
      s: {},
      first: { initial: "params" },
      d: { per: "all", initial: d0 },
      most: { per: "all", initial: d0 },
      numerator: { per: "all" },
    },
    scalars(k, { learningRate, beta1, beta2, eps, weightDecay, growth, factor }) {
      const correction = biasCorrection ? Math.sqrt(1 - integerPower(beta2, k)) / (1 - integerPower(beta1, k)) : 1;
      const rate = learningRate * correction;
      return { ...decays(beta1, beta2), rate, rateDecay: rate * weightDecay, eps, growth, factor };
    },
    rates: ["rate", "rateDecay"],
    update({ params, grads, slots, scalars: c }) {
      const { d: old } = slots;
      const rate = mul(old, c.rate);
      const share = div(old, d0);
      const gained = sum(mul(mul(mul(share, rate), grads), sub(slots.first, params)));
      const m = blend(c.beta1, slots.m, c.oneMinusBeta1, mul(old, grads));
      const v = blend(c.beta2, slots.v, c.oneMinusBeta2, mul(mul(old, grads), mul(old, grads)));
      const s = add(mul(c.root, slots.s), mul(mul(share, safeguard ? old : rate), grads));
      const size = sum(abs(s));
      const moves = less(0, size);
      const numerator = add(mul(c.root, slots.numerator), gained);
      const guess = select(moves, mul(c.factor, div(numerator, size)), old);
      const raised = select(equal(old, d0), maximum(old, guess), old);
      const most = maximum(slots.most, guess);
      const d = select(moves, minimum(most, mul(raised, c.growth)), old);
      const shrunk = sub(params, mul(mul(old, c.rateDecay), params));
      const next = select(moves, sub(shrunk, div(mul(rate, m), add(sqrt(v), mul(d, c.eps)))), params);
      return { params: next, slots: { m, v, s, d, most, numerator }, metrics: { d } };
    },
  });
}
