/** First values of parameters, by arithmetic alone: no host function whose last bit an engine may choose. */
import { checkChoice } from "../errors.ts";
import type { RandomStream } from "../random.ts";

/** Fills a parameter, all zeros so far, from a stream of its own. */
export type Fill = (values: Float32Array, random: RandomStream) => void;

const distributions = ["kaimingUniform", "kaimingNormal", "xavierUniform", "xavierNormal", "zeros"] as const;

/**
 * How weights are first filled: `kaimingUniform` is torch's default for linear and convolutional layers, uniform on ±1/√in (a = √5);
 * `kaimingNormal` has variance 2/in (for relu); the Xavier forms have variance 2/(in + out).
 */
export type Init = (typeof distributions)[number];

/** Returns an option checked. @throws E_CONFIG */
export function checkInit(where: string, init: Init): Init {
  return checkChoice(where, "init", init, distributions);
}

/** Returns the filling of weights that each output sums `fanIn` of, and that carry each input to `fanOut` outputs. */
export function fillWeights(init: Init, fanIn: number, fanOut: number): Fill {
  switch (init) {
    case "kaimingUniform":
      return fillUniform(1 / Math.sqrt(fanIn));
    case "kaimingNormal":
      return fillNormal(Math.sqrt(2 / fanIn));
    case "xavierUniform":
      return fillUniform(Math.sqrt(6 / (fanIn + fanOut)));
    case "xavierNormal":
      return fillNormal(Math.sqrt(2 / (fanIn + fanOut)));
    case "zeros":
      return fillZeros;
  }
}

/** Leaves zeros. */
export const fillZeros: Fill = () => {};

/** Fills with ones. */
export const fillOnes: Fill = (values) => {
  values.fill(1);
};

/** Returns the filling with numbers uniform on [−bound, bound). */
export function fillUniform(bound: number): Fill {
  return (values, random) => {
    for (let i = 0; i < values.length; i++) values[i] = (2 * random.uniform() - 1) * bound;
  };
}

/**
 * Returns the filling with normal numbers of mean 0, by the polar method.
 * @see Marsaglia & Bray 1964, "A convenient method for generating normal variables"
 */
export function fillNormal(deviation: number): Fill {
  return (values, random) => {
    for (let i = 0; i < values.length; i += 2) {
      let [u, v, s] = [0, 0, 0];
      do {
        u = 2 * random.uniform() - 1;
        v = 2 * random.uniform() - 1;
        s = u * u + v * v;
      } while (s === 0 || s >= 1);
      const scale = deviation * Math.sqrt((-2 * logarithm(s)) / s);
      values[i] = u * scale;
      if (i + 1 < values.length) values[i + 1] = v * scale;
    }
  };
}

/** Returns ln x of a positive number, to f64 but for a few last bits: 2·artanh((m − 1)/(m + 1)) + e·ln 2 for x = m·2^e, m in [¾, 1½). */
export function logarithm(x: number): number {
  let [m, e] = [x, 0];
  for (; m >= 1.5; m /= 2) e++;
  for (; m < 0.75; m *= 2) e--;
  const t = (m - 1) / (m + 1);
  let sum = 0;
  for (let k = 23; k > 0; k -= 2) sum = sum * t * t + 1 / k;
  return 2 * t * sum + e * Math.LN2;
}
