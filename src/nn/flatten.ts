import { sizeOf } from "../program/shape.ts";
import { reshape } from "../program/tensor.ts";
import { type Layer, plain } from "./layer.ts";

/** Returns the layer that makes every row one dim. */
export function flatten(): Layer {
  return {
    config: { kind: "flatten" },
    build: (input) => plain([sizeOf(input)], (x) => reshape(x, [x.shape[0] as number, sizeOf(input)])),
  };
}
