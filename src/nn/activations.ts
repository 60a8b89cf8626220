import { less, select, tanh as tanhOf } from "../program/tensor.ts";
import { type Layer, plain } from "./layer.ts";

/** Returns the layer max(x, 0), with gradient 0 at 0. */
export function relu(): Layer {
  return { config: { kind: "relu" }, build: (input) => plain(input, (x) => select(less(0, x), x, 0)) };
}

/** Returns the layer tanh x. */
export function tanh(): Layer {
  return { config: { kind: "tanh" }, build: (input) => plain(input, tanhOf) };
}
