import { add, mul } from "../program/tensor.ts";
import { fillOnes, fillZeros } from "./init.ts";
import type { Layer } from "./layer.ts";
import { featuresOf } from "./norm.ts";

/**
 * Returns the layer that scales each feature, or channel, of the last dim by gamma [features] and adds beta [features], at first 1 and 0: it changes
 * no bit until it is trained. Few parameters that fit a body to a task: `strategies.firstSession({ trains: "film" })` trains these alone.
 * @see Perez et al. 2018, arXiv 1709.07871, "FiLM: visual reasoning with a general conditioning layer", equation 1
 */
export function film(): Layer {
  return {
    config: { kind: "film" },
    build(input, path) {
      const shape = [featuresOf(input, path, "film")];
      return {
        output: input,
        params: { gamma: { shape, fill: fillOnes }, beta: { shape, fill: fillZeros } },
        children: {},
        apply: (x, context) => add(mul(x, context.param("gamma")), context.param("beta")),
      };
    },
  };
}
