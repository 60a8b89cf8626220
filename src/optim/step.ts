import type { Tensor } from "../program/graph.ts";
import { mul } from "../program/tensor.ts";
import type { Optimizer, Results } from "./optimizer.ts";
import { partsOf } from "./parts.ts";
import type { Placed } from "./places.ts";

/** How an update is computed: by the hand-written kernel, where there is one, or by the traced recipe. They give the same numbers. */
export type UpdateForm = "kernel" | "recipe";

/** What an update is made from: `params` and `slots` are leaves of the state; `grads` are laid out as `params` are. */
export interface StepInputs {
  readonly params: Tensor;
  readonly grads: Tensor;
  /** By the names that {@link slotsOf} gives them. */
  readonly slots: Results;
  readonly tensors: readonly Placed[];
  /** Returns a scalar by its name. Default: one of the program. */
  readonly scalar?: (name: string) => Tensor;
  /** Normal numbers [n] in place of those of a stream. */
  readonly normal?: (stream: string) => Tensor;
  /** Returns the gradients [n] of the loss at other parameters [n]. */
  readonly gradientsAt?: (params: Tensor) => Tensor;
  /** The loss that the gradients are of. */
  readonly loss?: Tensor;
  /** Returns the diagonal of the Hessian [n] in place of an estimate. */
  readonly curvature?: () => Tensor;
}

/** Returns whether a hand-written kernel does all that an optimizer and what stands before it ask for. */
export function hasKernel({ kernel, transforms }: Optimizer): boolean {
  return kernel !== undefined && transforms.every(({ around, groups }) => around === undefined && groups === undefined);
}

/** Records the update of all parameters by the kernel that {@link hasKernel} finds. */
export function recordKernel(optimizer: Optimizer, inputs: StepInputs): void {
  const { params, grads, slots, scalar = (name: string) => params.graph.scalar(name) } = inputs;
  const { name, flags } = optimizer.kernel as NonNullable<Optimizer["kernel"]>;
  const names = Object.keys(optimizer.scalars(1, { ...(optimizer.options as Record<string, number>), learningRate: 1 }));
  const used = names.filter((scalar) => name !== "adamw" || scalar !== "learningRate");
  const factor = factorOf(optimizer, grads, scalar);
  const scalars = { ...Object.fromEntries(used.map((name) => [name, scalar(name)])), ...(factor && { gradScale: factor }) };
  params.graph.effects.push({ kind: "optimizer", name, tensors: { params, grads, ...slots }, scalars, flags });
}

/** Returns the product of what the transforms multiply all gradients by, undefined where there are none. */
function factorOf(optimizer: Optimizer, grads: Tensor, scalar: (name: string) => Tensor): Tensor | undefined {
  let factor: Tensor | undefined;
  for (const { part, prefix } of partsOf(optimizer)) {
    if (part.kind === "rule" || part.factor === undefined) continue;
    const names = Object.keys(part.hyper);
    const scalars = Object.fromEntries(names.map((name) => [name, scalar(prefix + name)]));
    const next = part.factor(factor === undefined ? grads : mul(grads, factor), scalars);
    factor = factor === undefined ? next : mul(factor, next);
  }
  return factor;
}
