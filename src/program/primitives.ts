import { fail } from "../errors.ts";
import type { Tensor } from "./graph.ts";
import type { ReduceOp } from "./plan.ts";
import { normalAxes, type Shape, sameShape, showShape, sizeOf } from "./shape.ts";

/** Returns the same elements, in row-major order, under another shape. @throws E_SHAPE */
export function reshape(a: Tensor, shape: Shape): Tensor {
  if (sizeOf(shape) !== sizeOf(a.shape)) {
    fail(
      "E_SHAPE",
      `${a.graph.where("reshape")}: sizes differ; expected ${sizeOf(a.shape)} elements as in ${showShape(a.shape)}, got ${showShape(shape)}`,
    );
  }
  if (sameShape(shape, a.shape)) return a;
  if (a.op === "const") return a.graph.constant(a.attributes.value as number, shape, a.dtype);
  if (a.op === "reshape") return reshape(a.inputs[0] as Tensor, shape);
  return a.graph.node("reshape", [a], {}, shape, a.dtype);
}

/** Returns the tensor with its dims in another order: dim i of the result is dim `order[i]` of `a`. @throws E_SHAPE */
export function permute(a: Tensor, order: readonly number[]): Tensor {
  if (order.length !== a.shape.length || [...order].sort((x, y) => x - y).some((axis, i) => axis !== i)) {
    fail(
      "E_SHAPE",
      `${a.graph.where("permute")}: not an order of the dims; expected 0 to ${a.shape.length - 1} each once, got ${showShape(order)}`,
    );
  }
  if (order.every((axis, i) => axis === i)) return a;
  const shape = order.map((axis) => a.shape[axis] as number);
  if (a.op === "const") return a.graph.constant(a.attributes.value as number, shape, a.dtype);
  if (a.op === "permute") {
    const inner = a.attributes.order as readonly number[];
    return permute(
      a.inputs[0] as Tensor,
      order.map((axis) => inner[axis] as number),
    );
  }
  return a.graph.node("permute", [a], { order }, shape, a.dtype);
}

/** Returns the tensor with dims of length 1 repeated to `shape`, of the same rank. @throws E_SHAPE */
export function expand(a: Tensor, shape: Shape): Tensor {
  if (shape.length !== a.shape.length || a.shape.some((n, i) => n !== shape[i] && n !== 1)) {
    fail(
      "E_SHAPE",
      `${a.graph.where("expand")}: only dims of length 1 repeat; expected a shape like ${showShape(a.shape)}, got ${showShape(shape)}`,
    );
  }
  if (sameShape(shape, a.shape)) return a;
  if (a.op === "const") return a.graph.constant(a.attributes.value as number, shape, a.dtype);
  return a.graph.node("expand", [a], {}, shape, a.dtype);
}

/** Returns the fold of a tensor over `axes`, which stay as dims of length 1. @throws E_SHAPE */
export function reduce(op: ReduceOp, a: Tensor, axes: number | readonly number[]): Tensor {
  const where = a.graph.where(op);
  const list = normalAxes(where, axes, a.shape.length);
  const open = list.filter((axis) => a.shape[axis] !== 1);
  if (open.length === 0) return a;
  const shape = a.shape.map((n, i) => (open.includes(i) ? 1 : n));
  return a.graph.node("reduce", [a], { op, axes: open }, shape, a.dtype);
}

/** Returns the matrix product of `a` [..., m, k] and `b` [..., k, n], whose leading dims are equal. @throws E_SHAPE */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const where = a.graph.where("matmul");
  const rank = a.shape.length;
  const fits =
    rank >= 2 &&
    b.shape.length === rank &&
    a.shape[rank - 1] === b.shape[rank - 2] &&
    sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2)) &&
    a.dtype === "f32" &&
    b.dtype === "f32";
  if (!fits) {
    fail(
      "E_SHAPE",
      `${where}: shapes do not fit; expected f32 [..., m, k] and [..., k, n], got ${a.dtype} ${showShape(a.shape)} and ${b.dtype} ${showShape(b.shape)}`,
    );
  }
  const shape = [...a.shape.slice(0, -1), b.shape[rank - 1] as number];
  if (rank > 3) {
    const flat = (t: Tensor): Tensor => reshape(t, [sizeOf(t.shape.slice(0, -2)), ...t.shape.slice(-2)]);
    return reshape(matmul(flat(a), flat(b)), shape);
  }
  return a.graph.node("matmul", [a, b], {}, shape, "f32");
}

/** Returns the rows of `table` [rows, ...row] named by the u32 tensor `index`: shape [...index, ...row]; a number past the last names the last. @throws E_SHAPE */
export function gather(table: Tensor, index: Tensor): Tensor {
  const rows = table.shape[0] ?? 0;
  if (table.shape.length === 0 || index.dtype !== "u32" || (rows === 0 && sizeOf(index.shape) > 0)) {
    fail(
      "E_SHAPE",
      `${table.graph.where("gather")}: operands do not fit; expected a table of rows and u32 row numbers, got ${showShape(table.shape)} and ${index.dtype}`,
    );
  }
  return table.graph.node("gather", [table, index], {}, [...index.shape, ...table.shape.slice(1)], table.dtype);
}

