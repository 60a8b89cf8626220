import { add, div, mul, sqrt, sub, sum } from "../program/tensor.ts";
import { numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link adagrad}. */
export interface AdagradOptions {
  /** ε beside the root. Default 1e-10. */
  readonly eps?: number;
  /** δ: the rate at step k is η/(1 + (k−1)δ). Default 0. */
  readonly rateDecay?: number;
  /** λ, added to the gradient as λ·w (L2). Default 0. */
  readonly weightDecay?: number;
}

/**
 * Returns AdaGrad: G ← G + d², d = g + λw; w ← w − η·d/(√G + ε).
 * @throws E_CONFIG
 * @see Duchi et al. 2011; torch.optim.Adagrad
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const table = { eps: [1e-10, ranges.positive], rateDecay: [0, ranges.natural], weightDecay: [0, ranges.natural] } as const;
  const { values, hyper } = numbersOf("optim.adagrad", options, table);
  return rule({
    name: "adagrad",
    options: values,
    hyper,
    slots: { sum: {} },
    scalars: (k, { learningRate, eps, rateDecay, weightDecay }) => ({ rate: learningRate / (1 + (k - 1) * rateDecay), eps, weightDecay }),
    rates: ["rate", "weightDecay"],
    update({ params, grads, slots, scalars: s }) {
      const d = add(grads, mul(s.weightDecay, params));
      const squares = add(slots.sum, mul(d, d));
      return { params: sub(params, mul(s.rate, div(d, add(sqrt(squares), s.eps)))), slots: { sum: squares } };
    },
  });
}

/** Options of {@link adagradNorm}. */
export interface AdagradNormOptions {
  /** b₀, what the norm begins with. Default 0.1. */
  readonly initial?: number;
}

/**
 * Returns AdaGrad with one number for all parameters: b² ← b² + ‖g‖²; w ← w − η·g/b.
 * @throws E_CONFIG
 * @see Ward et al. 2019, arXiv 1806.01811
 */
export function adagradNorm(options: AdagradNormOptions = {}): Optimizer {
  const { values } = numbersOf("optim.adagradNorm", options, { initial: [0.1, ranges.positive] });
  return rule({
    name: "adagradNorm",
    options: values,
    slots: { squares: { per: "all", initial: values.initial * values.initial } },
    scalars: (_, { learningRate }) => ({ learningRate }),
    rates: ["learningRate"],
    update({ params, grads, slots, scalars: { learningRate } }) {
      const squares = add(slots.squares, sum(mul(grads, grads)));
      return { params: sub(params, mul(div(learningRate, sqrt(squares)), grads)), slots: { squares } };
    },
  });
}
