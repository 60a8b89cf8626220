import { fail } from "../errors.ts";
import type { Tensor } from "./graph.ts";
import type { DType } from "./plan.ts";
import { sameShape, showShape } from "./shape.ts";

/** One row of the table of elementwise operations: everything a backend or a test needs to know of it. */
export interface Op {
  readonly arity: 1 | 2 | 3;
  /** Opcode in `assembly/map.ts`, one case there per opcode; left out while Wasm lacks the operation. */
  readonly code?: number;
  /** The dtype of the result from those of the arguments, or undefined where they do not fit. */
  readonly dtype: (args: readonly DType[]) => DType | undefined;
  /** WGSL of the result from WGSL of the arguments, which are `f32` or `u32` values; left out while WebGPU lacks the operation. */
  readonly wgsl?: (args: readonly string[], dtype: DType) => string;
  /** The result in f64 (u32 wraps as in Wasm): the oracle of the tests and of constant folding. */
  readonly reference: (args: readonly number[], dtype: DType) => number;
  /** Where tests draw f32 arguments: [low, high] of each. */
  readonly domain: readonly (readonly [low: number, high: number])[];
  /** The gradients of the arguments from that of the result `g`; undefined where there is none. Left out: no argument has one. */
  readonly vjp?: (g: Tensor, args: readonly Tensor[], out: Tensor) => readonly (Tensor | undefined)[];
  /** The error allowed against the oracle on f32: relative, and absolute below 1. */
  readonly bound: { readonly relative: number; readonly absolute: number };
}

const same = (args: readonly DType[]): DType | undefined => (args.every((d) => d === args[0]) ? args[0] : undefined);
const float = (args: readonly DType[]): DType | undefined => (args.every((d) => d === "f32") ? "f32" : undefined);
const unsigned = (args: readonly DType[]): DType | undefined => (args.every((d) => d === "u32") ? "u32" : undefined);
const truth = (args: readonly DType[]): DType | undefined => (same(args) === undefined ? undefined : "u32");
const at = (args: readonly number[], i: number): number => args[i] as number;
const round = (value: number, dtype: DType): number => (dtype === "u32" ? value >>> 0 : value);

const times = (a: Tensor, b: Tensor | undefined): Tensor => apply("mul", [a, b as Tensor]);
const over = (a: Tensor, b: Tensor | undefined): Tensor => apply("div", [a, b as Tensor]);
const negate = (a: Tensor): Tensor => apply("neg", [a]);
const fill = (like: Tensor, value: number): Tensor => like.graph.constant(value, like.shape, like.dtype);
const zeros = (like: Tensor): Tensor => fill(like, 0);

/** The gradient to the winner of a comparison; a tie is shared in halves. */
function split(g: Tensor, first: Tensor, tie: Tensor): readonly Tensor[] {
  const half = times(g, fill(g, 0.5));
  const won = (condition: Tensor, yes: Tensor, no: Tensor): Tensor => apply("select", [tie, half, apply("select", [condition, yes, no])]);
  return [won(first, g, zeros(g)), won(first, zeros(g), g)];
}

const wide: readonly [number, number] = [-8, 8];
const exact = { relative: 2 ** -24, absolute: 2 ** -24 };
/** GPUs may round a division or root a little off (WGSL: 2.5 ulp for `/`, inherited by sqrt). */
const near = { relative: 4e-7, absolute: 4e-7 };
/** Polynomials; WGSL compilers may reassociate them. */
const polynomial = { relative: 1e-5, absolute: 5e-7 };

function infix(symbol: string): NonNullable<Op["wgsl"]> {
  return (args) => `(${args[0]} ${symbol} ${args[1]})`;
}

function call(name: string): NonNullable<Op["wgsl"]> {
  return (args) => `${name}(${args.join(", ")})`;
}

