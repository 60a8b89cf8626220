import { checkKeys, checkNumber } from "../errors.ts";
import { add, div, minimum, mul, sqrt, sum } from "../program/tensor.ts";
import type { GradientScale, Optimizer } from "./optimizer.ts";

/** Options of {@link clipByGlobalNorm}. */
export interface ClipOptions {
  /** The largest Euclidean norm all gradients together may have. */
  readonly maxNorm: number;
}

/**
 * Returns the scaling of all gradients by min(1, maxNorm / (‖g‖ + 1e-6)).
 * @throws E_CONFIG
 * @see Pascanu et al. 2013, arXiv 1211.5063; torch.nn.utils.clip_grad_norm_
 */
export function clipByGlobalNorm(options: ClipOptions): GradientScale {
  checkKeys("optim.clipByGlobalNorm", options, ["maxNorm"]);
  const maxNorm = checkNumber("optim.clipByGlobalNorm", "maxNorm", options.maxNorm, { min: 0, open: "min" });
  return {
    name: "clipByGlobalNorm",
    options: { maxNorm },
    factor: (grads) => minimum(1, div(maxNorm, add(sqrt(sum(mul(grads, grads))), 1e-6))),
  };
}

/** Returns an optimizer that scales its gradients first, in the order given. */
export function chain(...parts: readonly [...GradientScale[], Optimizer]): Optimizer {
  const optimizer = parts.at(-1) as Optimizer;
  return { ...optimizer, scales: [...(parts.slice(0, -1) as GradientScale[]), ...optimizer.scales] };
}
