import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { sizeOf } from "../program/shape.ts";
import { add, div, mean, mul, reshape, sqrt, square, sub } from "../program/tensor.ts";
import { fillOnes, fillZeros } from "./init.ts";
import { type BuiltLayer, type Layer, type LayerContext, type ParamSpec, refuseInput } from "./layer.ts";

/** Options of {@link layerNorm}, {@link groupNorm} and {@link rmsNorm}. */
export interface NormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

/**
 * Returns the layer that brings the last dim of every row to mean 0 and variance 1, then scales by weight [features] and adds bias
 * [features], at first 1 and 0.
 * @throws E_CONFIG @see Ba et al. 2016, arXiv 1607.06450
 */
export function layerNorm(options: NormOptions = {}): Layer {
  const eps = checkEps("nn.layerNorm", options);
  return {
    config: { kind: "layerNorm", eps },
    build(input, path) {
      const features = featuresOf(input, path, "layerNorm");
      return normalising(input, scaleAndShift(features), (x, context) => rescale(standardise(x, [x.shape.length - 1], eps), context));
    },
  };
}

/**
 * Returns the layer that brings each of `groups` equal parts of the channels, over all places of a row, to mean 0 and variance 1, then
 * scales by weight [channels] and adds bias [channels]. @throws E_CONFIG @see Wu & He 2018, arXiv 1803.08494
 */
export function groupNorm(groups: number, options: NormOptions = {}): Layer {
  checkNumber("nn.groupNorm", "groups", groups, { min: 1, integer: true });
  const eps = checkEps("nn.groupNorm", options);
  return {
    config: { kind: "groupNorm", groups, eps },
    build(input, path) {
      const channels = featuresOf(input, path, "groupNorm");
      if (channels % groups !== 0) refuseInput(path, "groupNorm cannot part the channels", `a multiple of ${groups} groups`, input);
      return normalising(input, scaleAndShift(channels), (x, context) => {
        const parted = reshape(x, [x.shape[0] as number, sizeOf(input) / channels, groups, channels / groups]);
        return rescale(reshape(standardise(parted, [1, 3], eps), x.shape), context);
      });
    },
  };
}

/**
 * Returns the layer that divides the last dim of every row by its root mean square, then scales by weight [features], at first 1.
 * @throws E_CONFIG @see Zhang & Sennrich 2019, arXiv 1910.07467
 */
export function rmsNorm(options: NormOptions = {}): Layer {
  const eps = checkEps("nn.rmsNorm", options);
  return {
    config: { kind: "rmsNorm", eps },
    build(input, path) {
      const weight = { shape: [featuresOf(input, path, "rmsNorm")], fill: fillOnes };
      return normalising(input, { weight }, (x, context) => {
        const power = mean(square(x), -1, { keepDims: true });
        return mul(div(x, sqrt(add(power, eps))), context.param("weight"));
      });
    },
  };
}

function checkEps(where: string, options: NormOptions): number {
  checkKeys(where, options, ["eps"]);
  return checkNumber(where, "eps", options.eps ?? 1e-5, { min: 0, open: "min" });
}

function normalising(
  input: readonly number[],
  params: Readonly<Record<string, ParamSpec>>,
  apply: (x: Tensor, context: LayerContext) => Tensor,
): BuiltLayer {
  return { output: input, params, children: {}, apply };
}

function standardise(x: Tensor, axes: readonly number[], eps: number): Tensor {
  const centred = sub(x, mean(x, axes, { keepDims: true }));
  return div(centred, sqrt(add(mean(square(centred), axes, { keepDims: true }), eps)));
}

/** Returns the length of the last dim. @throws E_SHAPE where there is none */
export function featuresOf(input: readonly number[], path: string, layer: string): number {
  return input.at(-1) ?? refuseInput(path, `${layer} takes rows`, "[..., features]", input);
}

/** Returns the parameters of {@link rescale}. */
export function scaleAndShift(features: number): Readonly<Record<"weight" | "bias", ParamSpec>> {
  return { weight: { shape: [features], fill: fillOnes }, bias: { shape: [features], fill: fillZeros } };
}

/** Returns x·weight + bias along the last dim. */
export function rescale(x: Tensor, context: LayerContext): Tensor {
  return add(mul(x, context.param("weight")), context.param("bias"));
}
