import type { Graph, Tensor } from "../program/graph.ts";
import { add, cos, exp, mul, neg, pack, reshape, select, sin, slice, toF32 } from "../program/tensor.ts";
import { logarithm } from "./init.ts";

/**
 * Returns [batch, time, heads, size] as pairs [batch, time, heads, size / 2, 2], pair i turned by the angle time·theta^(−2i / size), so that
 * the product of two such vectors depends on the distance of their times. Neighbours make a pair, as in llama2.c.
 * @see Su et al. 2021, arXiv 2104.09864, equation 34
 */
export function rotate(x: Tensor, theta: number): Tensor {
  const { graph } = x;
  const [batch, time, heads, size] = x.shape as [number, number, number, number];
  const half = size / 2;
  const pairs = reshape(x, [batch, time, heads, half, 2]);
  const of = (k: number): Tensor => slice(pairs, [0, 0, 0, 0, k], [batch, time, heads, half, 1]);
  const [cosine, sine] = angles(graph, time, half, theta);
  const second = graph.iota(2);
  return add(mul(of(0), select(second, sine, cosine)), mul(of(1), select(second, cosine, neg(sine))));
}

/** Returns cos and sin of the angles, each [1, time, 1, half, 1]. */
function angles(graph: Graph, time: number, half: number, theta: number): [Tensor, Tensor] {
  const frequency = exp(mul(toF32(graph.iota(half)), -logarithm(theta) / half));
  const angle = mul(reshape(toF32(graph.iota(time)), [time, 1]), frequency);
  // A pack is stored, so that all heads and layers read one table.
  const table = pack([cos(angle), sin(angle)]);
  const of = (k: number): Tensor => reshape(slice(table, [k * time * half], [time * half]), [1, time, 1, half, 1]);
  return [of(0), of(1)];
}
