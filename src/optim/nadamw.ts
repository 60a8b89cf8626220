import { checkChoice } from "../errors.ts";
import { add, div, mul, sqrt, sub } from "../program/tensor.ts";
import type { AdamwOptions } from "./adamw.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link nadamw}. */
export interface NadamwOptions extends AdamwOptions {
  /** How the mean that looks ahead is corrected: by 1 − β₁^k in whole (`algoperf`, default), or its old part by 1 − β₁^{k+1} (`optax`). */
  readonly correction?: "algoperf" | "optax";
}

/**
 * Returns AdamW with a Nesterov step: w ← w(1−ηλ) − η·(β₁m + (1−β₁)g)^/(√v̂ + ε), m being the new mean.
 * @throws E_CONFIG
 * @see Dozat 2016; Dahl et al. 2023, arXiv 2306.07179
 */
export function nadamw(options: NadamwOptions = {}): Optimizer {
  const where = "optim.nadamw";
  const table = {
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-8, ranges.positive],
    weightDecay: [0.01, ranges.natural],
  } as const;
  const { values, hyper } = numbersOf(where, options, table, ["correction"]);
  const correction = checkChoice(where, "correction", options.correction ?? "algoperf", ["algoperf", "optax"]);
  return rule({
    name: "nadamw",
    options: { ...values, correction },
    hyper,
    slots: { m: {}, v: {} },
    scalars: (k, { learningRate, beta1, beta2, eps, weightDecay }) => ({
      decay: 1 - learningRate * weightDecay,
      meanRate: (learningRate * beta1) / (1 - integerPower(beta1, correction === "optax" ? k + 1 : k)),
      gradRate: (learningRate * (1 - beta1)) / (1 - integerPower(beta1, k)),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      rootCorrection: 1 / Math.sqrt(1 - integerPower(beta2, k)),
      eps,
    }),
    rates: ["decay", "meanRate", "gradRate"],
    update({ params, grads, slots, scalars: s }) {
      const m = blend(s.beta1, slots.m, s.oneMinusBeta1, grads);
      const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(grads, grads));
      const ahead = add(mul(s.meanRate, m), mul(s.gradRate, grads));
      const step = div(ahead, add(mul(sqrt(v), s.rootCorrection), s.eps));
      return { params: sub(mul(params, s.decay), step), slots: { m, v } };
    },
  });
}
