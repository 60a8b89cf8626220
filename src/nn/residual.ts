import { sameShape, showShape } from "../program/shape.ts";
import { add } from "../program/tensor.ts";
import { type BuiltLayer, childPath, type Layer, refuseInput } from "./layer.ts";

/**
 * Returns x + layer(x), or shortcut(x) + layer(x) where the layer changes the shape. Parameters are named `inner` and `shortcut`.
 * @see He et al. 2015, arXiv 1512.03385
 */
export function residual(layer: Layer, shortcut?: Layer): Layer {
  return {
    config: { kind: "residual", layer: layer.config, ...(shortcut === undefined ? {} : { shortcut: shortcut.config }) },
    build(input, path) {
      const inner = layer.build(input, childPath(path, "inner"));
      const around = shortcut?.build(input, childPath(path, "shortcut"));
      const target = around?.output ?? input;
      if (!sameShape(inner.output, target)) {
        refuseInput(
          path,
          "residual adds outputs of one shape",
          showShape(target),
          inner.output,
          "Give a shortcut that makes the same shape.",
        );
      }
      const children: Record<string, BuiltLayer> = { inner, ...(around === undefined ? {} : { shortcut: around }) };
      return {
        output: target,
        params: {},
        children,
        apply: (x, _, child) => add(around === undefined ? x : child("shortcut", x), child("inner", x)),
      };
    },
  };
}
