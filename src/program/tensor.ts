import { fail } from "../errors.ts";
import type { Graph, Tensor } from "./graph.ts";
import { apply } from "./ops.ts";
import { expand, pad, permute, reduce, reshape } from "./primitives.ts";
import { broadcastShapes, normalAxes, type Shape } from "./shape.ts";

export { grad } from "./grad.ts";
export { detach, expand, gather, matmul, pack, pad, permute, reshape, scatterAdd, slice, unfold } from "./primitives.ts";

/** A tensor, or a number that takes the other operand's dtype. */
export type Operand = Tensor | number;

/** Returns `a` repeated to `shape` by the rules of broadcasting. @throws E_SHAPE */
export function broadcast(a: Tensor, shape: Shape): Tensor {
  const lead = new Array<number>(Math.max(0, shape.length - a.shape.length)).fill(1);
  return expand(reshape(a, [...lead, ...a.shape]), shape);
}

function graphOf(name: string, operands: readonly Operand[]): Tensor {
  const tensor = operands.find((operand) => typeof operand !== "number");
  if (tensor === undefined) fail("E_TRACE", `${name}: no operand is a tensor; expected at least one, got numbers`);
  return tensor as Tensor;
}

function elementwise(name: string, operands: readonly Operand[], like: Tensor = graphOf(name, operands)): Tensor {
  const { graph } = like;
  const tensors = operands.map((operand) => (typeof operand === "number" ? graph.constant(operand, [], like.dtype) : operand));
  const shape = tensors.reduce<Shape>((sum, t) => broadcastShapes(graph.where(name), sum, t.shape), []);
  return apply(
    name,
    tensors.map((t) => broadcast(t, shape)),
  );
}

/** Returns a + b. */
export const add = (a: Operand, b: Operand): Tensor => elementwise("add", [a, b]);
/** Returns a − b. */
export const sub = (a: Operand, b: Operand): Tensor => elementwise("sub", [a, b]);
/** Returns a · b, elementwise. */
export const mul = (a: Operand, b: Operand): Tensor => elementwise("mul", [a, b]);
/** Returns a / b (f32). */
export const div = (a: Operand, b: Operand): Tensor => elementwise("div", [a, b]);
/** Returns the larger of a and b; a tie shares its gradient. */
export const maximum = (a: Operand, b: Operand): Tensor => elementwise("max", [a, b]);
/** Returns the smaller of a and b; a tie shares its gradient. */
export const minimum = (a: Operand, b: Operand): Tensor => elementwise("min", [a, b]);
/** Returns 1 (u32) where a < b, else 0. */
export const less = (a: Operand, b: Operand): Tensor => elementwise("less", [a, b]);
/** Returns 1 (u32) where a = b, else 0. */
export const equal = (a: Operand, b: Operand): Tensor => elementwise("equal", [a, b]);
/** Returns a & b (u32). */
export const and = (a: Operand, b: Operand): Tensor => elementwise("and", [a, b]);
/** Returns a ^ b (u32). */
export const xor = (a: Operand, b: Operand): Tensor => elementwise("xor", [a, b]);
/** Returns a shifted right by the low five bits of b (u32). */
export const shiftRight = (a: Operand, b: Operand): Tensor => elementwise("shr", [a, b]);
/** Returns −a. */
export const neg = (a: Tensor): Tensor => apply("neg", [a]);
/** Returns |a|. */
export const abs = (a: Tensor): Tensor => apply("abs", [a]);
/** Returns the largest whole number not above a; its gradient is 0. */
export const floor = (a: Tensor): Tensor => apply("floor", [a]);
/** Returns √a. */
export const sqrt = (a: Tensor): Tensor => apply("sqrt", [a]);
/** Returns e^a. */
export const exp = (a: Tensor): Tensor => apply("exp", [a]);
/** Returns the natural logarithm of a. */
export const log = (a: Tensor): Tensor => apply("log", [a]);
/** Returns tanh a. */
export const tanh = (a: Tensor): Tensor => apply("tanh", [a]);
/** Returns sin a. */
export const sin = (a: Tensor): Tensor => apply("sin", [a]);
/** Returns cos a. */
export const cos = (a: Tensor): Tensor => apply("cos", [a]);
/** Returns a u32 tensor as f32. */
export const toF32 = (a: Tensor): Tensor => (a.dtype === "f32" ? a : apply("toF32", [a]));
/** Returns an f32 tensor as u32, cut towards zero. */
export const toU32 = (a: Tensor): Tensor => (a.dtype === "u32" ? a : apply("toU32", [a]));
/** Returns 1 (u32) where |a| ≥ 2^63, whose square overflows, or a is no number; else 0. */
export const huge = (a: Tensor): Tensor => apply("huge", [a]);
/** Returns a·a. */
export const square = (a: Tensor): Tensor => mul(a, a);

