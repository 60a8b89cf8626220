/** Second derivatives of a loss: its Hessian times a vector, and an estimate of the Hessian's diagonal. */
import { grad, reaching, sumOf } from "./grad.ts";
import type { Tensor } from "./graph.ts";
import { apply, ops } from "./ops.ts";
import { detach, matmul, reduce, reshape } from "./primitives.ts";
import { vjps } from "./vjps.ts";

/**
 * Returns the product of the Hessian of `loss` (one element) with the vector whose parts are `along`, each of the shape of its tensor of `wrt`.
 * @throws E_TRACE E_UNSUPPORTED as {@link grad} does
 */
export function hessianProduct(loss: Tensor, wrt: readonly Tensor[], along: readonly Tensor[]): Tensor[] {
  const slopes = grad(loss, wrt).map((slope, i) => reshape(whole(apply("mul", [slope, detach(along[i] as Tensor)])), []));
  const slope = slopes.reduce((a, b) => apply("add", [a, b]));
  return grad(slope, wrt);
}

/**
 * Returns an estimate of the Hessian's diagonal of `loss` (one element) with respect to each tensor of `wrt`, by one more pass backwards that
 * carries the second derivatives of single elements, h, and drops those between two: h ← f′²h + f″g through an elementwise f, g being the
 * gradient, and the other operand's squares times h through a product. Exact behind the last product; elsewhere what comes on several ways is
 * added.
 * @throws E_TRACE E_UNSUPPORTED as {@link grad} does
 * @see Elsayed and Mahmood 2022, "HesScale: scalable computation of Hessian diagonals"
 */
export function hessianDiagonal(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  const { graph } = loss;
  const needed = reaching(loss, new Set(wrt));
  const nodes = [...needed].filter(({ dtype }) => dtype === "f32").sort((a, b) => b.id - a.id);
  const slopes = grad(loss, nodes);
  const parts = new Map<Tensor, Tensor[]>();
  for (const [i, node] of nodes.entries()) {
    const list = parts.get(node);
    for (const [input, part] of through(node, slopes[i] as Tensor, list && sumOf(list)))
      if (part !== undefined && input.dtype === "f32" && needed.has(input)) parts.set(input, [...(parts.get(input) ?? []), part]);
  }
  return wrt.map((tensor) => sumOf(parts.get(tensor) ?? [graph.constant(0, tensor.shape, "f32")]));
}

/** Returns what second derivatives each input of a node has by it; where there is none, all are 0. */
function through(node: Tensor, slope: Tensor, bend: Tensor | undefined): (readonly [Tensor, Tensor | undefined])[] {
  const { inputs, graph } = node;
  const vjp = ops[node.op]?.vjp;
  if (vjp === undefined) {
    if (bend === undefined || inputs.length === 0) return [];
    // All but products pass elements on as they are, so that their gradient rules hold of h too.
    const linear = node.op === "matmul" ? matmul(squared(inputs[0] as Tensor), squared(inputs[1] as Tensor)) : node;
    return (vjps[node.op]?.(bend, linear) ?? []).map((part, i) => [inputs[i] as Tensor, part]);
  }
  // Inputs cut off from one another, so that each derivative holds the others where they are.
  const free = new Map(inputs.map((input) => [input, detach(input)]));
  const given = inputs.map((input) => free.get(input) as Tensor);
  const ones = graph.constant(1, node.shape, "f32");
  const derivatives = vjp(ones, given, apply(node.op, given));
  return [...free].map(([input, own]) => {
    const ways = derivatives.filter((part, i): part is Tensor => part !== undefined && inputs[i] === input);
    if (ways.length === 0 || input.dtype !== "f32") return [input, undefined];
    const first = ways.reduce((a, b) => apply("add", [a, b]));
    const [second] = own.op === "const" ? [] : grad(whole(first), [own]);
    const bent = bend && apply("mul", [squared(first), bend]);
    if (second === undefined || (second.op === "const" && second.attributes.value === 0)) return [input, bent];
    const curved = apply("mul", [second, slope]);
    return [input, bent === undefined ? curved : apply("add", [bent, curved])];
  });
}

const squared = (a: Tensor): Tensor => apply("mul", [a, a]);
const whole = (a: Tensor): Tensor => reduce("sum", a, [...a.shape.keys()]);
