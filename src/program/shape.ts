import { fail } from "../errors.ts";

/** The lengths of a tensor's dims; [] is a single number. */
export type Shape = readonly number[];

/** Returns the number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Returns whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Returns the strides, in elements, of a dense row-major tensor. */
export function denseStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i] as number;
  }
  return strides;
}

/**
 * Returns the shape two shapes broadcast to: aligned at the last dim, a missing dim or one of length 1 stretches.
 * @throws E_SHAPE
 */
export function broadcastShapes(where: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const m = a[a.length - rank + i] ?? 1;
    const n = b[b.length - rank + i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      fail("E_SHAPE", `${where}: shapes do not broadcast; expected equal dims or 1, got ${showShape(a)} and ${showShape(b)}`, {
        hint: "Reshape one side so that the dims, aligned at the last, are equal or 1.",
        context: { a, b },
      });
    }
    out.push(m === 1 ? n : m);
  }
  return out;
}

/** Returns the axes as non-negative numbers in ascending order. @throws E_SHAPE */
export function normalAxes(where: string, axes: number | readonly number[], rank: number): number[] {
  const list = (typeof axes === "number" ? [axes] : [...axes]).map((axis) => (axis < 0 ? axis + rank : axis));
  for (const axis of list) {
    if (!Number.isInteger(axis) || axis < 0 || axis >= rank) {
      fail("E_SHAPE", `${where}: no such axis; expected a whole number from ${-rank} to ${rank - 1}, got ${axes}`, {
        context: { axes, rank },
      });
    }
  }
  return [...new Set(list)].sort((x, y) => x - y);
}

/** Returns a shape as people write it. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
