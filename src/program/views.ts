/** What views and leaves are, and how a view's dims read the dims below it. */
import type { Graph, Tensor } from "./graph.ts";
import type { Bound } from "./plan.ts";
import { denseStrides, type Shape } from "./shape.ts";

const VIEWS = ["reshape", "permute", "expand", "detach", "slice", "unfold", "pad", "skew"];
/** Views that read zeros outside their input, which must therefore lie in a buffer. */
const BOUNDED = ["pad", "skew"];
const BUFFER_LEAVES = ["input", "scalar", "state"];

/** An index as an affine function of a kernel's dims. */
export interface Affine {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** An affine function, and where its value counts. */
export interface Walk extends Affine {
  readonly bounds?: readonly Bound[];
}

/** Returns whether a node only renames the elements of its input. */
export function isView(node: Tensor): boolean {
  return VIEWS.includes(node.op);
}

/** Returns whether a node's elements lie in an arena from the start. */
export function isBufferLeaf(node: Tensor): boolean {
  return BUFFER_LEAVES.includes(node.op);
}

/** Returns whether a node is a view with zeros around its input. */
export function isBounded(node: Tensor): boolean {
  return BOUNDED.includes(node.op);
}

/** Returns the first node below `node` that is not one of `views`, or the buffer that a bounded view on the way needs. */
export function underViews(node: Tensor, views: readonly string[] = VIEWS, isBuffer?: (node: Tensor) => boolean): Tensor {
  let source = node;
  while (views.includes(source.op) && isBuffer?.(source) !== true) {
    const bounded = isBounded(source);
    source = source.inputs[0] as Tensor;
    if (bounded) break;
  }
  return source;
}

/** Returns every node that an output or effect depends on, inputs before users. */
export function reachable(graph: Graph): Tensor[] {
  const seen = new Set<Tensor>();
  const stack: Tensor[] = [...graph.outputs.values()];
  if (graph.unless !== undefined) stack.push(graph.unless);
  for (const effect of graph.effects) {
    if (effect.kind === "assign") stack.push(effect.value);
    else if (effect.kind === "put") stack.push(effect.index, effect.value);
    else stack.push(...Object.values(effect.tensors), ...Object.values(effect.scalars));
  }
  while (stack.length > 0) {
    const node = stack.pop() as Tensor;
    if (seen.has(node)) continue;
    seen.add(node);
    stack.push(...node.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** Returns the identity index map over dims of `shape`. */
export function identity(shape: Shape): Affine[] {
  return shape.map((_, i) => ({ offset: 0, strides: shape.map((_, j) => (i === j ? 1 : 0)) }));
}

/** Returns Σ index·stride as one affine function over `rank` kernel dims. */
export function combine(index: readonly Affine[], strides: readonly number[], rank: number): Affine {
  const sum = { offset: 0, strides: new Array<number>(rank).fill(0) };
  for (const [i, term] of index.entries()) {
    const stride = strides[i] as number;
    sum.offset += term.offset * stride;
    for (let d = 0; d < rank; d++) sum.strides[d] = (sum.strides[d] as number) + (term.strides[d] as number) * stride;
  }
  return sum;
}

/** Returns the index map of a view's input from that of the view, or undefined where a reshape splits a dim. */
export function throughView(view: Tensor, index: readonly Affine[], rank: number): Affine[] | undefined {
  const input = view.inputs[0] as Tensor;
  const zero: Affine = { offset: 0, strides: new Array<number>(rank).fill(0) };
  if (view.op === "detach") return [...index];
  if (view.op === "expand") return index.map((term, i) => (input.shape[i] === 1 ? zero : term));
  if (view.op === "permute") {
    const order = view.attributes.order as readonly number[];
    return input.shape.map((_, i) => index[order.indexOf(i)] as Affine);
  }
  const { axis = 0, stride = 1, dilation = 1, step = 0 } = view.attributes as Record<string, number>;
  const at = (i: number): Affine => index[i] as Affine;
  const shifted = (by: readonly number[]): Affine[] => index.map((term, i) => ({ ...term, offset: term.offset + (by[i] as number) }));
  switch (view.op) {
    case "slice":
      return shifted(view.attributes.starts as readonly number[]);
    case "pad":
      return shifted((view.attributes.low as readonly number[]).map((low) => -low));
    case "unfold":
      return input.shape.map((_, i) => (i === axis ? combine([at(i), at(i + 1)], [stride, dilation], rank) : at(i < axis ? i : i + 1)));
    case "skew":
      return index.map((term, i) => (i === axis ? combine([term, at(i + 1)], [1, step], rank) : term));
  }
  const below = input.shape.map(() => zero);
  const groups = dimGroups(view.shape, input.shape);
  if (groups === undefined) return undefined;
  for (const [outer, inner] of groups) {
    const wide = inner.filter((i) => input.shape[i] !== 1);
    if (wide.length > 1) return undefined;
    const strides = denseStrides(outer.map((i) => view.shape[i] as number));
    if (wide.length === 1) {
      below[wide[0] as number] = combine(
        outer.map((i) => index[i] as Affine),
        strides,
        rank,
      );
    }
  }
  return below;
}

/** Returns whether a node is a reshape that cuts a dim in two, which no affine map expresses. */
export function splitsDims(node: Tensor): boolean {
  return node.op === "reshape" && throughView(node, identity(node.shape), node.shape.length) === undefined;
}

/** Pairs runs of dims of equal size, finest first; undefined where a dim of length 0 makes sizes meaningless. */
function dimGroups(a: Shape, b: Shape): [number[], number[]][] | undefined {
  if (a.includes(0) || b.includes(0)) return undefined;
  const groups: [number[], number[]][] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left: number[] = [];
    const right: number[] = [];
    let m = 1;
    let n = 1;
    do {
      if (i < a.length && (m <= n || j >= b.length)) {
        m *= a[i] as number;
        left.push(i++);
      } else {
        n *= b[j] as number;
        right.push(j++);
      }
    } while (m !== n);
    groups.push([left, right]);
  }
  return groups;
}

/** Returns whether a matmul operand walks a buffer as a matrix: stride 1 (or length 1) in one of its last two dims, and no repeats in either. */
export function isMatrix(operand: Tensor, isBuffer: (node: Tensor) => boolean): boolean {
  const rank = operand.shape.length;
  const walk = bufferWalk(operand, identity(operand.shape), rank, isBuffer);
  if (walk === undefined || walk.bounds !== undefined) return false;
  const dims = [rank - 2, rank - 1];
  return (
    dims.some((d) => operand.shape[d] === 1 || walk.strides[d] === 1) && dims.every((d) => operand.shape[d] === 1 || walk.strides[d] !== 0)
  );
}

/** Returns whether a matmul operand runs down its columns. */
export function isTransposed(operand: Tensor, isBuffer: (node: Tensor) => boolean): boolean {
  const rank = operand.shape.length;
  const walk = bufferWalk(operand, identity(operand.shape), rank, isBuffer);
  return walk !== undefined && operand.shape[rank - 1] !== 1 && walk.strides[rank - 1] !== 1;
}

/** Returns how a view chain over a buffer walks it, in elements from the buffer's start, or undefined where it is not affine. */
export function bufferWalk(node: Tensor, index: readonly Affine[], rank: number, isBuffer?: (node: Tensor) => boolean): Walk | undefined {
  if (!isView(node) || isBuffer?.(node) === true) return combine(index, bufferStrides(node), rank);
  const input = node.inputs[0] as Tensor;
  // A dense buffer may be read under any reshape: its elements are numbered the same.
  if (node.op === "reshape" && (!isView(input) || isBuffer?.(input) === true) && input.attributes.rowStride === undefined) {
    return combine(index, denseStrides(node.shape), rank);
  }
  const below = throughView(node, index, rank);
  if (below === undefined) return undefined;
  if (!isBounded(node)) return bufferWalk(input, below, rank, isBuffer);
  const strides = bufferStrides(input);
  const bounds = below.flatMap((term, d): Bound[] => {
    const size = input.shape[d] as number;
    // Conditions that hold at every point are left out: those on dims that the view leaves as they are.
    if (size === node.shape[d] && (node.op === "pad" || node.attributes.axis !== d)) return [];
    return [{ offset: term.offset, strides: term.strides, size, step: strides[d] as number }];
  });
  return { ...combine(below, strides, rank), bounds };
}

/** Returns the strides of a node's buffer, in elements: dense but for padded rows. */
function bufferStrides(node: Tensor): number[] {
  const strides = denseStrides(node.shape);
  const rowStride = node.op === "state" ? (node.attributes.rowStride as number | undefined) : undefined;
  if (rowStride !== undefined && strides.length > 0) strides[0] = rowStride;
  return strides;
}
