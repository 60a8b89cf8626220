import { power } from "../natural.ts";
import { add, mul } from "../program/tensor.ts";
import { numbersOf, ranges, type Transform, transform } from "./optimizer.ts";

/** Options of {@link gradientNoise}. */
export interface GradientNoiseOptions {
  /** η of the variance η/k^γ at step k. Default 0.01. */
  readonly eta?: number;
  /** γ: 0 keeps the variance. Default 0.55. */
  readonly gamma?: number;
}

/**
 * Returns normal noise of variance η/k^γ added to the gradients; the numbers follow from seed and step.
 * @throws E_CONFIG
 * @see Neelakantan et al. 2015, arXiv 1511.06807
 */
export function gradientNoise(options: GradientNoiseOptions = {}): Transform {
  const { values, hyper } = numbersOf("optim.gradientNoise", options, { eta: [0.01, ranges.natural], gamma: [0.55, ranges.natural] });
  return transform({
    name: "gradientNoise",
    options: values,
    hyper,
    scalars: (k, { eta, gamma }) => ({ deviation: Math.sqrt(eta * power(k, -gamma)) }),
    around: ({ grads, normal, scalars: { deviation } }, rest) => ({
      ...rest({ grads: add(grads, mul(deviation, normal("noise"))) }),
      slots: {},
    }),
  });
}
