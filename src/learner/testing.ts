/** Optimizers by themselves, for tests: given parameters and gradients, or a loss, in place of a model and a stream. */
import { ProgramIo } from "../backend/io.ts";
import type { Runtime } from "../backend/runtime.ts";
import type { Optimizer, Results } from "../optim/optimizer.ts";
import { scalarReader } from "../optim/parts.ts";
import type { Placed } from "../optim/places.ts";
import { averagedOf, partsOfVector, recordRecipe } from "../optim/recipe.ts";
import { hasKernel, recordKernel, type UpdateForm } from "../optim/step.ts";
import type { Tensor } from "../program/graph.ts";
import type { Plan } from "../program/plan.ts";
import { type Shape, sizeOf } from "../program/shape.ts";
import { grad, pack } from "../program/tensor.ts";
import { compileProgram } from "../program/trace.ts";
import { Arena, leafOf } from "../state/arena.ts";
import { fillSlots } from "./fresh.ts";
import { layOutTrained } from "./layout.ts";
import { slotLeaves } from "./programs.ts";

/** Numbers by path of parameter, flat. */
export type Vectors = Readonly<Record<string, ArrayLike<number>>>;

/** What {@link applyOptimizer} runs on. */
export interface ApplyOptions {
  readonly params: Readonly<Record<string, { readonly shape: Shape; readonly data: ArrayLike<number> }>>;
  /** Gradients of each step; or a loss of one element to take them from, and steps. */
  readonly grads?: readonly Vectors[];
  readonly loss?: (params: Results) => Tensor;
  readonly steps?: number;
  /** Of all steps, or of each. */
  readonly learningRate: number | readonly number[];
  /** Normal numbers of each step in place of those of streams. */
  readonly noise?: readonly Vectors[];
  /** The diagonal of the Hessian in place of an estimate. */
  readonly curvature?: Vectors;
  /** Whether the hand-written kernel runs where there is one. Default: the recipe. */
  readonly update?: UpdateForm;
  /** Seed of random streams. Default 0. */
  readonly seed?: number;
}

/** What {@link applyOptimizer} finds. */
export interface Applied {
  /** Parameters after each step. */
  readonly params: readonly Readonly<Record<string, Float32Array>>[];
  /** The weights to answer with after each step, where the optimizer averages them. */
  readonly averaged: readonly Readonly<Record<string, Float32Array>>[];
  /** What each step told, the loss before it among that. */
  readonly metrics: readonly Readonly<Record<string, number>>[];
  /** The program of a step. */
  readonly plan: Plan;
}

/** Returns what becomes of parameters under an optimizer. @throws E_CONFIG E_UNSUPPORTED */
export async function applyOptimizer(runtime: Runtime, optimizer: Optimizer, options: ApplyOptions): Promise<Applied> {
  const { params: given, grads, loss, steps = grads?.length ?? 0, learningRate, noise, curvature, update = "recipe", seed = 0 } = options;
  const arena = new Arena("state");
  const layout = layOutTrained(arena, optimizer, new Map(Object.entries(given)));
  const { tensors, flat } = layout;
  const plan = compileProgram((graph) => {
    const params = leafOf(graph, flat);
    const vector = (name: string): Tensor => graph.input(name, flat.shape, "f32");
    const lossAt = (at: Tensor): Tensor => (loss as NonNullable<typeof loss>)(partsOfVector(at, tensors));
    const gradientsAt = (at: Tensor): Tensor => {
      const parts = partsOfVector(at, tensors);
      return pack(grad((loss as NonNullable<typeof loss>)(parts), Object.values(parts)));
    };
    const total = loss === undefined ? undefined : lossAt(params);
    if (total !== undefined) graph.outputs.set("loss", total);
    const inputs = {
      params,
      grads: loss === undefined ? vector("grads") : gradientsAt(params),
      slots: slotLeaves(graph, layout),
      tensors,
      ...(noise && { normal: () => vector("noise") }),
      ...(curvature && { curvature: () => vector("curvature") }),
      ...(total && { gradientsAt, loss: total }),
    };
    if (update === "kernel" && hasKernel(optimizer)) recordKernel(optimizer, inputs);
    else for (const [name, value] of Object.entries(recordRecipe(optimizer, inputs))) graph.outputs.set(name, value);
  });
  const answering = compileProgram((graph) => {
    const averaged = averagedOf(optimizer, { params: leafOf(graph, flat), slots: slotLeaves(graph, layout), tensors });
    if (averaged !== undefined) graph.outputs.set("averaged", averaged);
  });
  const machine = await runtime.open({ state: arena.bytes, rows: 0 }, await runtime.wasm(), plan);
  const state = new Uint8Array(arena.bytes);
  new Float32Array(state.buffer, flat.placement.byteOffset, sizeOf(flat.shape)).set(
    joined(tensors, Object.fromEntries(Object.entries(given).map(([path, { data }]) => [path, data]))),
  );
  fillSlots(state, layout);
  machine.write("state", 0, state);
  const [program, reader] = [await machine.compile(plan), await machine.compile(answering)];
  const [io, readerIo] = [new ProgramIo(plan, seed), new ProgramIo(answering, seed)];
  const found = {
    params: [] as Record<string, Float32Array>[],
    averaged: [] as Record<string, Float32Array>[],
    metrics: [] as Record<string, number>[],
    plan,
  };
  const scalarsAt = scalarReader(optimizer, tensors);
  for (let step = 0; step < steps; step++) {
    const rate = typeof learningRate === "number" ? learningRate : (learningRate[step] as number);
    const scalars = scalarsAt(step + 1, () => rate);
    io.setScalars(scalars);
    io.setStep(step);
    for (const [name, values] of Object.entries({ grads: grads?.[step], noise: noise?.[step], curvature }))
      if (values !== undefined && io.has(name)) io.f32(name).set(joined(tensors, values));
    if (io.bytes.length > 0) machine.write(program, 0, io.bytes);
    const told = io.outputs(await machine.run(program));
    found.metrics.push(Object.fromEntries(Object.entries(told).map(([name, values]) => [name, values[0] as number])));
    const bytes = await machine.read("state", flat.placement.byteOffset, flat.byteLength);
    found.params.push(split(tensors, new Float32Array(bytes.slice().buffer)));
    if (answering.outputs.length === 0) continue;
    readerIo.setScalars(scalars);
    if (readerIo.bytes.length > 0) machine.write(reader, 0, readerIo.bytes);
    found.averaged.push(split(tensors, readerIo.outputs(await machine.run(reader)).averaged as Float32Array));
  }
  machine.close();
  return found;
}

function joined(tensors: readonly Placed[], vectors: Vectors): Float32Array {
  return Float32Array.from(tensors.flatMap(({ path }) => Array.from(vectors[path] as ArrayLike<number>)));
}

function split(tensors: readonly Placed[], all: Float32Array): Record<string, Float32Array> {
  return Object.fromEntries(tensors.map(({ path, shape, offset }) => [path, all.slice(offset, offset + sizeOf(shape))]));
}
