import type { Tensor } from "../program/graph.ts";
import { abs, add, div, mul, sub, sum } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { numbersOf, ranges, type Transform, transform } from "./optimizer.ts";

/** Options of {@link sharpnessAware}. */
export interface SharpnessOptions {
  /** ρ: how far away the second gradient is taken; about 10 times as far where it is adaptive. Default 0.05. */
  readonly rho?: number;
  /** Goes further along large weights (ASAM). Default false. */
  readonly adaptive?: boolean;
  /** α: how much of the first gradient's part across the second is taken away (GSAM). Default 0. */
  readonly alpha?: number;
}

/**
 * Returns sharpness-aware minimisation: the update takes the gradient at w + e, e = ρg/(‖g‖ + 1e-12), or ρw²g/(‖|w|g‖ + 1e-12). A step costs
 * two gradients; what layers keep is that of the first.
 * @throws E_CONFIG
 * @see Foret et al. 2021, arXiv 2010.01412; Kwon et al. 2021, arXiv 2102.11600; Zhuang et al. 2022, arXiv 2203.08065
 */
export function sharpnessAware(options: SharpnessOptions = {}): Transform {
  const table = { rho: [0.05, ranges.natural], alpha: [0, ranges.natural] } as const;
  const { values, hyper } = numbersOf("optim.sharpnessAware", options, table, ["adaptive"]);
  const { adaptive = false } = options;
  return transform({
    name: "sharpnessAware",
    options: { ...values, adaptive },
    hyper,
    scalars: (_, { rho, alpha }) => ({ rho, alpha }),
    around({ params, grads, gradientsAt, scalars: { rho, alpha } }, rest) {
      const scaled = adaptive ? mul(abs(params), grads) : grads;
      const direction = adaptive ? mul(abs(params), scaled) : grads;
      const second = gradientsAt(add(params, mul(div(rho, add(normOf(scaled), TINY)), direction)));
      return { ...rest({ grads: sub(second, mul(alpha, across(grads, second))) }), slots: {} };
    },
  });
}

/** Far below any norm, and within f32. */
const TINY = 1e-12;

/** Returns the part of `first` that is perpendicular to `second`. */
function across(first: Tensor, second: Tensor): Tensor {
  const norm = normOf(second);
  const cosine = div(sum(mul(first, second)), add(mul(normOf(first), norm), TINY));
  return sub(first, mul(div(mul(cosine, normOf(first)), add(norm, TINY)), second));
}
