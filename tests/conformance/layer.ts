/** Layers under test: how they are called, and the small models that several of them share. */
import type { Machine } from "../../src/backend/machine.ts";
import { openWasmMachine } from "../../src/backend/wasm/index.ts";
import { openWebGpuMachine } from "../../src/backend/webgpu/index.ts";
import { applyLayer, type BuiltLayer, type Layer, paramsOf } from "../../src/nn/layer.ts";
import type { Graph, Tensor } from "../../src/program/graph.ts";
import { openWasm } from "../../src/wasm/instance.ts";
import { openTestHost } from "../env.ts";
import { type Argument, agree, draw } from "./agree.ts";

export type Values = ArrayLike<number>;
/** The numbers of a layer: its parameters and states by path. */
export type Numbers = Readonly<Record<string, Values>>;
/** What a layer makes of a batch. */
export type Model = (x: Values, p: Numbers) => number[];

/** Rows of every batch. */
export const BATCH = 2;
export const at = (values: Values, i: number): number => values[i] as number;
export const range = (n: number): number[] => [...Array(n).keys()];
export const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const nothing = { state: 0, rows: 0 };
const host = await openTestHost();
/** The machine that every layer runs on. */
export const wasm: readonly Machine[] = [openWasmMachine(await openWasm(), nothing)];
/** The machines there are, for one layer of each make. */
export const everywhere: readonly Machine[] = host === undefined ? wasm : [...wasm, await openWebGpuMachine(host, nothing)];

/** Closes all machines. */
export function closeMachines(): void {
  for (const machine of everywhere) machine.close();
  host?.close();
}

/**
 * Returns what a layer gives in a graph whose inputs hold its parameters and states, and what rows carry under "carried" and its path: `y`,
 * each new state, and what rows hand on.
 */
export function call(
  built: BuiltLayer,
  leaves: Readonly<Record<string, Tensor>>,
  graph: Graph,
  training: boolean,
  weight?: Tensor,
): Record<string, Tensor> {
  const updates: Record<string, Tensor> = {};
  const leaf = (path: string): Tensor => leaves[path] as Tensor;
  const y = applyLayer(built, leaf("x"), {
    graph,
    training,
    weight,
    ...(leaves.labels === undefined ? {} : { labels: leaves.labels }),
    param: leaf,
    state: leaf,
    update: (path, value) => {
      updates[`new ${path}`] = value;
    },
    carried: (path) => leaves[`carried ${path}`],
    carry: (path, value) => {
      updates[`handed on ${path}`] = value;
    },
    random: (path, shape) => graph.random(path, shape),
  });
  return { y, ...updates };
}

/** A layer, the shape of its rows, and its model. */
export interface Case {
  readonly layer: Layer;
  readonly input: readonly number[];
  readonly model: Model;
  /** Default: numbers on [−1.5, 1.5). */
  readonly x?: Argument;
  /** Default: Wasm. */
  readonly on?: readonly Machine[];
}

/** Fails unless a layer and its gradients agree with its model. */
export async function check({ layer, input, model, x, on = wasm }: Case): Promise<void> {
  const built = layer.build(input, "");
  const params = [...paramsOf(built)].map(([path, { shape }]) => [path, draw(shape, -0.8, 0.8, path)] as const);
  await agree(on, {
    args: { x: x ?? draw([BATCH, ...input], -1.5, 1.5, "x"), ...Object.fromEntries(params) },
    record: (leaves, graph) => call(built, leaves, graph, false),
    model: ({ x: values, ...rest }) => ({ y: model(values as Values, rest) }),
  });
}

/** x·w + b for rows of `features`. */
export function affine(x: Values, w: Values, b: Values | undefined, features: number): number[] {
  const units = w.length / features;
  return range(x.length / features).flatMap((row) =>
    range(units).map(
      (u) => (b === undefined ? 0 : at(b, u)) + total(range(features).map((f) => at(x, row * features + f) * at(w, f * units + u))),
    ),
  );
}

/** (x − mean) / √(variance + 1e-5) of the elements that share a key. */
export function standardised(x: Values, keyOf: (i: number) => number): number[] {
  const groups = new Map<number, number[]>();
  for (let i = 0; i < x.length; i++) groups.set(keyOf(i), [...(groups.get(keyOf(i)) ?? []), at(x, i)]);
  return Array.from(x, (value, i) => {
    const group = groups.get(keyOf(i)) as number[];
    const mean = total(group) / group.length;
    return (value - mean) / Math.sqrt(total(group.map((v) => (v - mean) ** 2)) / group.length + 1e-5);
  });
}

/** x / √(mean x² + 1e-5) of rows of `features`, times weight. */
export function divided(x: Values, weight: Values, features: number): number[] {
  return Array.from(x, (value, i) => {
    const row = i - (i % features);
    const power = total(range(features).map((f) => at(x, row + f) ** 2)) / features;
    return (value / Math.sqrt(power + 1e-5)) * at(weight, i % features);
  });
}

/** y·weight + bias along the last dim. */
export function rescaled(y: readonly number[], weight: Values, bias: Values): number[] {
  return y.map((value, i) => value * at(weight, i % weight.length) + at(bias, i % weight.length));
}
