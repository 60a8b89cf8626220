/** Gradient rules of everything that is not in the table of elementwise operations. */
import type { Tensor } from "./graph.ts";
import { apply } from "./ops.ts";
import { expand, gather, matmul, pad, permute, reduce, reshape, scatterAdd, skew, slice } from "./primitives.ts";
import { foldedProduct, slicedProduct } from "./products.ts";
import { sizeOf } from "./shape.ts";

/** The gradient of each input of a node that is not in the table of elementwise operations. */
export type Vjp = (g: Tensor, node: Tensor) => readonly (Tensor | undefined)[];

const turned = (a: Tensor): Tensor => permute(a, [...a.shape.slice(2).keys(), a.shape.length - 1, a.shape.length - 2]);

/** Gradient rules of the views, reductions, products and loads, by op. */
export const vjps: Readonly<Record<string, Vjp>> = {
  reshape: (g, node) => [reshape(g, (node.inputs[0] as Tensor).shape)],
  permute: (g, node) => {
    const order = node.attributes.order as readonly number[];
    return [
      permute(
        g,
        order.map((_, i) => order.indexOf(i)),
      ),
    ];
  },
  expand: (g, node) => {
    const { shape } = node.inputs[0] as Tensor;
    return [
      reduce(
        "sum",
        g,
        [...shape.keys()].filter((i) => shape[i] !== node.shape[i]),
      ),
    ];
  },
  reduce: (g, node) => {
    const a = node.inputs[0] as Tensor;
    const spread = expand(g, a.shape);
    if (node.attributes.op === "sum") return [spread];
    const hit = apply("toF32", [apply("equal", [a, expand(node, a.shape)])]);
    const ties = expand(reduce("sum", hit, node.attributes.axes as readonly number[]), a.shape);
    return [apply("mul", [spread, apply("div", [hit, ties])])];
  },
  matmul: (g, node) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    return [matmul(g, turned(b)), matmul(turned(a), g)];
  },
  detach: () => [undefined],
  gather: (g, node) => {
    const [table, index] = node.inputs as [Tensor, Tensor];
    return [scatterAdd(g, index, table.shape[0] as number), undefined];
  },
  scatterAdd: (g, node) => {
    const [values, index] = node.inputs as [Tensor, Tensor];
    const zeros = g.graph.constant(0, values.shape, "f32");
    if (node.shape[0] === 0) return [zeros, undefined];
    // No gradient comes back from a dropped row.
    const kept = apply("less", [index, g.graph.constant(node.shape[0] as number, index.shape, "u32")]);
    const open = reshape(kept, [...index.shape, ...values.shape.slice(index.shape.length).map(() => 1)]);
    return [apply("select", [expand(open, values.shape), gather(g, index), zeros]), undefined];
  },
  slice: (g, node) => {
    const a = node.inputs[0] as Tensor;
    const low = node.attributes.starts as readonly number[];
    return [
      pad(
        g,
        low,
        a.shape.map((n, i) => n - (low[i] as number) - (node.shape[i] as number)),
      ),
    ];
  },
  pad: (g, node) => {
    const low = node.attributes.low as readonly number[];
    const { shape } = node.inputs[0] as Tensor;
    return [slicedProduct(g, low, shape) ?? slice(g, low, shape)];
  },
  unfold: (g, node) => {
    const { axis, stride, dilation } = node.attributes as { axis: number; stride: number; dilation: number };
    return [fold(g, axis, (node.inputs[0] as Tensor).shape[axis] as number, stride, dilation)];
  },
  skew: (g, node) => {
    const { axis, step } = node.attributes as { axis: number; step: number };
    return [skew(g, axis, (node.inputs[0] as Tensor).shape[axis] as number, -step)];
  },
  pack: (g, node) => {
    let first = 0;
    return node.inputs.map((part) => {
      const size = sizeOf(part.shape);
      first += size;
      return reshape(slice(g, [first - size], [size]), part.shape);
    });
  },
};

/** Returns the sum of windows [.., count, size, ..] put back where {@link unfold} took them from: [.., n, ..]. */
function fold(g: Tensor, axis: number, n: number, stride: number, dilation: number): Tensor {
  const product = stride === 1 ? foldedProduct(g, axis, n, dilation) : undefined;
  if (product !== undefined) return product;
  let spread = g;
  if (stride > 1) {
    // Zeros between the windows make their starts neighbours.
    const [count, rest] = [g.shape[axis] as number, g.shape.slice(axis + 1)];
    const open = reshape(g, [...g.shape.slice(0, axis), count, 1, ...rest]);
    const zeros = open.shape.map(() => 0);
    spread = reshape(
      pad(
        open,
        zeros,
        zeros.map((_, i) => (i === axis + 1 ? stride - 1 : 0)),
      ),
      [...g.shape.slice(0, axis), count * stride, ...rest],
    );
  }
  const summed = reduce("sum", skew(spread, axis, n, -dilation), axis + 1);
  return reshape(summed, [...g.shape.slice(0, axis), n, ...g.shape.slice(axis + 2)]);
}
