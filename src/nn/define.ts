import type { Graph, Tensor } from "../program/graph.ts";
import { type Shape, sizeOf } from "../program/shape.ts";
import { RandomStream } from "../random.ts";
import { applyLayer, type Layer, paramsOf, statesOf } from "./layer.ts";

/** A model on its own, to be applied in functions that a runtime compiles. */
export interface Model {
  /** Shape of an output row. */
  readonly output: Shape;
  /** Shapes of all parameters, and of what layers keep beside them, by path. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Returns fresh numbers for all of them. */
  initial(seed?: number): Map<string, Float32Array>;
  /** Returns the output [batch, ...output] of `x` [batch, ...input] as in prediction; `weights` by path. */
  apply(graph: Graph, x: Tensor, weights: Readonly<Record<string, Tensor>>): Tensor;
}

/** Returns a model for rows of a shape. @throws E_SHAPE naming the layer that does not fit */
export function define(layer: Layer, input: Shape): Model {
  const built = layer.build(input, "");
  const specs = new Map([...paramsOf(built), ...statesOf(built)]);
  return {
    output: built.output,
    shapes: new Map([...specs].map(([path, spec]) => [path, spec.shape])),
    initial(seed = 0) {
      const values = new Map<string, Float32Array>();
      for (const [path, { shape, fill }] of specs) {
        const numbers = new Float32Array(sizeOf(shape));
        fill(numbers, new RandomStream(seed, `init/${path}`));
        values.set(path, numbers);
      }
      return values;
    },
    apply(graph, x, weights) {
      const weight = (path: string): Tensor => weights[path] as Tensor;
      return applyLayer(built, x, {
        graph,
        training: false,
        weight: undefined,
        param: weight,
        state: weight,
        update: () => undefined,
        random: (path, shape) => graph.random(`layer/${path}`, shape),
      });
    },
  };
}