/** The table of elementwise operations, by name. */
export const ops: Readonly<Record<string, Op>> = {
  add: {
    arity: 2,
    code: 1,
    dtype: same,
    wgsl: infix("+"),
    reference: (a, d) => round(at(a, 0) + at(a, 1), d),
    domain: [wide, wide],
    vjp: (g) => [g, g],
    bound: exact,
  },
  sub: {
    arity: 2,
    code: 2,
    dtype: same,
    wgsl: infix("-"),
    reference: (a, d) => round(at(a, 0) - at(a, 1), d),
    domain: [wide, wide],
    vjp: (g) => [g, negate(g)],
    bound: exact,
  },
  mul: {
    arity: 2,
    code: 3,
    dtype: same,
    wgsl: infix("*"),
    reference: (a, d) => (d === "u32" ? Math.imul(at(a, 0), at(a, 1)) >>> 0 : at(a, 0) * at(a, 1)),
    domain: [wide, wide],
    vjp: (g, [a, b]) => [times(g, b), times(g, a)],
    bound: exact,
  },
  div: {
    arity: 2,
    code: 4,
    dtype: float,
    wgsl: infix("/"),
    reference: (a) => at(a, 0) / at(a, 1),
    domain: [wide, [0.25, 8]],
    vjp: (g, [, b], out) => [over(g, b), negate(over(times(g, out), b))],
    bound: near,
  },
  max: {
    arity: 2,
    code: 5,
    dtype: same,
    wgsl: call("max"),
    reference: (a) => Math.max(at(a, 0), at(a, 1)),
    domain: [wide, wide],
    vjp: (g, [a, b]) => split(g, apply("less", [b as Tensor, a as Tensor]), apply("equal", [a as Tensor, b as Tensor])),
    bound: exact,
  },
  min: {
    arity: 2,
    code: 6,
    dtype: same,
    wgsl: call("min"),
    reference: (a) => Math.min(at(a, 0), at(a, 1)),
    domain: [wide, wide],
    vjp: (g, [a, b]) => split(g, apply("less", [a as Tensor, b as Tensor]), apply("equal", [a as Tensor, b as Tensor])),
    bound: exact,
  },
  less: {
    arity: 2,
    code: 7,
    dtype: truth,
    wgsl: (args) => `select(0u, 1u, ${args[0]} < ${args[1]})`,
    reference: (a) => (at(a, 0) < at(a, 1) ? 1 : 0),
    domain: [wide, wide],
    bound: exact,
  },
  equal: {
    arity: 2,
    code: 8,
    dtype: truth,
    wgsl: (args) => `select(0u, 1u, ${args[0]} == ${args[1]})`,
    reference: (a) => (at(a, 0) === at(a, 1) ? 1 : 0),
    domain: [wide, wide],
    bound: exact,
  },
  /** `select(condition, a, b)`: a where the u32 condition is not 0, else b. */
  select: {
    arity: 3,
    code: 9,
    dtype: (d) => (d[0] === "u32" && d[1] === d[2] ? d[1] : undefined),
    wgsl: (args) => `select(${args[2]}, ${args[1]}, ${args[0]} != 0u)`,
    reference: (a) => (at(a, 0) !== 0 ? at(a, 1) : at(a, 2)),
    domain: [[0, 1], wide, wide],
    vjp: (g, [condition]) => [
      undefined,
      apply("select", [condition as Tensor, g, zeros(g)]),
      apply("select", [condition as Tensor, zeros(g), g]),
    ],
    bound: exact,
  },
  neg: {
    arity: 1,
    code: 10,
    dtype: float,
    wgsl: (args) => `(-${args[0]})`,
    reference: (a) => -at(a, 0),
    domain: [wide],
    vjp: (g) => [negate(g)],
    bound: exact,
  },
  abs: {
    arity: 1,
    code: 11,
    dtype: float,
    wgsl: call("abs"),
    reference: (a) => Math.abs(at(a, 0)),
    domain: [wide],
    vjp: (g, [a]) => [
      apply("select", [
        apply("less", [a as Tensor, zeros(g)]),
        negate(g),
        apply("select", [apply("equal", [a as Tensor, zeros(g)]), zeros(g), g]),
      ]),
    ],
    bound: exact,
  },
  floor: {
    arity: 1,
    code: 12,
    dtype: float,
    wgsl: call("floor"),
    reference: (a) => Math.floor(at(a, 0)),
    domain: [wide],
    vjp: (g) => [zeros(g)],
    bound: exact,
  },
  sqrt: {
    arity: 1,
    code: 13,
    dtype: float,
    wgsl: call("sqrt"),
    reference: (a) => Math.sqrt(at(a, 0)),
    domain: [[0.01, 64]],
    vjp: (g, _, out) => [over(times(g, fill(g, 0.5)), out)],
    bound: near,
  },
  exp: {
    arity: 1,
    code: 14,
    dtype: float,
    wgsl: call("p_exp"),
    reference: (a) => Math.exp(at(a, 0)),
    domain: [[-20, 20]],
    vjp: (g, _, out) => [times(g, out)],
    bound: polynomial,
  },
  log: {
    arity: 1,
    code: 15,
    dtype: float,
    wgsl: call("p_log"),
    reference: (a) => Math.log(at(a, 0)),
    domain: [[0.001, 1000]],
    vjp: (g, [a]) => [over(g, a)],
    bound: polynomial,
  },
  tanh: {
    arity: 1,
    code: 16,
    dtype: float,
    wgsl: call("p_tanh"),
    reference: (a) => Math.tanh(at(a, 0)),
    domain: [wide],
    vjp: (g, _, out) => [times(g, apply("sub", [fill(g, 1), times(out, out)]))],
    bound: polynomial,
  },
  sin: {
    arity: 1,
    code: 17,
    dtype: float,
    wgsl: call("p_sin"),
    reference: (a) => Math.sin(at(a, 0)),
    domain: [wide],
    vjp: (g, [a]) => [times(g, apply("cos", [a as Tensor]))],
    bound: polynomial,
  },
  cos: {
    arity: 1,
    code: 18,
    dtype: float,
    wgsl: call("p_cos"),
    reference: (a) => Math.cos(at(a, 0)),
    domain: [wide],
    vjp: (g, [a]) => [negate(times(g, apply("sin", [a as Tensor])))],
    bound: polynomial,
  },
  /** u32 → f32, rounded to nearest. */
  toF32: {
    arity: 1,
    code: 19,
    dtype: (d) => (d[0] === "u32" ? "f32" : undefined),
    wgsl: call("f32"),
    reference: (a) => at(a, 0),
    domain: [[0, 2 ** 24]],
    vjp: () => [undefined],
    bound: exact,
  },
  /** f32 → u32, towards zero; below 0 gives 0. */
  toU32: {
    arity: 1,
    code: 20,
    dtype: (d) => (d[0] === "f32" ? "u32" : undefined),
    wgsl: call("u32"),
    reference: (a) => Math.min(Math.max(Math.trunc(at(a, 0)), 0), 2 ** 32 - 1),
    domain: [[0, 2 ** 20]],
    bound: exact,
  },
  and: {
    arity: 2,
    code: 21,
    dtype: unsigned,
    wgsl: infix("&"),
    reference: (a) => (at(a, 0) & at(a, 1)) >>> 0,
    domain: [wide, wide],
    bound: exact,
  },
  xor: {
    arity: 2,
    code: 22,
    dtype: unsigned,
    wgsl: infix("^"),
    reference: (a) => (at(a, 0) ^ at(a, 1)) >>> 0,
    domain: [wide, wide],
    bound: exact,
  },
  /** 1 (u32) where |a| ≥ 2^63 or a is no number, by its bits: a comparison of floats may assume that such numbers do not exist. */
  huge: {
    arity: 1,
    code: 24,
    dtype: (d) => (d[0] === "f32" ? "u32" : undefined),
    wgsl: (args) => `select(0u, 1u, (bitcast<u32>(${args[0]}) & 0x7fffffffu) >= 0x5f000000u)`,
    reference: (a) => (Math.abs(at(a, 0)) < 2 ** 63 ? 0 : 1),
    domain: [[-(2 ** 64), 2 ** 64]],
    bound: exact,
  },
  shr: {
    arity: 2,
    code: 23,
    dtype: unsigned,
    wgsl: (args) => `(${args[0]} >> (${args[1]} & 31u))`,
    reference: (a) => at(a, 0) >>> (at(a, 1) & 31),
    domain: [wide, [0, 31]],
    bound: exact,
  },
};

