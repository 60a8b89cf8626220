import { checkChoice } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, less, maximum, minimum, mul, neg, reshape, select, sqrt, sum } from "../program/tensor.ts";
import { numbersOf, ranges, type Transform, transform } from "./optimizer.ts";
import { matrixOf } from "./places.ts";

/** Options of {@link clipByGlobalNorm}. */
export interface ClipOptions {
  /** The largest Euclidean norm all gradients together may have. */
  readonly maxNorm: number;
  /** `torch` (default): g·min(1, c/(‖g‖ + 1e-6)). `optax`: g·c/‖g‖ where ‖g‖ > c. */
  readonly flavour?: "torch" | "optax";
}

/**
 * Returns the scaling of all gradients by min(1, maxNorm / (‖g‖ + 1e-6)), or as optax does it.
 * @throws E_CONFIG
 * @see Pascanu et al. 2013, arXiv 1211.5063; torch.nn.utils.clip_grad_norm_
 */
export function clipByGlobalNorm(options: ClipOptions): Transform {
  const where = "optim.clipByGlobalNorm";
  const { values, hyper } = numbersOf(where, options, { maxNorm: [undefined, ranges.positive] }, ["flavour"]);
  const flavour = checkChoice(where, "flavour", options.flavour ?? "torch", ["torch", "optax"]);
  return transform({
    name: "clipByGlobalNorm",
    options: { ...values, ...(options.flavour && { flavour }) },
    hyper,
    scalars: (_, { maxNorm }) => ({ maxNorm }),
    factor: (grads, { maxNorm }) => bounded(normOf(grads), maxNorm, flavour),
  });
}

/** Returns the scaling of each tensor's gradient whose norm is above maxNorm down to it. @throws E_CONFIG */
export function clipByNorm(options: { readonly maxNorm: number }): Transform {
  const { values, hyper } = numbersOf("optim.clipByNorm", options, { maxNorm: [undefined, ranges.positive] });
  return transform({
    name: "clipByNorm",
    options: values,
    hyper,
    scalars: (_, { maxNorm }) => ({ maxNorm }),
    around: ({ each, scalars: { maxNorm } }, rest) => ({
      ...rest(each(({ grads }) => ({ grads: mul(grads, bounded(normOf(grads), maxNorm, "optax")) }))),
      slots: {},
    }),
  });
}

/** Returns the cut of each element of the gradients to [−limit, limit]. @throws E_CONFIG */
export function clipByValue(options: { readonly limit: number }): Transform {
  const { values, hyper } = numbersOf("optim.clipByValue", options, { limit: [undefined, ranges.positive] });
  return transform({
    name: "clipByValue",
    options: values,
    hyper,
    scalars: (_, { limit }) => ({ limit }),
    around: ({ grads, scalars: { limit } }, rest) => ({ ...rest({ grads: maximum(minimum(grads, limit), neg(limit)) }), slots: {} }),
  });
}

/** Options of {@link adaptiveClip}. */
export interface AdaptiveClipOptions {
  /** The largest ratio of the norms of gradient and weights of one unit. Default 0.01. */
  readonly factor?: number;
  /** The least norm that weights count with. Default 1e-3. */
  readonly eps?: number;
}

/**
 * Returns the scaling of each output unit's gradient down to `factor` of the norm of the unit's weights: a unit is a column of a weight
 * [inputs, outputs]; a vector is one unit.
 * @throws E_CONFIG
 * @see Brock et al. 2021, arXiv 2102.06171
 */
export function adaptiveClip(options: AdaptiveClipOptions = {}): Transform {
  const { values, hyper } = numbersOf("optim.adaptiveClip", options, { factor: [0.01, ranges.positive], eps: [1e-3, ranges.positive] });
  return transform({
    name: "adaptiveClip",
    options: values,
    hyper,
    scalars: (_, { factor, eps }) => ({ factor, eps }),
    around: ({ each, scalars: { factor, eps } }, rest) => {
      const clipped = each(({ shape, params, grads }) => {
        const [w, g] = [params, grads].map((tensor) => reshape(tensor, matrixOf(shape))) as [Tensor, Tensor];
        const norm = (a: Tensor): Tensor => sqrt(sum(mul(a, a), 0, { keepDims: true }));
        const limit = mul(factor, maximum(norm(w), eps));
        return { grads: mul(g, select(less(norm(g), limit), 1, div(limit, maximum(norm(g), 1e-6)))) };
      });
      return { ...rest(clipped), slots: {} };
    },
  });
}

/** Returns the Euclidean norm of all elements. */
export function normOf(a: Tensor): Tensor {
  return sqrt(sum(mul(a, a)));
}

function bounded(norm: Tensor, most: Tensor, flavour: "torch" | "optax"): Tensor {
  if (flavour === "torch") return minimum(1, div(most, add(norm, 1e-6)));
  return select(less(most, norm), div(most, norm), 1);
}
