/**
 * T·P = Q·R of a matrix at least as high as wide, by reflections, the longest of what is left of the columns first. Columns lie as rows
 * [k, size]: above its diagonal column j holds R, from there on the vector of its reflection.
 *
 * Source: Businger and Golub 1965, Linear least squares solutions by Householder transformations; LAPACK working note 176 on why lengths are
 * taken anew here.
 */
import { addTimes, dot, exchange } from "./vector";

/** Squares of columns that are 0 beside entries up to 2: below, squares lose digits. */
export const NOTHING: f64 = 1e-280;

/** Factors the columns [k, size], writing the diagonal of R, the size of each reflection (0 where there is none) and its place in T, [k] each. */
export function orthogonalise(columns: usize, k: i32, size: i32, heads: usize, sizes: usize, places: usize): void {
  const step = (<usize>size) << 3;
  for (let j = 0; j < k; j++) {
    const column = columns + <usize>j * step;
    store<f64>(sizes + ((<usize>j) << 3), dot(column, column, size));
    store<i32>(places + ((<usize>j) << 3), j);
  }
  for (let p = 0; p < k; p++) {
    const at = (<usize>p) << 3;
    let longest = p;
    for (let j = p + 1; j < k; j++) {
      if (load<f64>(sizes + ((<usize>j) << 3)) > load<f64>(sizes + ((<usize>longest) << 3))) longest = j;
    }
    if (longest != p) {
      const other = (<usize>longest) << 3;
      exchange(columns + <usize>p * step, columns + <usize>longest * step, size);
      exchange(sizes + at, sizes + other, 1);
      exchange(places + at, places + other, 1);
    }
    const square = load<f64>(sizes + at);
    if (!(square > NOTHING)) {
      memory.fill(sizes + at, 0, (<usize>(k - p)) << 3);
      memory.fill(heads + at, 0, (<usize>(k - p)) << 3);
      for (let j = p; j < k; j++) memory.fill(columns + <usize>j * step + at, 0, step - at);
      return;
    }
    const v = columns + <usize>p * step + at;
    const corner = load<f64>(v);
    const head = corner > 0 ? -sqrt(square) : sqrt(square);
    const half = square - corner * head;
    store<f64>(heads + at, head);
    store<f64>(sizes + at, half);
    store<f64>(v, corner - head);
    for (let j = p + 1; j < k; j++) {
      const row = columns + <usize>j * step + at;
      addTimes(row, -(dot(v, row, size - p) / half), v, size - p);
      store<f64>(sizes + ((<usize>j) << 3), dot(row + 8, row + 8, size - p - 1));
    }
  }
}

/** y [size] ← Q·y, with what {@link orthogonalise} left. */
export function applyOrthogonal(columns: usize, k: i32, size: i32, sizes: usize, y: usize): void {
  for (let p = k - 1; p >= 0; p--) {
    const at = (<usize>p) << 3;
    const half = load<f64>(sizes + at);
    if (half == 0) continue;
    const v = columns + ((<usize>p * <usize>size) << 3) + at;
    addTimes(y + at, -(dot(v, y + at, size - p) / half), v, size - p);
  }
}
