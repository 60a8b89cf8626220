import { fail, nearestName } from "../errors.ts";
import { relu, tanh } from "./activations.ts";
import { dropout } from "./dropout.ts";
import { flatten } from "./flatten.ts";
import type { Layer, LayerConfig } from "./layer.ts";
import { classifier, linear } from "./linear.ts";
import { sequential } from "./sequential.ts";

const makers: Readonly<Record<string, (config: LayerConfig) => Layer>> = {
  linear: (c) => linear(c.units as number, { bias: c.bias as boolean }),
  classifier: (c) => classifier({ capacity: c.capacity as number }),
  sequential: (c) => sequential(...(c.layers as LayerConfig[]).map(fromConfig)),
  relu: () => relu(),
  tanh: () => tanh(),
  flatten: () => flatten(),
  dropout: (c) => dropout(c.rate as number),
};

/** Returns the layer that a config came from. @throws E_UNSUPPORTED when it is of a kind this version does not have */
export function fromConfig(config: LayerConfig): Layer {
  const make = makers[config.kind];
  if (make !== undefined) return make(config);
  const near = nearestName(config.kind, Object.keys(makers));
  return fail("E_UNSUPPORTED", `nn: no layer of kind "${config.kind}"; expected one of ${Object.keys(makers).join(", ")}`, {
    hint: near === undefined ? "Pass the model when opening a checkpoint of layers of your own." : `Did you mean "${near}"?`,
  });
}
