import { checkKeys, checkNumber, fail } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { type Shape, sameShape, showShape, sizeOf } from "../program/shape.ts";
import { add, matmul, reshape, transpose } from "../program/tensor.ts";
import { checkInit, fillWeights, type Init } from "./init.ts";
import { type Layer, type LayerContext, refuseInput } from "./layer.ts";

/** Options of {@link linear}. */
export interface LinearOptions {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** How the weight is first filled. Default `kaimingUniform`, as in torch. */
  readonly init?: Init;
  /** Path of a parameter [units, in], such as an embedding's, whose transpose is the weight, instead of one of its own. */
  readonly tie?: string;
}

/**
 * Returns a fully connected layer over the last dim: x·weight + bias, with weight [in, units] (torch's transposed) and bias [units], first
 * uniform on ±1/√in.
 * @throws E_CONFIG @see Press & Wolf 2017, arXiv 1608.05859, for weights tied to the embedding's
 */
export function linear(units: number, options: LinearOptions = {}): Layer {
  checkNumber("nn.linear", "units", units, { min: 1, integer: true });
  checkKeys("nn.linear", options, ["bias", "init", "tie"]);
  const { tie } = options;
  const bias = options.bias ?? true;
  const init = checkInit("nn.linear", options.init ?? "kaimingUniform");
  return {
    config: { kind: "linear", units, bias, init, ...(tie === undefined ? {} : { tie }) },
    build(input, path) {
      const features = input.at(-1) ?? refuseInput(path, "linear takes rows", "[..., features]", input);
      const fill = fillWeights(init, features, units);
      const fillBias = fillWeights("kaimingUniform", features, units);
      return {
        output: [...input.slice(0, -1), units],
        params: {
          ...(tie === undefined ? { weight: { shape: [features, units], fill } } : {}),
          ...(bias ? { bias: { shape: [units], fill: fillBias } } : {}),
        },
        children: {},
        apply(x, context) {
          const weight = tie === undefined ? context.param("weight") : transpose(tied(tie, [units, features], context));
          const product = matmul(reshape(x, [sizeOf(x.shape) / features, features]), weight);
          return reshape(bias ? add(product, context.param("bias")) : product, [...x.shape.slice(0, -1), units]);
        },
      };
    },
  };
}

function tied(path: string, shape: Shape, { graph, shared }: LayerContext): Tensor {
  const weight = shared(path);
  if (weight === undefined) {
    fail("E_CONFIG", `${graph.where("linear")}: nothing to tie the weight to; expected a parameter "${path}", got none of that path`, {
      hint: 'Give the path of a parameter in the whole model, such as "0.weight".',
    });
  }
  if (sameShape(weight.shape, shape)) return weight;
  return fail("E_SHAPE", `${graph.where("linear")}: "${path}" does not fit; expected ${showShape(shape)}, got ${showShape(weight.shape)}`);
}
