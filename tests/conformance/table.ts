/**
 * The table of conformance: every operation, primitive and effect of a program as a generator of cases. A case draws its shapes, views and
 * options from a seed; what it means is told by the oracle, node by node.
 */
import { adamw } from "../../src/optim/adamw.ts";
import type { Optimizer } from "../../src/optim/optimizer.ts";
import { updateOf } from "../../src/optim/recipe.ts";
import { sgd } from "../../src/optim/sgd.ts";
import { recordKernel, type StepInputs } from "../../src/optim/step.ts";
import type { Effect, Graph, Tensor } from "../../src/program/graph.ts";
import { apply, type Op, ops } from "../../src/program/ops.ts";
import type { DType } from "../../src/program/plan.ts";
import { reduce } from "../../src/program/primitives.ts";
import { type Shape, showShape, sizeOf } from "../../src/program/shape.ts";
import * as t from "../../src/program/tensor.ts";
import type { Draw, Operand, Sight } from "./draw.ts";

export type Tensors = Readonly<Record<string, Tensor>>;

/** One program to run: its arguments, and what becomes of them. */
export interface Case {
  /** Shapes and options, for the message of a failure. */
  readonly label: string;
  readonly args: Readonly<Record<string, Operand>>;
  /** Returns outputs by name; with an effect, the new values of arguments that are kept. */
  readonly record: (args: Tensors, graph: Graph) => Tensors;
  /** Changes what is kept into what `record` returns, which is then no output. */
  readonly effect?: (args: Tensors, graph: Graph) => void;
}

/** Returns a case of a rank, where the operation has that choice. */
export type Row = (draw: Draw, rank: number) => Case;

/** Elements of a result, multiplications of a product. */
const MOST = 1500;
const MOST_PRODUCTS = 20_000;

const arg = (args: Tensors, name: string): Tensor => args[name] as Tensor;
const shown = (args: Case["args"]): string =>
  Object.entries(args)
    .map(([name, { shape, dtype = "f32", kept }]) => `${name}: ${kept?.storage ?? dtype}${showShape(shape)}`)
    .join(", ");
const told = (what: string, args: Case["args"], record: Case["record"], effect?: Case["effect"]): Case => ({
  label: `${what} (${shown(args)})`,
  args,
  record,
  ...(effect && { effect }),
});

/** A case of one operand `x`, seen through a view. */
function single(draw: Draw, shape: Shape, what: string, f: (x: Tensor, graph: Graph) => Tensor, dtype: DType = "f32"): Case {
  const { leaf, view } = draw.sight(shape);
  const x = dtype === "f32" ? draw.f32(leaf, -2, 2) : draw.u32(leaf, 2 ** 32);
  return told(what, { x }, (args, graph) => ({ y: f(view(arg(args, "x")), graph) }));
}

/** Functions with kinks take numbers on a grid, so that a difference never steps over one; at ties both sides share. */
const grids: Readonly<Record<string, readonly [first: number, step: number]>> = {
  max: [-8, 0.125],
  min: [-8, 0.125],
  less: [-8, 0.25],
  equal: [-2, 0.5],
  abs: [-8, 0.125],
  floor: [-7.9375, 0.125],
};

function elementwise(name: string, op: Op): Row {
  const choices: DType[][] = [
    op.domain.map(() => "f32"),
    op.domain.map(() => "u32"),
    ["u32", ...op.domain.slice(1).map((): DType => "f32")],
  ];
  const fitting = choices.filter((dtypes) => op.dtype(dtypes) !== undefined);
  return (draw, rank) => {
    const shape = draw.shape(rank, MOST);
    const dtypes = draw.pick(fitting);
    const sights: Sight[] = dtypes.map(() => draw.spread(shape));
    const operands = dtypes.map((dtype, i): [string, Operand] => {
      const { leaf } = sights[i] as Sight;
      const [low, high] = op.domain[i] as readonly [number, number];
      const [first, step] = grids[name] ?? [low, 0];
      if (dtype === "f32") return [`x${i}`, draw.f32(leaf, first, name === "equal" ? 2 : high, step)];
      return [`x${i}`, draw.u32(leaf, name === "equal" ? 4 : low < 0 ? 2 ** 32 : high + 1)];
    });
    const record = (args: Tensors): Tensors => ({
      y: apply(
        name,
        sights.map(({ view }, i) => view(arg(args, `x${i}`))),
      ),
    });
    return told(`to ${showShape(shape)}`, Object.fromEntries(operands), record);
  };
}

