/** Ridge regression from sums: G = HᵀH and Q = HᵀY of rows H and one-hot targets Y, so that rows can be taken out and devices merged. */
import type { Linear } from "../wasm/linear.ts";
import type { Numbers } from "./host.ts";
import { addOuter, addScaled, array, symmetric, transpose } from "./sums.ts";

/** Adds `scale` times a row [width] at `first` of a class to G [width × width], its upper triangle, and Qᵀ [classes × width]. */
export function addGram(
  numbers: Numbers,
  suffix: "" | "Held",
  rows: Float64Array,
  first: number,
  width: number,
  label: number,
  scale: number,
): void {
  addOuter(array(numbers, `gram${suffix}`), 0, rows, first, width, scale);
  addScaled(array(numbers, `targets${suffix}`), label * width, rows, first, width, scale);
}

/** Returns W = (G + λI)⁻¹Q [width × classes] from G's upper triangle and Qᵀ. @throws E_DATA where λ is too small for G */
export function ridgeWeights(gram: Float64Array, targets: Float64Array, lambda: number, width: number, linear: Linear): Float64Array {
  const whole = symmetric(gram, width);
  for (let i = 0; i < whole.length; i += width + 1) whole[i] = (whole[i] as number) + lambda;
  const classes = targets.length / width;
  return linear.solve(whole, width, transpose(targets, classes, width), classes);
}
