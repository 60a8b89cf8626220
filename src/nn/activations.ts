import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { abs, add, div, exp, less, log, maximum, mul, neg, select, sub, tanh as tanhOf } from "../program/tensor.ts";
import { type Layer, type LayerConfig, type LayerContext, plain } from "./layer.ts";

/** Returns 1/(1 + e^−x), by the tanh that neither overflows nor divides. */
export const sigmoidOf = (x: Tensor): Tensor => add(mul(tanhOf(mul(x, 0.5)), 0.5), 0.5);

/** Returns ln(1 + e^x), whose exponential never overflows. */
export const softplusOf = (x: Tensor): Tensor => add(maximum(x, 0), log(add(exp(neg(abs(x))), 1)));

/** Returns x·sigmoid(x). */
export const siluOf = (x: Tensor): Tensor => mul(x, sigmoidOf(x));

/** Returns ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))). */
export function geluOf(x: Tensor): Tensor {
  const root = 0.7978845608028654;
  const inner = mul(x, add(mul(mul(x, x), root * 0.044715), root));
  return mul(mul(x, 0.5), add(tanhOf(inner), 1));
}

/** Returns x·Φ(x), Φ within 1e-7 by the error function of Abramowitz & Stegun 7.1.26. */
function exactGeluOf(x: Tensor): Tensor {
  const t = div(1, add(mul(abs(x), 0.3275911 * Math.SQRT1_2), 1));
  const series = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const polynomial = series.reduce<Tensor>((sum, a) => mul(add(sum, a), t), t.graph.constant(0, t.shape, "f32"));
  const tail = mul(mul(polynomial, 0.5), exp(mul(mul(x, x), -0.5)));
  return mul(x, select(less(x, 0), tail, sub(1, tail)));
}

function elementwise(config: LayerConfig, f: (x: Tensor, context: LayerContext) => Tensor): Layer {
  return { config, build: (input) => plain(input, f) };
}

/** Returns the layer max(x, 0), with gradient 0 at 0. */
export function relu(): Layer {
  return elementwise({ kind: "relu" }, (x, context) => {
    context.tap("rectified", x);
    return select(less(0, x), x, 0);
  });
}

/** Returns the layer that is x above 0 and slope·x below. @throws E_CONFIG */
export function leakyRelu(slope = 0.01): Layer {
  checkNumber("nn.leakyRelu", "slope", slope);
  return elementwise({ kind: "leakyRelu", slope }, (x) => select(less(0, x), x, mul(x, slope)));
}

/** Options of {@link gelu}. */
export interface GeluOptions {
  /** `tanh` (default) is the approximation of GPT-2; `erf` is exact within 1e-7. */
  readonly form?: "tanh" | "erf";
}

/** Returns the layer x·Φ(x), Φ being the normal distribution. @throws E_CONFIG @see Hendrycks & Gimpel 2016, arXiv 1606.08415 */
export function gelu(options: GeluOptions = {}): Layer {
  checkKeys("nn.gelu", options, ["form"]);
  const form = checkChoice("nn.gelu", "form", options.form ?? "tanh", ["tanh", "erf"]);
  return elementwise({ kind: "gelu", form }, form === "tanh" ? geluOf : exactGeluOf);
}

/** Returns the layer x·sigmoid(x), also known as swish. */
export function silu(): Layer {
  return elementwise({ kind: "silu" }, siluOf);
}

/** Returns the layer tanh x. */
export function tanh(): Layer {
  return elementwise({ kind: "tanh" }, tanhOf);
}

/** Returns the layer 1/(1 + e^−x). */
export function sigmoid(): Layer {
  return elementwise({ kind: "sigmoid" }, sigmoidOf);
}

/** Returns the layer ln(1 + e^x). */
export function softplus(): Layer {
  return elementwise({ kind: "softplus" }, softplusOf);
}
