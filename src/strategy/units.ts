/** Rectified units: what each does, and how some are made anew. */
import type { Tensor } from "../program/graph.ts";
import { add, broadcast, div, less, maximum, mean, mul, reshape, select, shiftRight, slice, sub, sum, toF32 } from "../program/tensor.ts";
import type { UnitLayer } from "./host.ts";
import type { Change, StepContext, TraceContext } from "./strategy.ts";

/** Returns how many units layers have. */
export const countOf = (layers: readonly UnitLayer[]): number => layers.reduce((n, { units }) => n + units, 0);

/** Returns the numbers of each layer's units of those of all. */
export function partsOf(layers: readonly UnitLayer[], all: Tensor): Tensor[] {
  let first = 0;
  return layers.map(({ units }) => {
    first += units;
    return slice(all, [first - units], [units]);
  });
}

/** Returns each unit's mean activation [units] over the rows of a step, and the places of a convolution. */
export function activityOf({ rectified, weight }: StepContext, layer: UnitLayer): Tensor {
  const values = rectified[layer.rectified] as Tensor;
  const [rows] = weight.shape as [number];
  const real = toF32(less(0, weight));
  const inner = [...values.shape.keys()].slice(1, -1);
  const means = reshape(mean(maximum(values, 0), inner), [rows, layer.units]);
  return div(sum(mul(means, reshape(real, [rows, 1])), 0), maximum(sum(real), 1));
}

/**
 * Returns the change that makes units anew, those of each layer whose mark (u32) is not 0: fresh weights lead to them, with bias 0, and weights of 0
 * lead on. What they passed on in the mean, where `means` tells, is left to the next layer's bias.
 */
export function renew(context: TraceContext, layers: readonly UnitLayer[], marks: readonly Tensor[], means?: readonly Tensor[]): Change {
  const { graph, vector, tensors, parts, joined, random } = context;
  const own = new Map(parts(vector));
  const touched = new Map(tensors.map(({ path, shape }) => [path, graph.constant(0, shape, "f32")]));
  const touch = (path: string, mark: Tensor): void => {
    const before = touched.get(path) as Tensor;
    touched.set(path, maximum(before, reshape(mark, before.shape)));
  };
  for (const [i, { weight, bias, bound }] of layers.entries()) {
    const mark = marks[i] as Tensor;
    const before = own.get(weight) as Tensor;
    const fresh = mul(sub(mul(toF32(shiftRight(random(weight, before.shape), 8)), 2 ** -23), 1), bound);
    own.set(weight, select(mark, fresh, before));
    touch(weight, broadcast(toF32(mark), before.shape));
    if (bias === undefined) continue;
    own.set(bias, select(mark, 0, own.get(bias) as Tensor));
    touch(bias, toF32(mark));
  }
  for (const [i, { units, next, nextShape, nextBias }] of layers.entries()) {
    const mark = reshape(marks[i] as Tensor, [1, units, 1]);
    const before = own.get(next) as Tensor;
    const weights = reshape(before, nextShape);
    const mean = means?.[i];
    if (mean !== undefined && nextBias !== undefined) {
      const passed = sum(select(mark, mul(weights, reshape(mean, [1, units, 1])), 0), [0, 1]);
      own.set(nextBias, add(own.get(nextBias) as Tensor, passed));
    }
    own.set(next, reshape(select(mark, 0, weights), before.shape));
    touch(next, broadcast(toF32(mark), nextShape));
  }
  return { params: joined(own), reset: less(0, joined(touched)) };
}
