import type { Tensor } from "../program/graph.ts";
import { mul, reshape } from "../program/tensor.ts";
import { partsOf, slotsOf } from "./chain.ts";
import type { Optimizer, Results } from "./optimizer.ts";
import { partOf, type SlotPlace, slotPlaces } from "./places.ts";
import { type StepInputs, updateOf } from "./recipe.ts";

/** How an update is computed: by the hand-written kernel, where there is one, or by the traced recipe. They give the same numbers. */
export type UpdateForm = "kernel" | "recipe";

/** Records the update of all parameters; returns what is to be told of it. */
export function recordUpdate(optimizer: Optimizer, inputs: StepInputs, form: UpdateForm): Results {
  const { params, grads, slots, tensors, scalar = (name: string) => params.graph.scalar(name) } = inputs;
  const { kernel, transforms } = optimizer;
  if (form === "kernel" && kernel !== undefined && transforms.every(({ around, groups }) => around === undefined && groups === undefined)) {
    const names = Object.keys(optimizer.scalars(1, { ...(optimizer.options as Record<string, number>), learningRate: 1 }));
    const used = names.filter((name) => kernel.name !== "adamw" || name !== "learningRate");
    const factor = factorOf(optimizer, grads, scalar);
    const scalars = { ...Object.fromEntries(used.map((name) => [name, scalar(name)])), ...(factor && { gradScale: factor }) };
    params.graph.effects.push({ kind: "optimizer", name: kernel.name, tensors: { params, grads, ...slots }, scalars, flags: kernel.flags });
    return {};
  }
  const result = updateOf(optimizer, inputs);
  assign(params, result.params, slotPlaces({ name: "params", per: "parameter" }, tensors));
  for (const slot of slotsOf(optimizer)) {
    const value = result.slots[slot.name];
    if (value !== undefined) assign(slots[slot.name] as Tensor, value, slotPlaces(slot, tensors));
  }
  return result.metrics ?? {};
}

/** Sets a range of the state; parts that were computed one by one go where they belong without being put together first. */
function assign(target: Tensor, value: Tensor, places: readonly SlotPlace[]): void {
  const { effects } = target.graph;
  const count = places.length;
  if (value.op !== "pack" || value.inputs.length !== count) effects.push({ kind: "assign", target, value: reshape(value, target.shape) });
  else
    for (const [i, place] of places.entries()) {
      const [to, from] = [partOf(target, place, i, count), partOf(value, place, i, count)];
      if (to !== from) effects.push({ kind: "assign", target: to, value: from });
    }
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
