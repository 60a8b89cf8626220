import { add, div, less, maximum, mul, select, sub, sum } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

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
    scalars: (_, { learningRate, beta }) => ({ learningRate, beta }),
    rates: [],
    update({ params, grads, slots, scalars: { learningRate, beta } }) {
      const agreement = sum(mul(grads, slots.last));
      const size = mul(normOf(grads), normOf(slots.last));
      const cosine = select(less(0, size), div(agreement, size), 0);
      const change = relative
        ? maximum(0, mul(slots.change, add(1, mul(beta, cosine))))
        : maximum(sub(0, learningRate), add(slots.change, mul(beta, agreement)));
      const rate = relative ? mul(learningRate, change) : add(learningRate, change);
      return { params: sub(params, mul(rate, grads)), slots: { last: grads, change }, metrics: { rate } };
    },
  });
}