/** Returns another shape of the same number of elements. */
function regrouped(draw: Draw, shape: Shape): number[] {
  const size = sizeOf(shape);
  const rank = size === 1 ? draw.below(6) : 1 + draw.below(5);
  const dims = new Array<number>(rank).fill(1);
  if (size === 0) return draw.shuffle([0, ...dims.slice(1).map(() => draw.pick([0, 1, 3]))]);
  const times = (factor: number): void => {
    const d = draw.below(rank);
    dims[d] = (dims[d] as number) * factor;
  };
  let rest = size;
  for (let factor = 2; rest > 1; factor++) {
    for (; rest % factor === 0; rest /= factor) times(factor);
  }
  return dims;
}

interface Window {
  readonly shape: number[];
  readonly axis: number;
  readonly size: number;
  readonly options: { readonly stride: number; readonly dilation: number };
}

/** Returns windows that fit on one dim of a shape. */
function windowed(draw: Draw, rank: number): Window {
  const shape = draw.shape(Math.max(1, rank), MOST / 4);
  const axis = draw.below(shape.length);
  const n = Math.max(1, shape[axis] as number);
  const dilation = 1 + draw.below(3);
  const size = 1 + draw.below(Math.min(5, Math.floor((n - 1) / dilation) + 1));
  return { shape: shape.map((m, d) => (d === axis ? n : m)), axis, size, options: { stride: 1 + draw.below(3), dilation } };
}

const views: Readonly<Record<string, Row>> = {
  reshape(draw, rank) {
    const from = draw.shape(rank, MOST);
    const to = regrouped(draw, from);
    return single(draw, from, `to ${showShape(to)}`, (x) => t.reshape(x, to));
  },
  permute(draw, rank) {
    const shape = draw.shape(rank, MOST);
    const order = draw.shuffle([...shape.keys()]);
    return single(draw, shape, `by ${showShape(order)}`, (x) => t.permute(x, order), draw.pick(["f32", "u32"]));
  },
  expand(draw, rank) {
    const to = draw.shape(rank, MOST);
    const from = to.map((n) => (draw.chance(0.5) ? 1 : n));
    return single(draw, from, `to ${showShape(to)}`, (x) => t.expand(x, to));
  },
  slice(draw, rank) {
    const shape = draw.shape(rank, MOST);
    const starts = shape.map((n) => draw.below(n + 1));
    const sizes = shape.map((n, d) => draw.below(n - (starts[d] as number) + 1));
    return single(
      draw,
      shape,
      `${showShape(sizes)} from ${showShape(starts)}`,
      (x) => t.slice(x, starts, sizes),
      draw.pick(["f32", "u32"]),
    );
  },
  pad(draw, rank) {
    const shape = draw.shape(rank, MOST / 4);
    const chosen = [draw.below(Math.max(1, rank)), draw.below(Math.max(1, rank))];
    const counts = (): number[] => shape.map((_, d) => (chosen.includes(d) ? draw.below(3) : 0));
    const [low, high] = [counts(), counts()];
    return single(
      draw,
      shape,
      `${showShape(low)} before, ${showShape(high)} behind`,
      (x) => t.pad(x, low, high),
      draw.pick(["f32", "u32"]),
    );
  },
  unfold(draw, rank) {
    const { shape, axis, size, options } = windowed(draw, rank);
    return single(draw, shape, `dim ${axis} by ${size}, ${JSON.stringify(options)}`, (x) => t.unfold(x, axis, size, options));
  },
  fold(draw, rank) {
    const { shape, axis, size, options } = windowed(draw, rank);
    const windows = (x: Tensor): Tensor => t.unfold(x, axis, size, options);
    const count = Math.floor(((shape[axis] as number) - options.dilation * (size - 1) - 1) / options.stride) + 1;
    const open = [...shape.slice(0, axis), count, size, ...shape.slice(axis + 1)];
    // Windows are put back by the gradient of taking them.
    const back = (g: Tensor, graph: Graph): Tensor => {
      const x = graph.input("nowhere", shape, "f32");
      return t.grad(t.sum(t.mul(windows(x), g)), [x])[0] as Tensor;
    };
    return single(draw, open, `dim ${axis} to ${shape[axis]}, ${JSON.stringify(options)}`, back);
  },
  skew(draw, rank) {
    const shape = draw.shape(Math.max(2, rank), MOST);
    const axis = draw.below(shape.length - 1);
    const step = draw.pick([-3, -2, -1, 1, 2]);
    const length = 1 + draw.below(2 * (shape[axis] as number) + 1);
    const to = shape.map((n, d) => (d === axis ? length : n));
    const skewed = (x: Tensor, graph: Graph): Tensor => graph.node("skew", [x], { axis, step }, to, "f32");
    return single(draw, shape, `dim ${axis} by ${step} to ${length}`, skewed);
  },
  concat(draw, rank) {
    const shape = draw.shape(Math.max(1, rank), MOST / 4);
    const axis = draw.below(shape.length);
    const sights = Array.from({ length: 2 + draw.below(2) }, () => {
      const n = draw.pick([0, 1, 2, 3, shape[axis] as number]);
      return draw.sight(shape.map((m, d) => (d === axis ? n : m)));
    });
    return joined(draw, `along dim ${axis}`, sights, (parts) => t.concat(parts, axis));
  },
  pack(draw, rank) {
    const sights = Array.from({ length: 2 + draw.below(3) }, (_, i) => draw.sight(draw.shape((rank + i) % 6, MOST / 3)));
    return joined(draw, "of parts", sights, t.pack);
  },
};

