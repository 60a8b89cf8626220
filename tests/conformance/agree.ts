/** Holds a traced function, its gradients and what machines make of them to a slow model written beside it. */
import { expect } from "vitest";
import { ProgramIo } from "../../src/backend/io.ts";
import type { Machine } from "../../src/backend/machine.ts";
import type { Graph, Tensor } from "../../src/program/graph.ts";
import { lower } from "../../src/program/lower.ts";
import type { DType } from "../../src/program/plan.ts";
import { type Shape, sizeOf } from "../../src/program/shape.ts";
import * as t from "../../src/program/tensor.ts";
import { trace } from "../../src/program/trace.ts";
import { RandomStream } from "../../src/random.ts";
import { outputsOf } from "./oracle.ts";

/** Numbers by name. */
export type Numbers = Readonly<Record<string, ArrayLike<number>>>;

/** An argument of a function: u32 arguments have no gradient. */
export interface Argument {
  readonly shape: Shape;
  readonly values: ArrayLike<number>;
  readonly dtype?: DType;
}

/** Returns an argument of numbers uniform on [low, high). */
export function draw(shape: Shape, low: number, high: number, name: string): Argument {
  const random = new RandomStream(1, name);
  return { shape, values: Float32Array.from({ length: sizeOf(shape) }, () => low + (high - low) * random.uniform()) };
}

/** Returns the outputs of a graph run once on a machine. */
export async function runOn(machine: Machine, graph: Graph, inputs: Numbers): Promise<Record<string, ArrayLike<number>>> {
  const plan = lower(graph);
  const io = new ProgramIo(plan, 1);
  for (const [name, values] of Object.entries(inputs)) if (io.has(name)) io.f32(name).set(values);
  const program = await machine.compile(plan);
  if (io.bytes.length > 0) machine.write(program, 0, io.bytes);
  return io.outputs(await machine.run(program));
}

/** Fails where numbers differ by more than `bound`, relative above 1 and absolute below. */
function expectClose(found: Numbers, wanted: Numbers, bound: number): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, values] of Object.entries(wanted)) {
    expect(found[name]?.length, name).toBe(values.length);
    for (let i = 0; i < values.length; i++) {
      const [got, want] = [found[name]?.[i] as number, values[i] as number];
      if (!(Math.abs(got - want) <= bound * Math.max(1, Math.abs(want)))) expect.fail(`${name}[${i}]: expected ${want}, got ${got}`);
    }
  }
}

/** A function told twice: recorded in a graph, and as a model in f64; both return the elements of each output. */
export interface Told {
  readonly args: Readonly<Record<string, Argument>>;
  record(args: Readonly<Record<string, Tensor>>, graph: Graph): Readonly<Record<string, Tensor>>;
  model(args: Readonly<Record<string, ArrayLike<number>>>): Readonly<Record<string, readonly number[]>>;
  /** Error allowed between graph and model; constants of a graph are f32. Default 1e-6. */
  readonly bound?: number;
}

/** Weights that make one number of an output, all different so that no two errors cancel. */
const weightAt = (i: number): number => 1.5 + Math.sin(i);

/** Fails unless graph, gradients and machines agree with the model. */
export async function agree(machines: readonly Machine[], { args, record, model, bound = 1e-6 }: Told): Promise<void> {
  const values = Object.fromEntries(Object.entries(args).map(([name, arg]) => [name, arg.values]));
  const trained = Object.keys(args).filter((name) => args[name]?.dtype !== "u32");
  const wanted = model(values);
  const [first] = Object.keys(wanted) as [string];
  const graph = trace((g) => {
    const leaves = Object.fromEntries(Object.entries(args).map(([name, { shape, dtype }]) => [name, g.input(name, shape, dtype ?? "f32")]));
    const outputs = record(leaves, g);
    for (const [name, value] of Object.entries(outputs)) g.outputs.set(name, value);
    const value = outputs[first] as Tensor;
    const weights = t.add(t.sin(t.toF32(t.reshape(g.iota(sizeOf(value.shape)), value.shape))), 1.5);
    const leavesOf = trained.map((name) => leaves[name] as Tensor);
    for (const [i, part] of t.grad(t.sum(t.mul(value, weights)), leavesOf).entries()) g.outputs.set(`d/${trained[i]}`, part);
  });
  const loss = (moved: Numbers): number => (model(moved)[first] as number[]).reduce((sum, value, i) => sum + value * weightAt(i), 0);
  const gradients = Object.fromEntries(trained.map((name) => [`d/${name}`, differences(loss, values, name)]));
  const exact = outputsOf(graph, values);
  expectClose(exact, { ...wanted, ...gradients }, 4 * bound);
  for (const machine of machines) expectClose(await runOn(machine, graph, values), exact, 1e-4);
}

/** Central differences of a function of numbers with respect to those called `name`. */
function differences(f: (values: Numbers) => number, values: Numbers, name: string): number[] {
  const h = 1e-5;
  const moved = Float64Array.from(values[name] as ArrayLike<number>);
  return [...moved].map((value, i) => {
    const at = (by: number): number => {
      moved[i] = value + by;
      return f({ ...values, [name]: moved });
    };
    const slope = (at(h) - at(-h)) / (2 * h);
    moved[i] = value;
    return slope;
  });
}
