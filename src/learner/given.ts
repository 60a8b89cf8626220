/** Weights that a learner is given to begin with. */
import { fail, nearestName } from "../errors.ts";
import type { ParamSpec } from "../nn/layer.ts";
import { showShape, sizeOf } from "../program/shape.ts";

/** Refuses weights that the model has no place for. @throws E_CONFIG E_SHAPE */
export function checkWeights(weights: ReadonlyMap<string, Float32Array>, specs: ReadonlyMap<string, ParamSpec>): void {
  for (const [path, values] of weights) {
    const spec = specs.get(path);
    if (spec === undefined) {
      const near = nearestName(path, [...specs.keys()]);
      fail("E_CONFIG", `Learner: weights: the model has no parameter "${path}"; expected one of its paths`, {
        hint: near === undefined ? `It has ${[...specs.keys()].join(", ")}.` : `Did you mean "${near}"?`,
      });
    }
    if (values.length !== sizeOf(spec.shape)) {
      fail(
        "E_SHAPE",
        `Learner: weights: "${path}" does not fit; expected ${sizeOf(spec.shape)} numbers of ${showShape(spec.shape)}, got ${values.length}`,
      );
    }
  }
}