function joined(draw: Draw, what: string, sights: readonly Sight[], f: (parts: Tensor[]) => Tensor): Case {
  const operands = sights.map(({ leaf }, i): [string, Operand] => [`x${i}`, draw.f32(leaf, -2, 2)]);
  return told(what, Object.fromEntries(operands), (args) => ({ y: f(sights.map(({ view }, i) => view(arg(args, `x${i}`)))) }));
}

function folded(op: "sum" | "max"): Row {
  return (draw, rank) => {
    const shape = draw.shape(rank, 2 * MOST);
    const axes = [...shape.keys()].filter(() => draw.chance(0.6));
    const whole = draw.chance(0.3);
    const { leaf, view } = draw.sight(shape);
    // No two numbers are near each other, so that a difference never changes which is the largest.
    const x = whole ? draw.u32(leaf, 2 ** 32) : op === "max" ? draw.apart(leaf) : draw.f32(leaf, -2, 2);
    return told(`over ${showShape(axes)}`, { x }, (args) => ({ y: reduce(op, view(arg(args, "x")), axes) }));
  };
}

const products: Readonly<Record<string, Row>> = {
  matmul(draw, rank) {
    const shape = draw.shape(Math.max(3, rank + 1), MOST_PRODUCTS);
    const [m, k, n] = shape.splice(-3) as [number, number, number];
    const [a, b] = [draw.sight([...shape, m, k]), draw.sight([...shape, k, n])];
    const transposed = [draw.chance(0.4), draw.chance(0.4)];
    const flipped = (leaf: Shape, i: number): Shape => (transposed[i] ? [...leaf.slice(0, -2), ...leaf.slice(-2).reverse()] : leaf);
    const args = { a: draw.f32(flipped(a.leaf, 0), -1, 1), b: draw.f32(flipped(b.leaf, 1), -1, 1) };
    const see = (x: Tensor, { view }: Sight, i: number): Tensor => view(transposed[i] ? t.transpose(x) : x);
    const what = `${showShape(shape)} × [${m}, ${k}]·[${k}, ${n}]`;
    return told(what, args, (x) => ({ y: t.matmul(see(arg(x, "a"), a, 0), see(arg(x, "b"), b, 1)) }));
  },
};

