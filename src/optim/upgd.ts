import { checkChoice } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, exp, less, max, maximum, minimum, mul, neg, select, sqrt, sub, sum } from "../program/tensor.ts";
import type { Estimate } from "./hessian.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule, type UpdateInputs } from "./optimizer.ts";
import { refuse } from "./words.ts";

/** Options of {@link upgd}. */
export interface UpgdOptions {
  /** Decay of the mean utility. Default 0.999. */
  readonly betaUtility?: number;
  /** Deviation of the noise. Default 0.001. */
  readonly sigma?: number;
  /** λ, decoupled: w shrinks by 1 − ηλ. Default 0.001. */
  readonly weightDecay?: number;
  /** c: multiplies the step; the authors' experiments have 1, their example 2. Default 1. */
  readonly scale?: number;
  /** Utility −g·w (1, default), or −g·w + ½h·w² with an estimate of the Hessian's diagonal h (2). */
  readonly order?: 1 | 2;
  /**
   * Of order 2, what h is: one more pass backwards (`hesscale`, default), or the mean of a random direction's products (`hutchinson`), of which
   * each step sees one.
   */
  readonly curvature?: Estimate;
  /** What utility is measured against: the largest of all (`global`, default), or the norm along the last dim (`local`). */
  readonly scope?: "global" | "local";
  /** Whether useful weights are spared the gradient as well as the noise. Default true. */
  readonly protect?: boolean;
}

/**
 * Returns utility-based perturbed gradient descent: u ← βu + (1−β)(−g·w); s = σ(û/max u); w ← w(1−ηλ) − cη(g + ξ)(1−s), ξ ~ σN(0, 1). Where no
 * utility is above 0, s = ½ for all.
 * @throws E_CONFIG
 * @see Elsayed and Mahmood 2024, arXiv 2302.03281
 */
export function upgd(options: UpgdOptions = {}): Optimizer {
  const where = "optim.upgd";
  const table = {
    betaUtility: [0.999, ranges.decay],
    sigma: [0.001, ranges.natural],
    weightDecay: [0.001, ranges.natural],
    scale: [1, ranges.positive],
  } as const;
  const { values, hyper } = numbersOf(where, options, table, ["order", "curvature", "scope", "protect"]);
  const scope = checkChoice(where, "scope", options.scope ?? "global", ["global", "local"]);
  const order = checkChoice(where, "order", `${options.order ?? 1}`, ["1", "2"]) === "2" ? 2 : 1;
  if (order === 1) refuse(where, options, ["curvature"], "order 2");
  const curvature = checkChoice(where, "curvature", options.curvature ?? "hesscale", ["hesscale", "hutchinson"]);
  const { protect = true } = options;
  return rule({
    name: "upgd",
    options: { ...values, order, ...(order === 2 && { curvature }), scope, protect },
    hyper,
    slots: { utility: {} },
    scalars: (k, { learningRate, betaUtility, sigma, weightDecay, scale }) => ({
      rate: scale * learningRate,
      decay: 1 - learningRate * weightDecay,
      sigma,
      ...utilityScalars(k, betaUtility),
    }),
    rates: ["rate", "decay"],
    update(inputs) {
      const { params, grads, scalars: s } = inputs;
      const first = neg(mul(grads, params));
      const utility = utilityOf(inputs, order === 1 ? first : add(first, mul(mul(inputs.curvature(curvature), 0.5), mul(params, params))));
      const open = openness(inputs, utility, scope);
      const noise = mul(s.sigma, inputs.normal("noise"));
      const step = protect ? mul(add(grads, noise), open) : add(grads, mul(noise, open));
      return { params: sub(mul(params, s.decay), mul(s.rate, step)), slots: { utility } };
    },
  });
}

/** Options of {@link adaUpgd}. */
export interface AdaUpgdOptions extends Omit<UpgdOptions, "scale" | "order" | "curvature" | "scope" | "protect"> {
  /** c: multiplies the step. Default 2. */
  readonly scale?: number;
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** ε beside the root. Default 1e-5. */
  readonly eps?: number;
}

/**
 * Returns UPGD with Adam's step: w ← w(1−ηλ) − cη(m̂/(√v̂ + ε) + ξ)(1−s); c is 2 by default.
 * @throws E_CONFIG
 * @see Elsayed and Mahmood 2024, arXiv 2302.03281
 */
export function adaUpgd(options: AdaUpgdOptions = {}): Optimizer {
  const { values, hyper } = numbersOf("optim.adaUpgd", options, {
    betaUtility: [0.999, ranges.decay],
    sigma: [0.001, ranges.natural],
    weightDecay: [0.001, ranges.natural],
    scale: [2, ranges.positive],
    beta1: [0.9, ranges.decay],
    beta2: [0.999, ranges.decay],
    eps: [1e-5, ranges.positive],
  });
  return rule({
    name: "adaUpgd",
    options: values,
    hyper,
    slots: { utility: {}, m: {}, v: {} },
    scalars: (k, { learningRate, betaUtility, sigma, weightDecay, scale, beta1, beta2, eps }) => ({
      rate: scale * learningRate,
      decay: 1 - learningRate * weightDecay,
      sigma,
      ...utilityScalars(k, betaUtility),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      meanCorrection: 1 / (1 - integerPower(beta1, k)),
      rootCorrection: 1 / Math.sqrt(1 - integerPower(beta2, k)),
      eps,
    }),
    rates: ["rate", "decay"],
    update(inputs) {
      const { params, grads, slots, scalars: s } = inputs;
      const utility = utilityOf(inputs, neg(mul(grads, params)));
      const m = blend(s.beta1, slots.m, s.oneMinusBeta1, grads);
      const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(grads, grads));
      const adam = div(mul(s.meanCorrection, m), add(mul(sqrt(v), s.rootCorrection), s.eps));
      const step = mul(add(adam, mul(s.sigma, inputs.normal("noise"))), openness(inputs, utility, "global"));
      return { params: sub(mul(params, s.decay), mul(s.rate, step)), slots: { utility, m, v } };
    },
  });
}

function utilityScalars(k: number, beta: number): Readonly<Record<"keep" | "take" | "utilityCorrection", number>> {
  return { keep: beta, take: 1 - beta, utilityCorrection: 1 / (1 - integerPower(beta, k)) };
}

type Inputs = UpdateInputs<"utility", "keep" | "take" | "utilityCorrection">;

function utilityOf({ slots, scalars }: Inputs, now: Tensor): Tensor {
  return blend(scalars.keep, slots.utility, scalars.take, now);
}

/** Returns 1 − s: how much of a step each weight takes. */
function openness({ each, scalars: { utilityCorrection } }: Inputs, utility: Tensor, scope: "global" | "local"): Tensor {
  const corrected = mul(utility, utilityCorrection);
  // Of no effect beyond ±60, where e^x is still finite.
  const closed = (x: Tensor): Tensor => div(1, add(1, exp(minimum(maximum(x, -60), 60))));
  if (scope === "global") {
    const most = max(utility);
    const positive = less(0, most);
    return closed(select(positive, div(corrected, select(positive, most, 1)), 0));
  }
  const { open } = each(({ of, shape }) => {
    const own = of(corrected);
    const norm = sqrt(sum(mul(own, own), shape.length - 1, { keepDims: true }));
    return { open: closed(div(own, maximum(norm, 1e-12))) };
  });
  return open;
}
