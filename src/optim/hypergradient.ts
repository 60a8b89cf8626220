import type { Tensor } from "../program/graph.ts";
import { add, div, less, maximum, mul, select, sub, sum } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { numbersOf, type Optimizer, ranges, rule, settled } from "./optimizer.ts";

/** Options of {@link hypergradientSgd}. */
export interface HypergradientOptions {
  /** β: how fast the rate follows. Default 1e-3. */
  readonly beta?: number;
  /** Multiplies the rate by 1 + β·cos(g, g′) rather than adding β⟨g, g′⟩, which grows with the number of parameters. Default false. */
  readonly relative?: boolean;
}

/**
 * Returns SGD whose rate grows while gradients agree: η ← η + β⟨g, g′⟩, g′ being the last gradient, never below 0; w ← w − ηg. The rate begins
 * with, and is held relative to, that of the schedule.
 * @throws E_CONFIG
 * @see Baydin et al. 2018, arXiv 1703.04782
 */
export function hypergradientSgd(options: HypergradientOptions = {}): Optimizer {
  const { values, hyper } = numbersOf("optim.hypergradientSgd", options, { beta: [1e-3, ranges.natural] }, ["relative"]);
  const { relative = false } = options;
  return rule({
    name: "hypergradientSgd",
    options: { ...values, relative },
    hyper,
    slots: { last: {}, change: { per: "all", initial: relative ? 1 : 0 } },
    scalars: (_, { learningRate, beta }) => ({ learningRate, pace: learningRate, beta }),
    // A sum of products is added to one rate; a factor that they make multiplies any.
    rates: relative ? ["pace"] : [],
    update({ params, grads, slots, scalars: { learningRate, pace, beta } }) {
      const agreement = sum(mul(grads, slots.last));
      const size = mul(normOf(grads), normOf(slots.last));
      const cosine = select(less(0, size), div(agreement, size), 0);
      const change = relative
        ? maximum(0, mul(slots.change, add(1, mul(beta, cosine))))
        : maximum(sub(0, learningRate), add(slots.change, mul(beta, agreement)));
      const rateOf = (base: Tensor): Tensor => (relative ? mul(base, change) : add(base, change));
      const rate = rateOf(learningRate);
      return { params: sub(params, mul(rateOf(pace), grads)), slots: { last: settled(grads), change }, metrics: { rate } };
    },
  });
}
