import { fail } from "../errors.ts";
import type { Tensor } from "./graph.ts";
import { apply, ops } from "./ops.ts";
import { matmul, pack, permute, reshape } from "./primitives.ts";
import { vjps } from "./vjps.ts";

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
  const parts = new Map<Tensor, Tensor[]>([[loss, [graph.constant(1, loss.shape, "f32")]]]);
  const gradients = new Map<Tensor, Tensor>();
  const gradientOf = (node: Tensor): Tensor | undefined => {
    const list = parts.get(node);
    if (list !== undefined && !gradients.has(node)) gradients.set(node, sumOf(list));
    return gradients.get(node);
  };
  // Inputs have smaller ids than their users, so descending ids are a reverse topological order.
  for (const node of [...needed].sort((a, b) => b.id - a.id)) {
    const g = gradientOf(node);
    if (g === undefined || node.inputs.length === 0) continue;
    const rule = ops[node.op] === undefined ? vjps[node.op] : undefined;
    const elementwise = ops[node.op]?.vjp;
    if (node.dtype !== "f32") continue;
    if (rule === undefined && elementwise === undefined) {
      fail("E_UNSUPPORTED", `${graph.where("grad")}: no gradient through ${node.op}; expected a differentiable operation, got ${node.op}`, {
        hint: "Wrap the value in detach() if no gradient should flow.",
      });
    }
    const given = rule !== undefined ? rule(g, node) : (elementwise as NonNullable<typeof elementwise>)(g, node.inputs, node);
    for (const [i, part] of given.entries()) {
      const input = node.inputs[i] as Tensor;
      if (part === undefined || input.dtype !== "f32" || !needed.has(input)) continue;
      const list = parts.get(input);
      if (list === undefined) parts.set(input, [part]);
      else list.push(part);
    }
  }
  return wrt.map((tensor) => gradientOf(tensor) ?? graph.constant(0, tensor.shape, "f32"));
}

/** Returns the nodes on a path from a member of `sources` to `root`. */
export function reaching(root: Tensor, sources: ReadonlySet<Tensor>): Set<Tensor> {
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

/** Returns the sum of tensors of one shape: pads that tile it become one pack, and many thin products one product of packs. */
export function sumOf(parts: readonly Tensor[]): Tensor {
  const rest: Tensor[] = [];
  const thin: Tensor[] = [];
  const tiles: Tensor[] = [];
  for (const part of parts) (isThin(part) ? thin : isTile(part) ? tiles : rest).push(part);
  if (thin.length > 1) {
    const stacked = (i: 0 | 1): Tensor => {
      const rows = thin.map(({ inputs }) => (i === 0 ? permute(inputs[0] as Tensor, [1, 0]) : (inputs[1] as Tensor)));
      const width = (rows[0] as Tensor).shape[1] as number;
      return reshape(pack(rows), [rows.reduce((sum, { shape }) => sum + (shape[0] as number), 0), width]);
    };
    rest.push(matmul(permute(stacked(0), [1, 0]), stacked(1)));
  } else rest.push(...thin);
  tiles.sort((a, b) => firstOf(a) - firstOf(b));
  const tiled =
    tiles.length > 1 &&
    tiles.every((tile, i) => i === 0 || firstOf(tiles[i - 1] as Tensor) + heightOf(tiles[i - 1] as Tensor) <= firstOf(tile));
  if (tiled) {
    const { shape, graph } = tiles[0] as Tensor;
    const rows: Tensor[] = [];
    let next = 0;
    const gap = (to: number): void => {
      if (to > next) rows.push(graph.constant(0, [to - next, ...shape.slice(1)], "f32"));
    };
    for (const tile of tiles) {
      gap(firstOf(tile));
      rows.push(tile.inputs[0] as Tensor);
      next = firstOf(tile) + heightOf(tile);
    }
    gap(shape[0] as number);
    rest.push(reshape(pack(rows), shape));
  } else rest.push(...tiles);
  return rest.reduce((a, b) => apply("add", [a, b]));
}

/** Whether a product costs less to join with others than its result costs to add. */
function isThin({ op, inputs, shape }: Tensor): boolean {
  const [m = 0, n = 0, batch] = shape;
  return op === "matmul" && batch === undefined && ((inputs[0] as Tensor).shape[1] as number) * (m + n) < m * n;
}

/** Whether a tensor is rows of a larger one with zeros before and behind. */
function isTile({ op, inputs, shape }: Tensor): boolean {
  return op === "pad" && (inputs[0] as Tensor).shape.every((n, i) => i === 0 || n === shape[i]);
}

const firstOf = (tile: Tensor): number => (tile.attributes.low as readonly number[])[0] as number;
const heightOf = (tile: Tensor): number => (tile.inputs[0] as Tensor).shape[0] as number;
