import { div, equal, less, mul, select } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { numbersOf, type Transform, transform } from "./optimizer.ts";

/** Options of {@link project}. */
export interface ProjectOptions {
  /** Updates between two projections. Default 1: after each. */
  readonly every?: number;
}

/**
 * Returns Normalise-and-Project: after an update, each matrix is scaled back to the norm that it began with, so that rates alone decide how far
 * a step turns it. Vectors stay as they are. Put a norm layer before every non-linearity, and no decay on matrices.
 * @throws E_CONFIG
 * @see Lyle et al. 2024, arXiv 2407.01800
 */
export function project(options: ProjectOptions = {}): Transform {
  const { values } = numbersOf("optim.project", options, { every: [1, { min: 1, integer: true }] });
  return transform({
    name: "project",
    options: values,
    slots: { norm: { per: "tensor" } },
    scalars: (k) => ({ begins: k === 1 ? 1 : 0, projects: k % values.every === 0 ? 1 : 0 }),
    around({ each }, rest) {
      const result = rest({});
      const { params, norm } = each(({ shape, params, slots, scalars, of }) => {
        const norm = select(equal(scalars.begins, 1), normOf(params), slots.norm);
        const next = of(result.params);
        if (shape.length < 2) return { params: next, norm };
        const size = normOf(next);
        const scale = select(less(0, size), div(norm, size), 1);
        return { params: mul(next, select(equal(scalars.projects, 1), scale, 1)), norm };
      });
      return { ...result, params, slots: { norm } };
    },
  });
}