/**
 * Returns an operation of the table applied to tensors of one shape; constants fold and neutral elements vanish on the way.
 * @throws E_SHAPE when shapes or dtypes do not fit
 */
export function apply(name: string, args: readonly Tensor[]): Tensor {
  const op = ops[name] as Op;
  const first = args[0] as Tensor;
  const { graph, shape } = first;
  for (const arg of args) {
    if (!sameShape(arg.shape, shape)) {
      fail("E_SHAPE", `${graph.where(name)}: shapes differ; expected ${showShape(shape)}, got ${showShape(arg.shape)}`);
    }
  }
  const dtypes = args.map((arg) => arg.dtype);
  const dtype = op.dtype(dtypes);
  if (dtype === undefined) {
    fail("E_SHAPE", `${graph.where(name)}: dtypes do not fit; expected dtypes that ${name} takes, got ${dtypes.join(" and ")}`, {
      hint: "Convert with toF32 or toU32.",
    });
  }
  return simplify(name, args) ?? graph.node(name, args, {}, shape, dtype);
}

const constantOf = (tensor: Tensor | undefined): number | undefined =>
  tensor?.op === "const" ? (tensor.attributes.value as number) : undefined;

/** Neutral elements, double negation, and folding where f32 gives what f64 rounds to; the polynomials are left to the backend. */
function simplify(name: string, args: readonly Tensor[]): Tensor | undefined {
  const [a, b, c] = args as [Tensor, Tensor, Tensor];
  const x = constantOf(a);
  const y = constantOf(b);
  if (
    x !== undefined &&
    (args.length === 1 || y !== undefined) &&
    ["add", "sub", "mul", "div", "neg", "max", "min", "sqrt", "less", "equal"].includes(name)
  ) {
    const op = ops[name] as Op;
    const dtype = op.dtype(args.map((arg) => arg.dtype)) as DType;
    return a.graph.constant(op.reference([x, y ?? 0], a.dtype), a.shape, dtype);
  }
  switch (name) {
    case "add":
      return x === 0 ? b : y === 0 ? a : undefined;
    case "sub":
      return y === 0 ? a : undefined;
    case "mul":
      return x === 1 ? b : y === 1 ? a : undefined;
    case "div":
      return y === 1 ? a : undefined;
    case "neg":
      return a.op === "neg" ? a.inputs[0] : undefined;
    case "select":
      return x !== undefined ? (x !== 0 ? b : c) : b === c ? b : undefined;
    default:
      return undefined;
  }
}