/** Row numbers: the shape of a batch of them, and how a row and a table are shaped. */
function rowsOf(draw: Draw, rank: number): { index: number[]; row: number[]; height: number } {
  const index = draw.shape(draw.below(3), 100);
  const row = draw.shape(Math.max(0, rank - 1), Math.max(1, MOST / Math.max(1, sizeOf(index))));
  return { index, row, height: draw.pick([1, 2, 5, 65]) };
}

const rows: Readonly<Record<string, Row>> = {
  gather(draw, rank) {
    const { index, row, height } = rowsOf(draw, rank);
    const [table, places] = [draw.sight([height, ...row]), draw.sight(index)];
    const args = { x: draw.f32(table.leaf, -2, 2), i: draw.u32(places.leaf, height) };
    return told("rows", args, (x) => ({ y: t.gather(table.view(arg(x, "x")), places.view(arg(x, "i"))) }));
  },
  scatterAdd(draw, rank) {
    const { index, row, height } = rowsOf(draw, rank);
    const [values, places] = [draw.sight([...index, ...row]), draw.sight(index)];
    // Some row numbers are past the last.
    const args = { x: draw.f32(values.leaf, -2, 2), i: draw.u32(places.leaf, height + 2) };
    return told(`to ${height} rows`, args, (x) => ({ y: t.scatterAdd(values.view(arg(x, "x")), places.view(arg(x, "i")), height) }));
  },
  put(draw, rank) {
    const { row, height } = rowsOf(draw, rank);
    const chosen = draw.shuffle([...Array(height + 3).keys()]).slice(0, 1 + draw.below(height));
    const values = draw.sight([chosen.length, ...row]);
    const whole = draw.chance(0.3);
    const numbers = (shape: Shape): Operand => (whole ? draw.u32(shape, 1000) : draw.f32(shape, -2, 2));
    const args: Record<string, Operand> = {
      target: { ...numbers([height, ...row]), kept: { arena: draw.pick(["state", "rows"]), storage: whole ? "u32" : "f32" } },
      i: { shape: [chosen.length], values: Uint32Array.from(chosen), dtype: "u32" },
      x: numbers(values.leaf),
    };
    const record = (x: Tensors, graph: Graph): Tensors => {
      const { target, i } = x as { target: Tensor; i: Tensor };
      const given = values.view(arg(x, "x"));
      const sums = t.scatterAdd(whole ? t.toF32(given) : given, i, height);
      const hits = t.scatterAdd(graph.constant(1, given.shape, "f32"), i, height);
      return { target: t.select(t.less(0.5, hits), whole ? t.toU32(t.add(sums, 0.5)) : sums, target) };
    };
    return told(`${chosen.length} rows of ${height}`, args, record, (x, graph) => {
      const { target, i } = x as { target: Tensor; i: Tensor };
      graph.effects.push({ kind: "put", target, index: i, value: values.view(arg(x, "x")) });
    });
  },
};

const leaves: Readonly<Record<string, Row>> = {
  input(draw, rank) {
    const shape = draw.shape(rank, MOST);
    return told("as it is", { x: draw.chance(0.5) ? draw.f32(shape, -2, 2) : draw.u32(shape, 2 ** 32) }, (x) => ({ y: arg(x, "x") }));
  },
  scalar(draw, rank) {
    const shape = draw.shape(rank, MOST);
    return told(`to ${showShape(shape)}`, { x: { ...draw.f32([], -2, 2), scalar: true } }, (x) => ({ y: t.broadcast(arg(x, "x"), shape) }));
  },
  state(draw, rank) {
    const shape = draw.shape(rank, MOST);
    const storage = draw.pick(["f32", "u32", "u8"] as const);
    const rowStride = sizeOf(shape.slice(1)) + draw.below(4);
    const kept = { arena: draw.pick(["state", "rows"] as const), storage, ...(rank > 0 && draw.chance(0.5) && { rowStride }) };
    const x = storage === "f32" ? draw.f32(shape, -2, 2) : draw.u32(shape, storage === "u8" ? 256 : 2 ** 32);
    const order = draw.shuffle([...shape.keys()]);
    return told(`by ${showShape(order)}`, { x: { ...x, kept } }, (args) => ({ y: t.permute(arg(args, "x"), order) }));
  },
  const(draw, rank) {
    const shape = draw.shape(rank, MOST);
    const [value, dtype] = draw.pick([
      [0, "f32"],
      [-2.5, "f32"],
      [1e-40, "f32"],
      [1e38, "f32"],
      [Infinity, "f32"],
      [-Infinity, "f32"],
      [2 ** 32 - 1, "u32"],
    ] as const);
    return told(`${dtype} ${value} to ${showShape(shape)}`, {}, (_, graph) => ({ y: graph.constant(value, shape, dtype) }));
  },
  iota(draw, rank) {
    const shape = draw.shape(rank, MOST);
    const order = draw.shuffle([...shape.keys()]);
    const count = (graph: Graph): Tensor => t.permute(t.reshape(graph.iota(sizeOf(shape)), shape), order);
    return told(`to ${showShape(shape)} by ${showShape(order)}`, {}, (_, graph) => ({ y: count(graph) }));
  },
  random(draw, rank) {
    const shape = draw.shape(rank, MOST);
    const order = draw.shuffle([...shape.keys()]);
    const stream = `stream ${draw.below(9)}`;
    return told(`${stream} to ${showShape(shape)} by ${showShape(order)}`, {}, (_, graph) => ({
      y: t.permute(graph.random(stream, shape), order),
    }));
  },
};

