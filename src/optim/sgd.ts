import { fail } from "../errors.ts";
import { add, mul, sub } from "../program/tensor.ts";
import { numbersOf, type Optimizer, ranges, rule, type SlotTable, settled } from "./optimizer.ts";

/** Options of {@link sgd}. */
export interface SgdOptions {
  /** μ of the velocity. Default 0: no velocity is kept. */
  readonly momentum?: number;
  /** Looks ahead along the velocity. Default false. */
  readonly nesterov?: boolean;
  /** λ, added to the gradient as λ·w (L2). Default 0. */
  readonly weightDecay?: number;
}

/**
 * Returns stochastic gradient descent: d = g + λw; with momentum b ← μb + d and d = b, or d + μb for Nesterov; w ← w − ηd.
 * @throws E_CONFIG
 * @see Sutskever et al. 2013, "On the importance of initialization and momentum"; torch.optim.SGD without dampening
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const where = "optim.sgd";
  const table = { momentum: [0, ranges.decay], weightDecay: [0, ranges.natural] } as const;
  const { values, hyper } = numbersOf(where, options, table, ["nesterov"]);
  const nesterov = options.nesterov ?? false;
  const moving = values.momentum > 0;
  if (nesterov && !moving) {
    fail("E_CONFIG", `${where}: option "nesterov" needs a velocity; expected momentum > 0, got 0`, {
      hint: "Set momentum, 0.9 for instance.",
    });
  }
  return rule({
    name: "sgd",
    options: { momentum: values.momentum, nesterov, weightDecay: values.weightDecay },
    // Without a velocity, momentum has nothing to act on.
    hyper: moving ? hyper : { ...hyper, momentum: { min: 0, max: 0 } },
    slots: (moving ? { momentum: {} } : {}) as SlotTable<"momentum">,
    scalars: (_, { learningRate, momentum, weightDecay }) => ({ learningRate, momentum, weightDecay }),
    rates: ["learningRate", "weightDecay"],
    update({ params, grads, slots, scalars: s }) {
      const d = add(grads, mul(s.weightDecay, params));
      if (!moving) return { params: sub(params, mul(s.learningRate, d)), slots: {} as typeof slots };
      const velocity = settled(add(mul(s.momentum, slots.momentum), d));
      const step = nesterov ? add(d, mul(s.momentum, velocity)) : velocity;
      return { params: sub(params, mul(s.learningRate, step)), slots: { momentum: velocity } };
    },
    kernel: { name: "sgd", flags: { nesterov } },
  });
}
