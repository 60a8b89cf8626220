import type { Shape } from "../program/shape.ts";
import { type BuiltLayer, childPath, type Layer } from "./layer.ts";

/** Returns layers applied one after another; their parameters are named by position: "0.weight". */
export function sequential(...layers: readonly Layer[]): Layer {
  return {
    config: { kind: "sequential", layers: layers.map((layer) => layer.config) },
    build(input, path) {
      const children: Record<string, BuiltLayer> = {};
      let shape: Shape = input;
      for (const [i, layer] of layers.entries()) {
        const built = layer.build(shape, childPath(path, `${i}`));
        children[i] = built;
        shape = built.output;
      }
      return {
        output: shape,
        ...(children[0]?.below === undefined ? {} : { below: children[0].below }),
        params: {},
        children,
        apply: (x, _, child) => layers.reduce((value, __, i) => child(`${i}`, value), x),
      };
    },
  };
}
