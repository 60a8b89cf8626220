/** What an update may ask of the loss beyond its gradients. */
import { hessianDiagonal, hessianProduct } from "../program/curvature.ts";
import type { Tensor } from "../program/graph.ts";
import { add, huge, less, max, maximum, mul, pack, select, sub, uniform } from "../program/tensor.ts";
import { type Placed, partOf } from "./places.ts";

/** How the diagonal of a Hessian is estimated: by one more pass backwards that keeps to single elements, or from a random direction. */
export type Estimate = "hesscale" | "hutchinson";

/** Returns the product of the Hessian of a loss with a vector [n], `params` being the leaf [n] of all tensors. */
export function productOf(loss: Tensor, params: Tensor, tensors: readonly Placed[], along: Tensor): Tensor {
  return watched(hessianProduct(loss, partsOf(params, tensors), partsOf(along, tensors)));
}

/** Returns the estimate of a Hessian's diagonal [n] that the pass backwards gives. */
export function scaleOf(loss: Tensor, params: Tensor, tensors: readonly Placed[]): Tensor {
  return watched(hessianDiagonal(loss, partsOf(params, tensors)));
}

/** How far a difference of gradients reaches. */
const REACH = 1e-3;

/** Returns z·(∇L(w + δz) − ∇L(w))/δ for random signs z, whose mean is the diagonal of the Hessian (Hutchinson). */
export function sampleOf(params: Tensor, grads: Tensor, gradientsAt: (params: Tensor) => Tensor, stream: string): Tensor {
  const { graph, shape } = params;
  const signs = select(less(uniform(graph, stream, shape), 0.5), -1, graph.constant(1, shape, "f32"));
  return mul(signs, mul(sub(gradientsAt(add(params, mul(signs, REACH))), grads), 1 / REACH));
}

function partsOf(vector: Tensor, tensors: readonly Placed[]): Tensor[] {
  return tensors.map((tensor, i) => partOf(vector, tensor, i, tensors.length));
}

/** Puts parts together; where one is huge or no number, the step changes nothing. */
function watched(parts: readonly Tensor[]): Tensor {
  const all = pack(parts);
  const { graph } = all;
  if (graph.unless !== undefined) graph.unless = maximum(graph.unless, max(huge(all)));
  return all;
}
