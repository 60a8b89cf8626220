import { fail } from "../errors.ts";
import type { Tensor } from "./graph.ts";
import { apply, ops } from "./ops.ts";
import { vjps } from "./primitives.ts";

/**
 * Returns the gradient of `loss` (one element) with respect to each tensor of `wrt`, as ordinary tensors of the same graph, so
 * that they can be differentiated again. A tensor the loss does not depend on gets zeros.
 * @throws E_TRACE when the loss is not one f32 element; E_UNSUPPORTED when an operation on the way has no gradient
 */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  const { graph } = loss;
  if (loss.dtype !== "f32" || loss.shape.some((n) => n !== 1)) {
    fail(
      "E_TRACE",
      `${graph.where("grad")}: the loss is not a single number; expected f32 of one element, got ${loss.dtype} [${loss.shape.join(", ")}]`,
      {
        hint: "Sum or average the loss first.",
      },
    );
  }
  const needed = reaching(loss, new Set(wrt));
  const gradients = new Map<Tensor, Tensor>([[loss, graph.constant(1, loss.shape, "f32")]]);
  // Inputs have smaller ids than their users, so descending ids are a reverse topological order.
  for (const node of [...needed].sort((a, b) => b.id - a.id)) {
    const g = gradients.get(node);
    if (g === undefined || node.inputs.length === 0) continue;
    const rule = ops[node.op] === undefined ? vjps[node.op] : undefined;
    const elementwise = ops[node.op]?.vjp;
    if (node.dtype !== "f32") continue;
    if (rule === undefined && elementwise === undefined) {
      fail("E_UNSUPPORTED", `${graph.where("grad")}: no gradient through ${node.op}; expected a differentiable operation, got ${node.op}`, {
        hint: "Wrap the value in detach() if no gradient should flow.",
      });
    }
    const parts = rule !== undefined ? rule(g, node) : (elementwise as NonNullable<typeof elementwise>)(g, node.inputs, node);
    for (const [i, part] of parts.entries()) {
      const input = node.inputs[i] as Tensor;
      if (part === undefined || input.dtype !== "f32" || !needed.has(input)) continue;
      const sum = gradients.get(input);
      gradients.set(input, sum === undefined ? part : apply("add", [sum, part]));
    }
  }
  return wrt.map((tensor) => gradients.get(tensor) ?? graph.constant(0, tensor.shape, "f32"));
}

/** Returns the nodes on a path from a member of `sources` to `root`. */
function reaching(root: Tensor, sources: ReadonlySet<Tensor>): Set<Tensor> {
  const known = new Map<Tensor, boolean>();
  const stack: Tensor[] = [root];
  while (stack.length > 0) {
    const node = stack.at(-1) as Tensor;
    const open = known.has(node) ? [] : node.inputs.filter((input) => !known.has(input));
    if (open.length > 0 && node.op !== "detach") {
      stack.push(...open);
      continue;
    }
    stack.pop();
    if (!known.has(node))
      known.set(node, sources.has(node) || (node.op !== "detach" && node.inputs.some((input) => known.get(input) === true)));
  }
  return new Set([...known].filter(([, reaches]) => reaches).map(([node]) => node));
}