/** Returns the sum of the rows of `values` [...index, ...row] by their numbers: shape [rows, ...row]; a number past the last is dropped. @throws E_SHAPE */
export function scatterAdd(values: Tensor, index: Tensor, rows: number): Tensor {
  const lead = values.shape.slice(0, index.shape.length);
  if (index.dtype !== "u32" || values.dtype !== "f32" || !sameShape(lead, index.shape)) {
    const got = `${values.dtype} ${showShape(values.shape)} and ${index.dtype} ${showShape(index.shape)}`;
    fail(
      "E_SHAPE",
      `${values.graph.where("scatterAdd")}: operands do not fit; expected f32 [...index, ...row] and u32 [...index], got ${got}`,
    );
  }
  return values.graph.node("scatterAdd", [values, index], {}, [rows, ...values.shape.slice(index.shape.length)], "f32");
}

/** Returns the part of a tensor that begins at `starts` and has `sizes`. @throws E_SHAPE */
export function slice(a: Tensor, starts: readonly number[], sizes: readonly number[]): Tensor {
  const fits = starts.length === a.shape.length && sizes.length === a.shape.length;
  if (
    !fits ||
    a.shape.some(
      (n, i) =>
        !(
          Number.isInteger(starts[i]) &&
          (starts[i] as number) >= 0 &&
          (sizes[i] as number) >= 0 &&
          (starts[i] as number) + (sizes[i] as number) <= n
        ),
    )
  ) {
    fail(
      "E_SHAPE",
      `${a.graph.where("slice")}: reaches outside; expected a part of ${showShape(a.shape)}, got ${showShape(sizes)} from ${showShape(starts)}`,
    );
  }
  if (sameShape(sizes, a.shape)) return a;
  if (a.op === "const") return a.graph.constant(a.attributes.value as number, sizes, a.dtype);
  return a.graph.node("slice", [a], { starts }, sizes, a.dtype);
}

/** Returns a tensor with `low` zeros before and `high` zeros behind it in each dim. @throws E_SHAPE */
export function pad(a: Tensor, low: readonly number[], high: readonly number[]): Tensor {
  const counts = [...low, ...high];
  if (low.length !== a.shape.length || high.length !== a.shape.length || counts.some((n) => !Number.isInteger(n) || n < 0)) {
    fail(
      "E_SHAPE",
      `${a.graph.where("pad")}: not counts of zeros; expected ${a.shape.length} whole numbers ≥ 0 twice, got ${showShape(low)} and ${showShape(high)}`,
    );
  }
  if (counts.every((n) => n === 0)) return a;
  const shape = a.shape.map((n, i) => n + (low[i] as number) + (high[i] as number));
  if (a.op === "const" && a.attributes.value === 0) return a.graph.constant(0, shape, a.dtype);
  if (a.op === "pad") {
    const inner = a.attributes.low as readonly number[];
    const source = a.inputs[0] as Tensor;
    const below = low.map((n, i) => n + (inner[i] as number));
    return pad(
      source,
      below,
      shape.map((n, i) => n - (source.shape[i] as number) - (below[i] as number)),
    );
  }
  return a.graph.node("pad", [a], { low }, shape, a.dtype);
}

/** How {@link unfold} moves. */
export interface WindowOptions {
  /** From one window to the next. Default 1. */
  readonly stride?: number;
  /** From one element of a window to the next. Default 1. */
  readonly dilation?: number;
}

/**
 * Returns sliding windows along a dim: [.., n, ..] becomes [.., count, size, ..] with element (o, k) = a[o·stride + k·dilation] and
 * count = ⌊(n − dilation·(size − 1) − 1) / stride⌋ + 1.
 * @throws E_SHAPE
 */
export function unfold(a: Tensor, axis: number, size: number, options: WindowOptions = {}): Tensor {
  const { stride = 1, dilation = 1 } = options;
  const n = a.shape[axis] ?? -1;
  const reach = dilation * (size - 1) + 1;
  if (![size, stride, dilation].every((value) => Number.isInteger(value) && value >= 1) || n < reach) {
    fail(
      "E_SHAPE",
      `${a.graph.where("unfold")}: no window fits; expected dim ${axis} of ${showShape(a.shape)} to hold ${reach}, got ${n < 0 ? "no such dim" : n}`,
      {
        context: { axis, size, stride, dilation },
      },
    );
  }
  const shape = [...a.shape.slice(0, axis), Math.floor((n - reach) / stride) + 1, size, ...a.shape.slice(axis + 1)];
  if (a.op === "const") return a.graph.constant(a.attributes.value as number, shape, a.dtype);
  return a.graph.node("unfold", [a], { axis, stride, dilation }, shape, a.dtype);
}

/** Returns element (i, k) = a[i + step·k, k] in dims `axis` and the next, 0 where that is outside; i runs to `length`. */
export function skew(a: Tensor, axis: number, length: number, step: number): Tensor {
  const shape = a.shape.map((n, i) => (i === axis ? length : n));
  return a.graph.node("skew", [a], { axis, step }, shape, a.dtype);
}

/** Returns the elements of all tensors one after another as one vector; the parts are computed in place, without a copy. */
export function pack(parts: readonly Tensor[]): Tensor {
  const first = parts[0] as Tensor;
  const size = parts.reduce((sum, part) => sum + sizeOf(part.shape), 0);
  return parts.length === 1 ? reshape(first, [size]) : first.graph.node("pack", parts, {}, [size], first.dtype);
}

/** Returns the same value, through which no gradient flows. */
export function detach(a: Tensor): Tensor {
  return a.op === "detach" || a.op === "const" ? a : a.graph.node("detach", [a], {}, a.shape, a.dtype);
}