/** Returns `a` where the u32 `condition` is not 0, else `b`. */
export function select(condition: Tensor, a: Operand, b: Operand): Tensor {
  const branch = typeof a !== "number" ? a : typeof b !== "number" ? b : condition.graph.constant(a, [], "f32");
  const [x, y] = [a, b].map((operand) => (typeof operand === "number" ? condition.graph.constant(operand, [], branch.dtype) : operand));
  return elementwise("select", [condition, x as Tensor, y as Tensor]);
}

/** How a reduction treats its axes. */
export interface ReduceOptions {
  /** Keep reduced axes as dims of length 1. Default false. */
  readonly keepDims?: boolean;
}

function folded(op: "sum" | "max", a: Tensor, axes: number | readonly number[] | undefined, options: ReduceOptions): Tensor {
  const list = normalAxes(a.graph.where(op), axes ?? [...a.shape.keys()], a.shape.length);
  const kept = reduce(op, a, list);
  if (options.keepDims === true) return kept;
  return reshape(
    kept,
    a.shape.filter((_, i) => !list.includes(i)),
  );
}

/** Returns the sum over `axes` (default all). */
export const sum = (a: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor => folded("sum", a, axes, options);

/** Returns the maximum over `axes` (default all); ties share their gradient. */
export const max = (a: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor => folded("max", a, axes, options);

/** Returns the mean over `axes` (default all). */
export function mean(a: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
  const list = normalAxes(a.graph.where("mean"), axes ?? [...a.shape.keys()], a.shape.length);
  const count = list.reduce((product, axis) => product * (a.shape[axis] as number), 1);
  return mul(folded("sum", a, list, options), 1 / count);
}

/** Returns tensors one after another along a dim; all other dims are equal. @throws E_SHAPE */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const first = graphOf("concat", parts);
  const { graph, shape } = first;
  const [dim] = normalAxes(graph.where("concat"), axis, shape.length) as [number];
  const total = parts.reduce((sum, part) => sum + (part.shape[dim] ?? 0), 0);
  let before = 0;
  const placed = parts.map((part) => {
    if (part.shape.length !== shape.length || part.shape.some((n, i) => i !== dim && n !== shape[i])) {
      fail(
        "E_SHAPE",
        `${graph.where("concat")}: shapes differ outside dim ${dim}; expected dims as in [${shape.join(", ")}], got [${part.shape.join(", ")}]`,
      );
    }
    const size = part.shape[dim] as number;
    before += size;
    const at = (value: number): number[] => shape.map((_, i) => (i === dim ? value : 0));
    return pad(part, at(before - size), at(total - before));
  });
  return placed.reduce((a, b) => add(a, b));
}

/** Returns the matrix with its last two dims exchanged. */
export function transpose(a: Tensor): Tensor {
  const rank = a.shape.length;
  return permute(a, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}

/** Returns a u32 1 where the class of the last dim [classes] equals the label: shape [...labels, classes]. */
export function oneHot(labels: Tensor, classes: number): Tensor {
  const { graph, shape } = labels;
  return equal(reshape(labels, [...shape, 1]), broadcast(graph.iota(classes), [...shape, classes]));
}

/** Returns uniform f32 numbers on [0, 1), multiples of 2^-24, from a named stream. */
export function uniform(graph: Graph, stream: string, shape: Shape): Tensor {
  return mul(toF32(shiftRight(graph.random(stream, shape), 8)), 2 ** -24);
}
