import { add, div, less, maximum, mul, select, sqrt, sub, sum } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link dog}. */
export interface DogOptions {
  /** The first distance is alpha·(1 + ‖w₀‖). Default 1e-6. */
  readonly alpha?: number;
  /** ε under the root. Default 1e-8. */
  readonly eps?: number;
}

/**
 * Returns SGD whose rate is distance over gradients: r ← max(r, ‖w − w₀‖); G ← G + ‖g‖²; w ← w − η·r/√(G + ε)·g. Leave the learning rate at 1;
 * its authors average the weights: see averageWeights.
 * @throws E_CONFIG
 * @see Ivgi et al. 2023, arXiv 2302.12022
 */
export function dog(options: DogOptions = {}): Optimizer {
  const { values, hyper: all } = numbersOf("optim.dog", options, { alpha: [1e-6, ranges.positive], eps: [1e-8, ranges.positive] });
  const { alpha: _, ...hyper } = all;
  return rule({
    name: "dog",
    options: values,
    hyper,
    slots: { first: { initial: "params" }, distance: { per: "all" }, squares: { per: "all" } },
    scalars: (k, { learningRate, eps }) => ({ learningRate, eps, begins: k === 1 ? 1 : 0 }),
    rates: ["learningRate"],
    update({ params, grads, slots, scalars: { learningRate, eps, begins } }) {
      const gone = normOf(sub(params, slots.first));
      const distance = select(less(0, begins), mul(values.alpha, add(1, normOf(params))), maximum(slots.distance, gone));
      const squares = add(slots.squares, sum(mul(grads, grads)));
      const rate = div(distance, sqrt(add(squares, eps)));
      return { params: sub(params, mul(mul(learningRate, rate), grads)), slots: { distance, squares }, metrics: { rate } };
    },
  });
}
