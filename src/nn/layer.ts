import type { Graph, Tensor } from "../program/graph.ts";
import type { Shape } from "../program/shape.ts";
import type { RandomStream } from "../random.ts";

/** A parameter before it has numbers: its shape and how it is first filled. */
export interface ParamSpec {
  readonly shape: Shape;
  readonly fill: (values: Float32Array, random: RandomStream) => void;
}

/** What a layer may ask for while it is traced. */
export interface LayerContext {
  readonly graph: Graph;
  /** True in the training step, false in prediction. */
  readonly training: boolean;
  /** Returns a parameter of this layer. */
  param(name: string): Tensor;
  /** Returns uniform u32 bits of this layer, new in every step. */
  random(shape: Shape): Tensor;
}

/** A layer whose input shape is known. Shapes leave out the batch dim. */
export interface BuiltLayer {
  readonly output: Shape;
  /** Parameters by name within the layer. */
  readonly params: Readonly<Record<string, ParamSpec>>;
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

/** Returns every parameter of a built layer by its path, in order of appearance. */
export function paramsOf(layer: BuiltLayer, path = ""): Map<string, ParamSpec> {
  const found = new Map<string, ParamSpec>();
  for (const [name, spec] of Object.entries(layer.params)) found.set(join(path, name), spec);
  for (const [name, child] of Object.entries(layer.children))
    for (const [key, spec] of paramsOf(child, join(path, name))) found.set(key, spec);
  return found;
}

/** What the tracer of a model supplies to all its layers. */
export interface ModelScope {
  readonly graph: Graph;
  readonly training: boolean;
  param(path: string): Tensor;
  random(path: string, shape: Shape): Tensor;
}

/** Returns the output of a built layer, its operations named by layer path in errors. */
export function applyLayer(layer: BuiltLayer, x: Tensor, scope: ModelScope, path = ""): Tensor {
  const context: LayerContext = {
    graph: scope.graph,
    training: scope.training,
    param: (name) => scope.param(join(path, name)),
    random: (shape) => scope.random(path, shape),
  };
  return layer.apply(x, context, (name, input) =>
    scope.graph.scope(name, () => applyLayer(layer.children[name] as BuiltLayer, input, scope, join(path, name))),
  );
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
