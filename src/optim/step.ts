import type { Tensor } from "../program/graph.ts";
import { mul } from "../program/tensor.ts";
import type { Optimizer, UpdateInputs } from "./optimizer.ts";

/** How an update is computed: by the hand-written kernel or by the traced recipe. They give the same numbers. */
export type UpdateForm = "kernel" | "recipe";

/**
 * Records the update of one parameter group: `params` and `slots` are state leaves [n], changed in place; `grads` [n] are gradients
 * laid out as the parameters are.
 */
export function recordUpdate(optimizer: Optimizer, inputs: UpdateInputs, form: UpdateForm): void {
  const { params, grads, slots, scalars } = inputs;
  const { effects } = params.graph;
  let factor: Tensor | undefined;
  for (const scale of optimizer.scales) {
    const scaled = factor === undefined ? grads : mul(grads, factor);
    const next = scale.factor(scaled);
    factor = factor === undefined ? next : mul(factor, next);
  }
  if (form === "kernel") {
    const used = Object.fromEntries(Object.entries(scalars).filter(([name]) => optimizer.name !== "adamw" || name !== "learningRate"));
    const all = factor === undefined ? used : { ...used, gradScale: factor };
    effects.push({
      kind: "optimizer",
      name: optimizer.kernel.name,
      tensors: { params, grads, ...slots },
      scalars: all,
      flags: optimizer.kernel.flags,
    });
    return;
  }
  const result = optimizer.update({ params, grads: factor === undefined ? grads : mul(grads, factor), slots, scalars });
  effects.push({ kind: "assign", target: params, value: result.params });
  for (const [name, value] of Object.entries(result.slots)) effects.push({ kind: "assign", target: slots[name] as Tensor, value });
}
