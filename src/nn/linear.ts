import { checkKeys, checkNumber } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import { add, matmul, reshape } from "../program/tensor.ts";
import { checkInit, fillWeights, type Init } from "./init.ts";
import { type Layer, refuseInput } from "./layer.ts";

/** Options of {@link linear}. */
export interface LinearOptions {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** How the weight is first filled. Default `kaimingUniform`, as in torch. */
  readonly init?: Init;
}

/**
 * Returns a fully connected layer over the last dim: x·weight + bias, with weight [in, units] (torch's transposed) and bias [units], first
 * uniform on ±1/√in.
 * @throws E_CONFIG
 */
export function linear(units: number, options: LinearOptions = {}): Layer {
  checkNumber("nn.linear", "units", units, { min: 1, integer: true });
  checkKeys("nn.linear", options, ["bias", "init"]);
  const bias = options.bias ?? true;
  const init = checkInit("nn.linear", options.init ?? "kaimingUniform");
  return {
    config: { kind: "linear", units, bias, init },
    build(input, path) {
      const features = input.at(-1) ?? refuseInput(path, "linear takes rows", "[..., features]", input);
      const fill = fillWeights(init, features, units);
      const fillBias = fillWeights("kaimingUniform", features, units);
      return {
        output: [...input.slice(0, -1), units],
        params: { weight: { shape: [features, units], fill }, ...(bias ? { bias: { shape: [units], fill: fillBias } } : {}) },
        children: {},
        apply(x, context) {
          const product = matmul(reshape(x, [sizeOf(x.shape) / features, features]), context.param("weight"));
          return reshape(bias ? add(product, context.param("bias")) : product, [...x.shape.slice(0, -1), units]);
        },
      };
    },
  };
}

/** Options of {@link classifier}. */
export interface ClassifierOptions {
  /** Classes the head has room for; labels run from 0 to capacity − 1. */
  readonly capacity: number;
}

/** Returns the last layer of a classifier: logits [capacity] by a linear layer. @throws E_CONFIG */
export function classifier(options: ClassifierOptions): Layer {
  checkKeys("nn.classifier", options, ["capacity"]);
  const capacity = checkNumber("nn.classifier", "capacity", options.capacity, { min: 2, integer: true });
  return {
    config: { kind: "classifier", capacity },
    build(input, path) {
      if (input.length !== 1) {
        refuseInput(path, "classifier takes rows of one dim", "[features]", input, "Put nn.flatten() or a pooling layer before it.");
      }
      return linear(capacity).build(input, path);
    },
  };
}
