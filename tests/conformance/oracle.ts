/** What a graph means, node by node in f64: shares nothing with fusion, layout or the backends but the `reference` column of the op table. */
import type { Graph, Tensor } from "../../src/program/graph.ts";
import { ops } from "../../src/program/ops.ts";
import { denseStrides, sizeOf } from "../../src/program/shape.ts";
import { reachable } from "../../src/program/views.ts";
import { philox, streamKey } from "../../src/random.ts";

/** Numbers of the leaves, by name. */
export type Leaves = Readonly<Record<string, ArrayLike<number>>>;

/** What random streams depend on. */
export interface Moment {
  readonly seed: number;
  readonly step: number;
}

const start: Moment = { seed: 1, step: 0 };

/** Returns the elements of every live node, in row-major order; inputs come before their users. */
export function evaluate(graph: Graph, leaves: Leaves, moment: Moment = start): Map<Tensor, Float64Array> {
  const values = new Map<Tensor, Float64Array>();
  for (const node of reachable(graph)) {
    const inputs = node.inputs.map((input) => values.get(input) as Float64Array);
    values.set(node, elementsOf(node, inputs, leaves, moment));
  }
  return values;
}

/** Returns the elements of each output. */
export function outputsOf(graph: Graph, leaves: Leaves): Record<string, Float64Array> {
  const values = evaluate(graph, leaves);
  return Object.fromEntries([...graph.outputs].map(([name, node]) => [name, values.get(node) as Float64Array]));
}

/** Returns the elements of a node from those of its inputs. */
export function elementsOf(node: Tensor, inputs: readonly Float64Array[], leaves: Leaves = {}, moment: Moment = start): Float64Array {
  return Float64Array.from({ length: sizeOf(node.shape) }, elementOf(node, inputs, leaves, moment));
}

/** Returns what the op table says of a node: an element from those of the arguments. */
export function referenceOf({ op: name, dtype, inputs }: Tensor): (args: readonly number[]) => number {
  const op = ops[name];
  if (op === undefined) throw new Error(`the oracle does not know ${name}`);
  const given = inputs[0]?.dtype === "u32" && name !== "toF32" ? "u32" : dtype;
  return (args) => (dtype === "u32" ? op.reference(args, given) >>> 0 : op.reference(args, given));
}

function elementOf(
  node: Tensor,
  inputs: readonly Float64Array[],
  leaves: Leaves,
  { seed, step }: Moment,
): (_: unknown, i: number) => number {
  const [a, b] = inputs as [Float64Array, Float64Array];
  const [first, second] = node.inputs as [Tensor, Tensor];
  const strides = denseStrides(node.shape);
  const index = (i: number): number[] => strides.map((stride, d) => Math.floor(i / stride) % (node.shape[d] as number));
  const at = (shape: readonly number[], point: readonly number[]): number =>
    denseStrides(shape).reduce((sum, stride, d) => sum + stride * (point[d] as number), 0);
  const inside = (point: readonly number[]): number =>
    point.every((p, d) => p >= 0 && p < (first.shape[d] as number)) ? (a[at(first.shape, point)] as number) : 0;
  switch (node.op) {
    case "const":
      return () => node.attributes.value as number;
    case "input":
    case "scalar":
    case "state":
      return (_, i) => (leaves[node.attributes.name as string] as ArrayLike<number>)[i] as number;
    case "iota":
      return (_, i) => i;
    case "random": {
      const key = streamKey(seed, node.attributes.stream as string);
      const block = new Uint32Array(4);
      return (_, i) => {
        philox(i >>> 2, 0, step >>> 0, Math.floor(step / 2 ** 32), key, block);
        return block[i & 3] as number;
      };
    }
    case "reshape":
    case "detach":
      return (_, i) => a[i] as number;
    case "permute": {
      const order = node.attributes.order as readonly number[];
      return (_, i) => {
        const point = index(i);
        return a[
          at(
            first.shape,
            first.shape.map((__, d) => point[order.indexOf(d)] as number),
          )
        ] as number;
      };
    }
    case "expand":
      return (_, i) =>
        a[
          at(
            first.shape,
            index(i).map((p, d) => (first.shape[d] === 1 ? 0 : p)),
          )
        ] as number;
    case "pack": {
      const all = inputs.flatMap((part) => [...part]);
      return (_, i) => all[i] as number;
    }
    case "gather": {
      const size = sizeOf(first.shape.slice(1));
      return (_, i) => a[Math.min(b[Math.floor(i / size)] as number, (first.shape[0] as number) - 1) * size + (i % size)] as number;
    }
    case "slice":
    case "pad": {
      const { starts, low } = node.attributes as { starts?: readonly number[]; low?: readonly number[] };
      return (_, i) => inside(index(i).map((p, d) => p + (starts?.[d] ?? -(low?.[d] ?? 0))));
    }
    case "unfold":
    case "skew": {
      const { axis = 0, stride = 1, dilation = 1, step = 0 } = node.attributes as Record<string, number>;
      return (_, i) => {
        const point = index(i);
        const [o, k] = point.slice(axis, axis + 2) as [number, number];
        if (node.op === "unfold") point.splice(axis, 2, o * stride + k * dilation);
        else point[axis] = o + step * k;
        return inside(point);
      };
    }
    case "scatterAdd": {
      const size = sizeOf(node.shape.slice(1));
      const sums = new Float64Array(sizeOf(node.shape));
      for (const [i, value] of a.entries()) {
        const to = (b[Math.floor(i / size)] as number) * size + (i % size);
        if (to < sums.length) sums[to] = (sums[to] as number) + value;
      }
      return (_, i) => sums[i] as number;
    }
    case "matmul": {
      const [k, n] = second.shape.slice(-2) as [number, number];
      const rows = node.shape.at(-2) as number;
      return (_, i) => {
        const row = Math.floor(i / n);
        const column = Math.floor(row / rows) * k * n + (i % n);
        let sum = 0;
        for (let j = 0; j < k; j++) sum += (a[row * k + j] as number) * (b[column + j * n] as number);
        return sum;
      };
    }
    case "reduce": {
      const folded = new Map<number, number>();
      const sum = node.attributes.op === "sum";
      const wrap = (value: number): number => (node.dtype === "u32" ? value >>> 0 : value);
      const inner = denseStrides(first.shape);
      for (const [i, value] of a.entries()) {
        const point = inner.map((stride, d) => (node.shape[d] === 1 ? 0 : Math.floor(i / stride) % (first.shape[d] as number)));
        const key = at(node.shape, point);
        const old = folded.get(key);
        folded.set(key, old === undefined ? value : sum ? wrap(old + value) : Math.max(old, value));
      }
      return (_, i) => folded.get(i) ?? (sum || node.dtype === "u32" ? 0 : Number.NEGATIVE_INFINITY);
    }
    default: {
      const reference = referenceOf(node);
      return (_, i) => reference(inputs.map((input) => input[i] as number));
    }
  }
}
