import { checkKeys, checkNumber, fail } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, mul, sub } from "../program/tensor.ts";
import { type Optimizer, settled } from "./optimizer.ts";

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
  checkKeys(where, options, ["momentum", "nesterov", "weightDecay"]);
  const momentum = checkNumber(where, "momentum", options.momentum ?? 0, { min: 0, max: 1, open: "max" });
  const weightDecay = checkNumber(where, "weightDecay", options.weightDecay ?? 0, { min: 0 });
  const nesterov = options.nesterov ?? false;
  if (nesterov && momentum === 0) {
    fail("E_CONFIG", `${where}: option "nesterov" needs a velocity; expected momentum > 0, got 0`, {
      hint: "Set momentum, 0.9 for instance.",
    });
  }
  const moving = momentum > 0;
  return {
    name: "sgd",
    options: { momentum, nesterov, weightDecay },
    slots: moving ? ["momentum"] : [],
    scales: [],
    scalars: (_, learningRate) => ({ learningRate, momentum, weightDecay }),
    update({ params, grads, slots, scalars }) {
      const [rate, mu, lambda] = [scalars.learningRate, scalars.momentum, scalars.weightDecay] as [Tensor, Tensor, Tensor];
      const d = add(grads, mul(lambda, params));
      if (!moving) return { params: sub(params, mul(rate, d)), slots: {} };
      const velocity = settled(add(mul(mu, slots.momentum as Tensor), d));
      const step = nesterov ? add(d, mul(mu, velocity)) : velocity;
      return { params: sub(params, mul(rate, step)), slots: { momentum: velocity } };
    },
    kernel: { name: "sgd", flags: { nesterov } },
  };
}
