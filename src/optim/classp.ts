import { checkChoice } from "../errors.ts";
import { abs, add, div, less, mul, select, sqrt, sub } from "../program/tensor.ts";
import { numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link classp}. */
export interface ClasspOptions {
  /** What a squared gradient must be above. Default 0.5. */
  readonly threshold?: number;
  /** ε beside the sum. Default 1e-5. */
  readonly eps?: number;
  /** p of |g|^p. Default 1. */
  readonly power?: 1 | 2;
  /** Divides by the sum of past gradients, rather than only keeping it. Default true. */
  readonly scaling?: boolean;
  /** Whether the sum has this step's gradient when it divides. Default true. */
  readonly includeCurrent?: boolean;
}

/**
 * Returns descent that large gradients alone move, the less the more they moved before: where g² > θ, G ← G + |g|^p and
 * w ← w − η·g/(ε + G)^{1/p}; elsewhere nothing changes.
 * @throws E_CONFIG
 * @see Ludwig 2024, arXiv 2405.09637
 */
export function classp(options: ClasspOptions = {}): Optimizer {
  const where = "optim.classp";
  const table = { threshold: [0.5, ranges.natural], eps: [1e-5, ranges.positive] } as const;
  const { values, hyper } = numbersOf(where, options, table, ["power", "scaling", "includeCurrent"]);
  const power = checkChoice(where, "power", `${options.power ?? 1}`, ["1", "2"]) === "2" ? 2 : 1;
  const { scaling = true, includeCurrent = true } = options;
  return rule({
    name: "classp",
    options: { ...values, power, scaling, includeCurrent },
    hyper,
    slots: { sum: {} },
    scalars: (_, { learningRate, threshold, eps }) => ({ learningRate, threshold, eps }),
    rates: ["learningRate"],
    update({ params, grads, slots, scalars: s }) {
      const square = mul(grads, grads);
      const passes = less(s.threshold, square);
      const sum = add(slots.sum, select(passes, power === 1 ? abs(grads) : square, 0));
      const past = add(s.eps, includeCurrent ? sum : slots.sum);
      const d = scaling ? div(grads, power === 1 ? past : sqrt(past)) : grads;
      return { params: select(passes, sub(params, mul(s.learningRate, d)), params), slots: { sum } };
    },
  });
}