/** One update of a vector that is kept, by the hand-written kernel; the recipe says what it means. */
function updated(choose: (draw: Draw) => Optimizer): Row {
  return (draw) => {
    const optimizer = choose(draw);
    const shape = draw.shape(1, MOST);
    const vector = (low: number): Operand => ({ ...draw.f32(shape, low, 1), kept: { arena: "state", storage: "f32" } });
    const slots = optimizer.slots.map(({ name }): [string, Operand] => [name, vector(name === "v" ? 0.01 : -1)]);
    const hyper = { ...(optimizer.options as Record<string, number>), learningRate: 0.1 };
    const scalars = Object.entries(optimizer.scalars(1 + draw.below(9), hyper));
    const args = {
      params: vector(-1),
      grads: draw.f32(shape, -1, 1),
      ...Object.fromEntries(slots),
      ...Object.fromEntries(
        scalars.map(([name, value]): [string, Operand] => [`${name} scalar`, { shape: [], values: Float32Array.of(value), scalar: true }]),
      ),
    };
    const inputs = (x: Tensors): StepInputs => ({
      params: arg(x, "params"),
      grads: arg(x, "grads"),
      slots: Object.fromEntries(optimizer.slots.map(({ name }) => [name, arg(x, name)])),
      tensors: [{ path: "all", shape, offset: 0, group: 0 }],
      scalar: (name) => arg(x, `${name} scalar`),
    });
    const record = (x: Tensors): Tensors => {
      const next = updateOf(optimizer, inputs(x));
      return { params: next.params, ...next.slots };
    };
    return told(JSON.stringify(optimizer.options), args, record, (x) => recordKernel(optimizer, inputs(x)));
  };
}

