import { checkKeys, checkNumber } from "../errors.ts";
import { ln } from "../natural.ts";
import type { Tensor } from "../program/graph.ts";
import {
  abs,
  add,
  and,
  div,
  equal,
  exp,
  less,
  max,
  maximum,
  mean,
  mul,
  neg,
  pack,
  reshape,
  select,
  slice,
  sub,
  sum,
  toF32,
} from "../program/tensor.ts";
import type { Change, Strategy, TraceContext } from "./strategy.ts";
import { activityOf, countOf, partsOf, renew } from "./units.ts";

/** Options of {@link continualBackprop}. */
export interface ContinualBackpropOptions {
  /** Share of a layer's mature units that are made anew in each step. Default 1e-4. */
  readonly rate?: number;
  /** Decay of the running means: above 0, below 1. Default 0.99. */
  readonly decay?: number;
  /** Steps beyond which a unit may be made anew. Default 100. */
  readonly maturity?: number;
  /** Steps between two moments at which units are made anew. Default 1. */
  readonly every?: number;
}

/** Larger than any utility. */
const NEVER = 1e38;

/**
 * Returns continual backpropagation: the rectified units of least use are made anew, a few all the time. A unit's utility is the running mean of
 * mean|h|·mean|w| over the weights that lead on from it, without the bias of its beginning (/(1 − decay^age)). Each layer saves `rate` of a unit per
 * mature unit and step; with one saved, the mature unit of least utility gets fresh weights in, bias 0, weights of 0 on, and age 0, and what it passed
 * on in the mean is added to the next layer's bias, so that answers stay. What the optimizer and other strategies keep of these numbers begins again.
 * Units are as for {@link redo}; behind a convolution the mean is that before pooling. At most one unit of a layer is made anew at a time, what
 * was saved beyond it stays saved.
 * @throws E_CONFIG
 * @see Dohare et al. 2024, "Loss of plasticity in deep continual learning", Nature 632, algorithm 1
 */
export function continualBackprop(options: ContinualBackpropOptions = {}): Strategy {
  const where = "strategies.continualBackprop";
  checkKeys(where, options, ["rate", "decay", "maturity", "every"]);
  const rate = checkNumber(where, "rate", options.rate ?? 1e-4, { min: 0, max: 1 });
  const decay = checkNumber(where, "decay", options.decay ?? 0.99, { min: 0, max: 1, open: "both" });
  const maturity = checkNumber(where, "maturity", options.maturity ?? 100, { min: 0, max: 2 ** 23, integer: true });
  const every = checkNumber(where, "every", options.every ?? 1, { min: 1, max: 2 ** 31, integer: true });
  /** Returns a running mean without the bias of its beginning. */
  const settled = (running: Tensor, age: Tensor): Tensor => div(running, maximum(sub(1, exp(mul(age, ln(decay)))), 1e-6));
  return {
    name: "continualBackprop",
    config: { rate, decay, maturity, every },
    needs: { rectified: true, units: true },
    hyper: { rate },
    keeps({ units }) {
      const shape = [countOf(units)];
      // Savings are counted in mature units times steps: whole numbers, which add up without error.
      return { utility: { shape }, age: { shape }, mean: { shape }, saved: { shape: [units.length] }, activity: { shape, lasts: false } };
    },
    gathers: (context) => ({ activity: pack(context.facts.units.map((layer) => activityOf(context, layer))) }),
    edits: [
      { order: 4, apply: (context) => ({ keeps: judged(context) }) },
      { on: every === 1 ? "step" : { every }, order: 5, apply: replaced },
    ],
  };

  /** Brings what is known of units up to a step. */
  function judged({ facts, vector, parts, kept }: TraceContext): NonNullable<Change["keeps"]> {
    const own = parts(vector);
    const activity = kept("activity");
    const age = add(kept("age"), 1);
    const use = facts.units.map(({ units, next, nextShape }) =>
      reshape(mean(abs(reshape(own.get(next) as Tensor, nextShape)), [0, 2]), [units]),
    );
    const running = (name: string, now: Tensor): Tensor => add(mul(decay, kept(name)), mul(1 - decay, now));
    const mature = partsOf(facts.units, age).map((ages) => reshape(sum(toF32(less(maturity, ages))), [1]));
    return {
      age,
      mean: running("mean", activity),
      utility: running("utility", mul(pack(use), activity)),
      saved: add(kept("saved"), pack(mature)),
    };
  }

  /** Makes the unit of least use of each layer anew that has saved one. */
  function replaced(context: TraceContext): Change {
    const { graph, facts, kept, hyper } = context;
    const [age, utility, means, saved] = [kept("age"), kept("utility"), kept("mean"), kept("saved")];
    // The product of a rounded rate may miss 1 by a last bit.
    const due = less(1 - 1e-6, mul(saved, hyper("rate")));
    const mature = less(maturity, age);
    const worth = partsOf(facts.units, select(mature, settled(utility, age), NEVER));
    const marks = worth.map((own, i) => {
      const [units] = own.shape as [number];
      const least = equal(own, neg(max(neg(own))));
      const order = mul(toF32(least), sub(units, toF32(graph.iota(units))));
      const chosen = and(equal(order, max(order)), less(own, NEVER));
      return and(chosen, slice(due, [i], [1]));
    });
    const spent = marks.map((mark) => reshape(max(toF32(mark)), [1]));
    const mark = pack(marks);
    const zeroed = (values: Tensor): Tensor => select(mark, 0, values);
    return {
      ...renew(context, facts.units, marks, partsOf(facts.units, settled(means, age))),
      keeps: {
        age: zeroed(age),
        utility: zeroed(utility),
        mean: zeroed(means),
        saved: sub(saved, div(pack(spent), maximum(hyper("rate"), 1e-30))),
      },
    };
  }
}
