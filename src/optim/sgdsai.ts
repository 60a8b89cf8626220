import type { Tensor } from "../program/graph.ts";
import { sizeOf } from "../program/shape.ts";
import { add, div, less, max, mean, mul, select, sqrt, sub, sum } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { blend, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link sgdSai}. */
export interface SgdSaiOptions {
  /** μ of the mean of gradients. Default 0.9. */
  readonly momentum?: number;
  /** ε beside the deviation. Default 1e-8. */
  readonly eps?: number;
  /** λ, decoupled: w shrinks by 1 − ηλ. Default 0.01. */
  readonly weightDecay?: number;
  /** Divides by the largest ratio of all tensors, as the paper does and its code does not. Default false. */
  readonly normalise?: boolean;
}

/**
 * Returns momentum with a rate for each tensor, found at the first step: r = ‖g‖ / (std g + ε), 1 where the elements do not differ;
 * m ← μm + (1−μ)g, g at first; w ← w(1−ηλ) − ηrm.
 * @throws E_CONFIG
 * @see Xu et al. 2024, "No more Adam: learning rate scaling at initialization is all you need", arXiv 2412.11768
 */
export function sgdSai(options: SgdSaiOptions = {}): Optimizer {
  const table = { momentum: [0.9, ranges.decay], eps: [1e-8, ranges.positive], weightDecay: [0.01, ranges.natural] } as const;
  const { values, hyper } = numbersOf("optim.sgdSai", options, table, ["normalise"]);
  const { normalise = false } = options;
  return rule({
    name: "sgdSai",
    options: { ...values, normalise },
    hyper,
    slots: { m: {}, ratio: { per: "tensor", initial: 1 } },
    scalars: (k, { learningRate, momentum, eps, weightDecay }) => ({
      learningRate,
      decay: 1 - learningRate * weightDecay,
      keep: k === 1 ? 0 : momentum,
      take: k === 1 ? 1 : 1 - momentum,
      first: k === 1 ? 1 : 0,
      eps,
    }),
    rates: ["learningRate", "decay"],
    update({ each }) {
      const most = normalise ? max(each(({ grads, scalars }) => ({ ratio: signalOf(grads, scalars.eps) })).ratio) : 1;
      const { params, m, ratio } = each(({ params, grads, slots, scalars: s }) => {
        const ratio = select(less(0, s.first), div(signalOf(grads, s.eps), most), slots.ratio);
        const m = blend(s.keep, slots.m, s.take, grads);
        return { params: sub(mul(params, s.decay), mul(mul(s.learningRate, ratio), m)), m, ratio };
      });
      return { params, slots: { m, ratio } };
    },
  });
}

function signalOf(grads: Tensor, eps: Tensor): Tensor {
  const norm = normOf(grads);
  const away = sub(grads, mean(grads));
  const deviation = sqrt(div(sum(mul(away, away)), Math.max(1, sizeOf(grads.shape) - 1)));
  // Below this, the deviation is what rounding made of equal elements.
  return select(less(mul(norm, 1e-6), deviation), div(norm, add(deviation, eps)), 1);
}
