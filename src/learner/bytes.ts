/** Rows as arenas keep them. */
import type { Column } from "../state/arena.ts";
import type { Config } from "./config.ts";

/** Writes the numbers that the model sees for rows, with zeros behind them; the same arithmetic as the step's, each rounded to f32. */
export function decodeInto(out: Float32Array, x: Float32Array | Uint8Array, { scale, offset }: Config["input"]): void {
  const [a, b] = [Math.fround(scale), Math.fround(offset)];
  for (let i = 0; i < x.length; i++) out[i] = Math.fround((x[i] as number) * a) + b;
  out.fill(0, x.length);
}

/** Scales weights to sum to 1. */
export function normalise(weight: Float32Array): void {
  let total = 0;
  for (const value of weight) total += value;
  for (let i = 0; i < weight.length; i++) weight[i] = (weight[i] as number) / total;
}

/** Returns the bytes of numbers, where they lie. */
export function bytesOf(values: Float64Array | Float32Array | Uint32Array | Uint8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Returns rows padded to whole words, as a column keeps them. */
export function rowBytesOf(x: Float32Array | Uint8Array, column: Column): Uint8Array {
  const bytes = bytesOf(x);
  const size = column.length * x.BYTES_PER_ELEMENT;
  if (size === column.rowBytes) return bytes;
  const rows = bytes.length / size;
  const padded = new Uint8Array(rows * column.rowBytes);
  for (let row = 0; row < rows; row++) padded.set(bytes.subarray(row * size, (row + 1) * size), row * column.rowBytes);
  return padded;
}

/** Returns the class of the largest number of each row [rows × classes], the first of equals. */
export function argmax(probabilities: Float32Array, classes: number): Uint32Array {
  const labels = new Uint32Array(probabilities.length / classes);
  for (let row = 0; row < labels.length; row++) {
    let best = 0;
    for (let c = 1; c < classes; c++)
      if ((probabilities[row * classes + c] as number) > (probabilities[row * classes + best] as number)) best = c;
    labels[row] = best;
  }
  return labels;
}
