/** Fixed random features: relu(f·W), W normal, made from a seed wherever it is needed and so no state. */
import { fillNormal } from "../nn/init.ts";
import { RandomStream } from "../random.ts";
import type { Linear } from "../wasm/linear.ts";

/** Maps features [rows × size] to what a ridge regression reads of them. */
export interface Projection {
  /** Returns how many numbers a row becomes. */
  width(size: number): number;
  /** Returns the rows [rows × width]. */
  apply(features: Float32Array | Float64Array, rows: number, size: number, linear: Linear): Float64Array;
}

/** Returns relu(f·W) with W [size × width] from a standard normal distribution; without a width, the features themselves. */
export function projection(width: number | undefined, seed: number): Projection {
  if (width === undefined) return { width: (size) => size, apply: (features) => Float64Array.from(features) };
  let weights: Float64Array | undefined;
  return {
    width: () => width,
    apply(features, rows, size, linear) {
      if (weights?.length !== size * width) {
        const normal = new Float32Array(size * width);
        fillNormal(1)(normal, new RandomStream(seed, "projection"));
        weights = Float64Array.from(normal);
      }
      const out = linear.multiply(Float64Array.from(features), weights, rows, size, width);
      for (let i = 0; i < out.length; i++) out[i] = Math.max(0, out[i] as number);
      return out;
    },
  };
}
