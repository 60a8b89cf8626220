import { checkKeys, checkNumber, fail } from "../errors.ts";
import { showShape } from "../program/shape.ts";
import { add, matmul } from "../program/tensor.ts";
import type { RandomStream } from "../random.ts";
import type { Layer } from "./layer.ts";

/** Options of {@link linear}. */
export interface LinearOptions {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
}

/**
 * Returns a fully connected layer: x·weight + bias, with weight [in, units] and bias [units], both uniform on
 * ±1/√in as torch initialises them.
 * @throws E_CONFIG
 */
export function linear(units: number, options: LinearOptions = {}): Layer {
  checkNumber("nn.linear", "units", units, { min: 1, integer: true });
  checkKeys("nn.linear", options, ["bias"]);
  const bias = options.bias ?? true;
  return {
    config: { kind: "linear", units, bias },
    build(input, path) {
      if (input.length !== 1) {
        fail("E_SHAPE", `${path}: linear takes rows of one dim; expected [features], got ${showShape(input)}`, {
          hint: "Put nn.flatten() before it.",
        });
      }
      const [features] = input as [number];
      const fill = (values: Float32Array, random: RandomStream): void => fillUniform(values, random, 1 / Math.sqrt(features));
      return {
        output: [units],
        params: { weight: { shape: [features, units], fill }, ...(bias ? { bias: { shape: [units], fill } } : {}) },
        children: {},
        apply(x, context) {
          const product = matmul(x, context.param("weight"));
          return bias ? add(product, context.param("bias")) : product;
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
  return { ...linear(capacity), config: { kind: "classifier", capacity } };
}

/** Fills with numbers uniform on (−bound, bound). */
function fillUniform(values: Float32Array, random: RandomStream, bound: number): void {
  for (let i = 0; i < values.length; i++) values[i] = (2 * random.uniform() - 1) * bound;
}
