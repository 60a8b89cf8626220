import { fail } from "../errors.ts";
import type { ArenaName, DType, Storage } from "./plan.ts";
import { type Shape, sizeOf } from "./shape.ts";

/** What an operation needs beside its inputs: plain data, part of a node's identity. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly number[]>>;

/** Keeps apart the numbers that JSON writes alike: ±∞ and NaN, -0 and 0. */
const exactly = (_: string, value: unknown): unknown =>
  Object.is(value, -0) ? "-0" : typeof value === "number" && !Number.isFinite(value) ? `${value}` : value;

/** Where a state leaf lies: a range of `state` or a column of `rows`. */
export interface Placement {
  readonly arena: Extract<ArenaName, "state" | "rows">;
  readonly storage: Storage;
  readonly byteOffset: number;
  /** Elements from one index of the first dim to the next; dense by default. */
  readonly rowStride?: number;
}

/**
 * A handle: stands for a value of the program while it is traced. It holds no numbers, so it cannot be compared, printed into a
 * string or iterated.
 */
export class Tensor {
  readonly graph: Graph;
  readonly id: number;
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(graph: Graph, id: number, op: string, inputs: readonly Tensor[], attributes: Attributes, shape: Shape, dtype: DType) {
    this.graph = graph;
    this.id = id;
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.shape = shape;
    this.dtype = dtype;
  }

  /** Always throws: a handle has no value while it is traced. */
  [Symbol.toPrimitive](): never {
    return this.#refuse("used as a number or text");
  }

  /** Always throws: a handle has no value while it is traced. */
  valueOf(): never {
    return this.#refuse("used as a number");
  }

  /** Always throws: a handle cannot be iterated. */
  [Symbol.iterator](): never {
    return this.#refuse("iterated");
  }

  #refuse(how: string): never {
    fail("E_TRACE", `${this.graph.where("tensor")}: a tensor was ${how}; expected an operation such as add or select, got its value`, {
      hint: "A traced function runs once to record operations; use select(condition, a, b) in place of if, and tensor operations in place of arithmetic.",
      context: { shape: this.shape, dtype: this.dtype },
    });
  }
}

/** A change that a program makes to what outlives it, in program order. */
export type Effect =
  | { readonly kind: "assign"; readonly target: Tensor; readonly value: Tensor }
  | { readonly kind: "put"; readonly target: Tensor; readonly index: Tensor; readonly value: Tensor }
  | {
      readonly kind: "optimizer";
      readonly name: "sgd" | "adamw";
      readonly tensors: Readonly<Record<string, Tensor>>;
      readonly scalars: Readonly<Record<string, Tensor>>;
      readonly flags: Readonly<Record<string, boolean>>;
    };

/** The nodes of one program; equal nodes are one node (hash-consing), so common subexpressions meet by themselves. */
export class Graph {
  readonly nodes: Tensor[] = [];
  readonly effects: Effect[] = [];
  readonly outputs: Map<string, Tensor> = new Map();
  /** A u32 of one element: where it is not 0, a run leaves no effect. */
  unless: Tensor | undefined;
  readonly #known = new Map<string, Tensor>();
  readonly #path: string[] = [];

  /** Returns the node of these parts, made once. */
  node(op: string, inputs: readonly Tensor[], attributes: Attributes, shape: Shape, dtype: DType): Tensor {
    for (const input of inputs) {
      if (input.graph === this) continue;
      fail("E_TRACE", `${this.where(op)}: a tensor of another trace was used; expected tensors of this function, got one from outside`, {
        hint: "Pass values in as inputs or state; a tensor must not outlive the function it was traced in.",
      });
    }
    const key = `${op}|${inputs.map((input) => input.id)}|${JSON.stringify(attributes, exactly)}|${shape}|${dtype}`;
    let node = this.#known.get(key);
    if (node === undefined) {
      node = new Tensor(this, this.nodes.length, op, inputs, attributes, shape, dtype);
      this.nodes.push(node);
      this.#known.set(key, node);
    }
    return node;
  }

  /** Returns the constant `value` of a shape, rounded to `dtype`. */
  constant(value: number, shape: Shape, dtype: DType): Tensor {
    return this.node("const", [], { value: dtype === "f32" ? Math.fround(value) : value >>> 0 }, shape, dtype);
  }

  /** Returns the value of an input tensor, written before each run. */
  input(name: string, shape: Shape, dtype: DType): Tensor {
    return this.node("input", [], { name }, shape, dtype);
  }

  /** Returns the value of a scalar, written before each run. */
  scalar(name: string): Tensor {
    return this.node("scalar", [], { name }, [], "f32");
  }

  /** Returns the value of a range of the state as it is before the program's effects. */
  state(name: string, shape: Shape, placement: Placement): Tensor {
    return this.node("state", [], { name, ...placement }, shape, placement.storage === "f32" ? "f32" : "u32");
  }

  /** Returns uniform u32 bits from the stream called `stream` at the run's step. */
  random(stream: string, shape: Shape): Tensor {
    if (sizeOf(shape) > 2 ** 32)
      fail("E_SHAPE", `${this.where("random")}: too large; expected at most 2^32 elements, got ${sizeOf(shape)}`);
    return this.node("random", [], { stream }, shape, "u32");
  }

  /** Returns 0, 1, …, n−1 as u32. */
  iota(n: number): Tensor {
    return this.node("iota", [], {}, [n], "u32");
  }

  /** Runs `body` with `name` added to the path that error messages show. */
  scope<T>(name: string, body: () => T): T {
    this.#path.push(name);
    const result = body();
    this.#path.pop();
    return result;
  }

  /** The names of the scopes around what is traced now, joined by dots. */
  get path(): string {
    return this.#path.join(".");
  }

  /** Returns the path that an error in `op` should name. */
  where(op: string): string {
    return this.#path.length === 0 ? op : `${this.path}: ${op}`;
  }
}
