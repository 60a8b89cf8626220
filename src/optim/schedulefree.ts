import { power } from "../natural.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, less, maximum, mul, select, sqrt, sub } from "../program/tensor.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule, type UpdateInputs } from "./optimizer.ts";

/** Options of {@link scheduleFreeSgd}. */
export interface ScheduleFreeOptions {
  /** β: how far towards the average gradients are taken. Default 0.9. */
  readonly beta1?: number;
  /** λ, decoupled, at the point where gradients are taken. Default 0. */
  readonly weightDecay?: number;
  /** W: steps in which the rate grows to η. Default 0. */
  readonly warmup?: number;
  /** r: step k weighs k^r·ηmax² in the average. Default 0. */
  readonly exponent?: number;
}

/** Options of {@link scheduleFreeAdamw}. */
export interface ScheduleFreeAdamwOptions extends ScheduleFreeOptions {
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε beside the root. Default 1e-8. */
  readonly eps?: number;
  /** Corrects the root within the rate, which then weighs steps, as the paper has it. Default false. */
  readonly paper?: boolean;
}

const shared = {
  // The average is found back from the two points that are kept, which takes β > 0.
  beta1: [0.9, { min: 0, max: 1, open: "both" }],
  weightDecay: [0, ranges.natural],
  warmup: [0, { min: 0, integer: true }],
  exponent: [0, ranges.natural],
} as const;

const slots = { z: { initial: "params" }, most: { per: "all" }, weights: { per: "all" } } as const;

type Shared = Readonly<Record<keyof typeof shared | "learningRate", number>>;

/** Scalars that both rules have; `correction` multiplies the rate. What steps weigh goes by one rate for all groups: factors of theirs would cancel. */
function scalarsOf(k: number, { learningRate, beta1, weightDecay, warmup, exponent }: Shared, correction = 1) {
  const rate = learningRate * correction * (warmup === 0 ? 1 : Math.min(1, k / warmup));
  return { rate, common: rate, beta1, oneMinusBeta1: 1 - beta1, weightDecay, growth: power(k, exponent) };
}

type Point = UpdateInputs<"z" | "most" | "weights", keyof ReturnType<typeof scalarsOf>>;

/** Returns the average x of the points z, from where gradients are taken: y = (1−β)z + βx. */
function averageOf({ params, slots, scalars }: Point): Tensor {
  return div(sub(params, mul(scalars.oneMinusBeta1, slots.z)), scalars.beta1);
}

/** Moves z by a step d and averages. */
function moved(inputs: Point, d: Tensor): { params: Tensor; slots: { z: Tensor; most: Tensor; weights: Tensor } } {
  const { slots, scalars: s } = inputs;
  const most = maximum(slots.most, s.common);
  const weight = mul(s.growth, mul(most, most));
  const weights = add(slots.weights, weight);
  const share = select(less(0, weights), div(weight, weights), 0);
  const z = sub(slots.z, mul(s.rate, d));
  const x = averageOf(inputs);
  const average = add(x, mul(share, sub(z, x)));
  return { params: add(mul(s.oneMinusBeta1, z), mul(s.beta1, average)), slots: { z, most, weights } };
}

/**
 * Returns schedule-free SGD: z ← z − η(g + λy); x ← (1−c)x + cz; the gradient is taken at y = (1−β)z + βx, which is what is trained; the average
 * x is what answers when averaged weights are asked for.
 * @throws E_CONFIG
 * @see Defazio et al. 2024, "The road less scheduled", arXiv 2405.15682
 */
export function scheduleFreeSgd(options: ScheduleFreeOptions = {}): Optimizer {
  const { values, hyper } = numbersOf("optim.scheduleFreeSgd", options, shared);
  return rule({
    name: "scheduleFreeSgd",
    options: values,
    hyper,
    slots,
    scalars: (k, hyper) => scalarsOf(k, hyper),
    rates: ["rate", "weightDecay"],
    averaged: (inputs) => averageOf(inputs),
    update: (inputs) => moved(inputs, add(inputs.grads, mul(inputs.scalars.weightDecay, inputs.params))),
  });
}

/**
 * Returns schedule-free AdamW: {@link scheduleFreeSgd} with g/(√v̂ + ε) in place of g.
 * @throws E_CONFIG
 * @see Defazio et al. 2024, arXiv 2405.15682
 */
export function scheduleFreeAdamw(options: ScheduleFreeAdamwOptions = {}): Optimizer {
  const table = { ...shared, beta2: [0.999, ranges.decay], eps: [1e-8, ranges.positive] } as const;
  const { values, hyper } = numbersOf("optim.scheduleFreeAdamw", options, table, ["paper"]);
  const { paper = false } = options;
  return rule({
    name: "scheduleFreeAdamw",
    options: { ...values, paper },
    hyper,
    slots: { ...slots, v: {} },
    scalars(k, hyper) {
      const { beta2, eps } = hyper;
      const root = Math.sqrt(1 - integerPower(beta2, k));
      return { ...scalarsOf(k, hyper, paper ? root : 1), rootCorrection: paper ? 1 : 1 / root, beta2, oneMinusBeta2: 1 - beta2, eps };
    },
    rates: ["rate", "weightDecay"],
    averaged: (inputs) => averageOf(inputs),
    update(inputs) {
      const { params, grads, slots, scalars: s } = inputs;
      const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(grads, grads));
      const root = add(mul(sqrt(v), s.rootCorrection), s.eps);
      const decay = mul(s.weightDecay, params);
      const result = moved(inputs, add(div(grads, root), decay));
      return { params: result.params, slots: { ...result.slots, v } };
    },
  });
}
