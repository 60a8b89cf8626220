import { fail } from "../errors.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import { type Shape, showShape } from "../program/shape.ts";
import type { Fill } from "./init.ts";

/** A parameter or state before it has numbers: its shape and how it is first filled. */
export interface ParamSpec {
  readonly shape: Shape;
  readonly fill: Fill;
}

/** What a layer may ask for while it is traced. */
export interface LayerContext {
  readonly graph: Graph;
  /** True in the training step, false in prediction. */
  readonly training: boolean;
  /** Weight of each row [batch], 0 for a place without a row; absent where every place holds one. */
  readonly weight: Tensor | undefined;
  /** Labels [batch, targets] of the rows, in training where there are labels. */
  readonly labels: Tensor | undefined;
  /** Returns a parameter of this layer. */
  param(name: string): Tensor;
  /** Returns a parameter of any layer by its path in the model, where there is one. */
  shared(path: string): Tensor | undefined;
  /** Returns a state of this layer as it was before the step. */
  state(name: string): Tensor;
  /** Sets a state of this layer when the step is done; in training only. */
  update(name: string, value: Tensor): void;
  /** Returns what each row starts from [batch, ...]: 0 for a row that goes on from nothing. Absent where all begin afresh. */
  carried(name: string): Tensor | undefined;
  /** Keeps a value [batch, ...] for the next step to start from; in training only. */
  carry(name: string, value: Tensor): void;
  /** Returns uniform u32 bits of this layer, new in every step. */
  random(shape: Shape): Tensor;
  /** Shows a value to whoever traces the model; most do not look, and it costs nothing then. */
  tap(name: "features" | "rectified", value: Tensor): void;
}

/** A layer whose input shape is known. Shapes leave out the batch dim. */
export interface BuiltLayer {
  readonly output: Shape;
  /** What the input's numbers, whole and not negative, stay below, where they choose rows of a table. */
  readonly below?: number;
  /** Parameters by name within the layer. */
  readonly params: Readonly<Record<string, ParamSpec>>;
  /** What the layer keeps from step to step without training it, by name within the layer. Default: nothing. */
  readonly state?: Readonly<Record<string, ParamSpec>>;
  /** What each row of the stream hands on to the next step, 0 at first: shapes without the batch dim, by name. Default: nothing. */
  readonly carries?: Readonly<Record<string, Shape>>;
  /** Layers inside, by name; their parameters and random bits are scoped by it. */
  readonly children: Readonly<Record<string, BuiltLayer>>;
  /** Returns the output [batch, ...output] of the input [batch, ...input]. */
  apply(x: Tensor, context: LayerContext, child: (name: string, x: Tensor) => Tensor): Tensor;
}

/** Plain data from which a layer can be made again. */
export interface LayerConfig {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** A layer: a function from an input shape to a built layer, with the data it was made from. */
export interface Layer {
  readonly config: LayerConfig;
  /** @throws E_SHAPE naming `path`, where the input does not fit */
  build(input: Shape, path: string): BuiltLayer;
}

/** Returns a built layer without parameters or children. */
export function plain(output: Shape, apply: (x: Tensor, context: LayerContext) => Tensor): BuiltLayer {
  return { output, params: {}, children: {}, apply };
}

/** Refuses an input shape. @throws E_SHAPE naming the layer's path */
export function refuseInput(path: string, takes: string, expected: string, input: Shape, hint = ""): never {
  return fail("E_SHAPE", `${path === "" ? "model" : path}: ${takes}; expected ${expected}, got ${showShape(input)}`, { hint });
}

/** Returns every parameter of a built layer by its path, in order of appearance. */
export function paramsOf(layer: BuiltLayer): Map<string, ParamSpec> {
  return collect(layer, (built) => built.params);
}

/** Returns every state of a built layer by its path, in order of appearance. */
export function statesOf(layer: BuiltLayer): Map<string, ParamSpec> {
  return collect(layer, (built) => built.state ?? {});
}

/** Returns the shapes of all that the rows of the stream carry from step to step, by path. */
export function carriesOf(layer: BuiltLayer): Map<string, Shape> {
  return collect(layer, (built) => built.carries ?? {});
}

function collect<T>(layer: BuiltLayer, part: (layer: BuiltLayer) => Readonly<Record<string, T>>, path = ""): Map<string, T> {
  const found = new Map<string, T>();
  for (const [name, spec] of Object.entries(part(layer))) found.set(childPath(path, name), spec);
  for (const [name, child] of Object.entries(layer.children))
    for (const [key, spec] of collect(child, part, childPath(path, name))) found.set(key, spec);
  return found;
}

/** What the tracer of a model supplies to all its layers. */
export interface ModelScope {
  readonly graph: Graph;
  readonly training: boolean;
  readonly weight: Tensor | undefined;
  /** Default: none. */
  readonly labels?: Tensor;
  /** Undefined where the model has none of that path, which only a layer that shares another's may ask. */
  param(path: string): Tensor | undefined;
  state(path: string): Tensor;
  update(path: string, value: Tensor): void;
  /** Default: every row begins afresh. */
  carried?(path: string): Tensor | undefined;
  /** Default: nothing is kept. */
  carry?(path: string, value: Tensor): void;
  random(path: string, shape: Shape): Tensor;
  /** Default: not looked at. */
  tap?(name: "features" | "rectified", value: Tensor): void;
}

/** Returns the output of a built layer, its operations named by layer path in errors. */
export function applyLayer(layer: BuiltLayer, x: Tensor, scope: ModelScope, path = ""): Tensor {
  const { graph, training, weight } = scope;
  const context: LayerContext = {
    graph,
    training,
    weight,
    labels: scope.labels,
    param: (name) => scope.param(childPath(path, name)) as Tensor,
    shared: (other) => scope.param(other),
    state: (name) => scope.state(childPath(path, name)),
    update: (name, value) => scope.update(childPath(path, name), value),
    carried: (name) => scope.carried?.(childPath(path, name)),
    carry: (name, value) => scope.carry?.(childPath(path, name), value),
    random: (shape) => scope.random(path, shape),
    tap: (name, value) => scope.tap?.(name, value),
  };
  return layer.apply(x, context, (name, input) =>
    graph.scope(name, () => applyLayer(layer.children[name] as BuiltLayer, input, scope, childPath(path, name))),
  );
}

/** Returns the path of what a layer calls `name`. */
export function childPath(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