const effects: Readonly<Record<string, Row>> = {
  assign(draw, rank) {
    // Two ranges, each made of both as they were; through a turned view, what one holds goes elsewhere in the other.
    const isTurned = rank > 1 && draw.chance(0.4);
    const shape = isTurned ? draw.shape(rank, MOST).fill(draw.pick([1, 2, 3, 4])) : draw.shape(rank, MOST);
    const order = isTurned ? draw.shuffle([...shape.keys()]) : [...shape.keys()];
    const { leaf, view } = draw.spread(shape);
    const kept = (): NonNullable<Operand["kept"]> => {
      const rowStride = sizeOf(shape.slice(1)) + draw.below(4);
      return { arena: draw.pick(["state", "rows"]), storage: "f32", ...(rank > 0 && draw.chance(0.3) && { rowStride }) };
    };
    const range = (): Operand => ({ ...draw.f32(shape, -2, 2), kept: kept() });
    const args = { target: range(), other: range(), x: draw.f32(leaf, -2, 2) };
    const record = (x: Tensors): Tensors => {
      const [target, other] = [arg(x, "target"), arg(x, "other")];
      const next = t.sub(t.mul(target, 0.5), view(arg(x, "x")));
      return { target: t.add(next, t.permute(other, order)), other: t.add(t.mul(next, other), target) };
    };
    const sequence = draw.shuffle(["target", "other"]);
    const effect = (x: Tensors, graph: Graph): void => {
      const values = record(x);
      for (const name of sequence) graph.effects.push({ kind: "assign", target: arg(x, name), value: arg(values, name) } satisfies Effect);
    };
    return told(`of both, by ${showShape(order)}`, args, record, effect);
  },
  detach(draw, rank) {
    const shape = draw.shape(rank, MOST);
    const [a, b] = [draw.spread(shape), draw.spread(shape)];
    const args = { a: draw.f32(a.leaf, -2, 2), b: { ...draw.f32(b.leaf, -2, 2), cut: true } };
    return told(`to ${showShape(shape)}`, args, (x) => ({ y: t.mul(a.view(arg(x, "a")), t.detach(b.view(arg(x, "b")))) }));
  },
  sgd: updated((draw) => sgd({ momentum: draw.pick([0, 0.9]), weightDecay: draw.pick([0, 0.01]) })),
  "sgd, Nesterov": updated(() => sgd({ momentum: 0.9, nesterov: true })),
  adamw: updated((draw) => adamw({ weightDecay: draw.pick([0, 0.1]), eps: 1e-4 })),
};

/** Gradients of three functions with respect to their parameters, to be differentiated again. */
const twice: Readonly<Record<string, Row>> = {
  perceptron(draw) {
    const [batch, input, hidden] = [draw.pick([1, 3, 7]), draw.pick([2, 5]), draw.pick([3, 8])];
    const args = { w: draw.f32([input, hidden], -1, 1), v: draw.f32([hidden, 1], -1, 1), x: draw.f32([batch, input], -1, 1) };
    const loss = (x: Tensors): Tensor => t.mean(t.square(t.matmul(t.tanh(t.matmul(arg(x, "x"), arg(x, "w"))), arg(x, "v"))));
    return told("tanh", args, (x) => ({ y: t.grad(loss(x), [arg(x, "w")])[0] as Tensor }));
  },
  "cross-entropy"(draw) {
    const [batch, classes] = [draw.pick([1, 3, 7]), draw.pick([2, 5, 10])];
    const args = { x: draw.f32([batch, classes], -2, 2), p: draw.f32([batch, classes], 0, 1) };
    const loss = (x: Tensors): Tensor => {
      const logits = arg(x, "x");
      return t.sum(t.sub(t.log(t.sum(t.exp(logits), 1)), t.sum(t.mul(logits, arg(x, "p")), 1)));
    };
    return told("of logits", args, (x) => ({ y: t.grad(loss(x), [arg(x, "x")])[0] as Tensor }));
  },
  convolution(draw) {
    const [n, size, stride] = [draw.pick([5, 8]), draw.pick([2, 3]), draw.pick([1, 2])];
    const args = { x: draw.f32([n, n], -1, 1), w: draw.f32([size * size, 2], -1, 1) };
    const loss = (x: Tensors): Tensor => {
      const windows = t.unfold(t.unfold(t.pad(arg(x, "x"), [1, 0], [0, 1]), 1, size, { stride }), 0, size, { stride });
      const [rows, , columns] = windows.shape as [number, number, number];
      const patches = t.reshape(t.permute(windows, [0, 2, 1, 3]), [rows * columns, size * size]);
      return t.sum(t.exp(t.sin(t.matmul(patches, arg(x, "w")))));
    };
    return told(`stride ${stride}`, args, (x) => ({ y: t.grad(loss(x), [arg(x, "x")])[0] as Tensor }));
  },
};

/** Every row, by family and name. */
export const table: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  elementwise: Object.fromEntries(Object.entries(ops).map(([name, op]) => [name, elementwise(name, op)])),
  views,
  reductions: { sum: folded("sum"), max: folded("max") },
  "matrix product": products,
  "gather, scatter": rows,
  "inputs, constants, random": leaves,
  "effects, optimizers": effects,
  "gradients of gradients": twice,
};
