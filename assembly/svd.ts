/**
 * A = U·Σ·Vᵀ by one-sided Jacobi: the columns of A, or of Aᵀ where A is wider than high, are rotated in pairs until all are orthogonal; their
 * lengths are the singular values. Small values of a matrix whose columns differ in scale come out as accurate as large ones.
 *
 * A column lies as a row, behind it its row of what the rotations amount to, so that one pass turns both. Pairs go row by row, the longest
 * column of those that are left first; squares of lengths are kept, and taken anew each sweep and where they shrank.
 *
 * Source: Hestenes 1958; de Rijk 1989; Drmač and Veselić 2008, New fast and accurate Jacobi SVD algorithm I.
 *
 * scratch  columns and rotations [k, m + n], squares [k], the rows of U or V [k, max(m, n)]; k = min(m, n)
 */
import { addTimes, divide, dot, exchange, normalise, rotate, transpose } from "./vector";

/** Sweeps at most; it takes five to ten. */
const SWEEPS: i32 = 60;
const EPSILON: f64 = 2.220446049250313e-16;
/** Squares of columns, beside the largest entry of 1 to 2, that are 0. */
const NOTHING: f64 = 1e-280;

/** Bytes of scratch. */
export function svdScratch(m: i32, n: i32): usize {
  return (<usize>min(m, n) * <usize>(m + n + 1 + max(m, n))) << 3;
}

/** Writes U [m, k], the values [k], largest first, and Vᵀ [k, n]; a [m, n] is overwritten. */
export function svd(a: usize, m: i32, n: i32, u: usize, values: usize, vt: usize, scratch: usize): void {
  const count = min(m, n);
  const size = max(m, n);
  const length = (<usize>size) << 3;
  const step = length + ((<usize>count) << 3);
  const squares = scratch + <usize>count * step;
  const basis = squares + ((<usize>count) << 3);
  const scale = normalise(a, m * n);
  const tall = m >= n;
  if (tall) transpose(a, m, n, basis);
  else memory.copy(basis, a, <usize>count * length);
  for (let j = 0; j < count; j++) {
    const row = scratch + <usize>j * step;
    memory.copy(row, basis + <usize>j * length, length);
    memory.fill(row + length, 0, step - length);
    store<f64>(row + length + ((<usize>j) << 3), 1);
  }
  for (let sweeps = 0; sweeps < SWEEPS && sweep(scratch, step, count, size, squares); sweeps++);
  order(scratch, step, count, size, squares);

  for (let j = 0; j < count; j++) {
    const row = scratch + <usize>j * step;
    const square = load<f64>(squares + ((<usize>j) << 3));
    const value = square > NOTHING ? sqrt(square) : 0;
    store<f64>(values + ((<usize>j) << 3), value * scale);
    const to = basis + <usize>j * length;
    if (value == 0) complete(basis, j, size);
    else {
      memory.copy(to, row, length);
      divide(to, value, size);
    }
    if (tall) memory.copy(vt + <usize>j * (step - length), row + length, step - length);
    else memory.copy(a + <usize>j * (step - length), row + length, step - length);
  }
  if (tall) transpose(basis, count, size, u);
  else {
    memory.copy(vt, basis, <usize>count * length);
    transpose(a, count, count, u);
  }
}

/** Turns every pair of columns once, the longer to become longer; false where all were orthogonal already. */
function sweep(rows: usize, step: usize, count: i32, size: i32, squares: usize): bool {
  const whole = <i32>(step >>> 3);
  const tolerance = EPSILON * sqrt(<f64>size);
  let turned = false;
  for (let j = 0; j < count; j++) store<f64>(squares + ((<usize>j) << 3), squareOf(rows + <usize>j * step, size));
  for (let p = 0; p < count; p++) {
    bring(rows, step, count, squares, p);
    const x = rows + <usize>p * step;
    const at = squares + ((<usize>p) << 3);
    for (let q = p + 1; q < count; q++) {
      const y = rows + <usize>q * step;
      const other = squares + ((<usize>q) << 3);
      const xx = load<f64>(at);
      const yy = load<f64>(other);
      if (xx <= NOTHING || yy <= NOTHING) continue;
      const xy = dot(x, y, size);
      if (abs(xy) <= tolerance * sqrt(xx) * sqrt(yy)) continue;
      turned = true;
      const ratio = (yy - xx) / (2 * xy);
      const t = abs(ratio) > 1e100 ? 0.5 / ratio : (ratio < 0 ? -1 : 1) / (abs(ratio) + sqrt(1 + ratio * ratio));
      const c = 1 / sqrt(1 + t * t);
      rotate(x, y, c, c * t, whole);
      const xNew = xx - t * xy;
      const yNew = yy + t * xy;
      store<f64>(at, xNew > 0.5 * xx ? xNew : squareOf(x, size));
      store<f64>(other, yNew > 0.5 * yy ? yNew : squareOf(y, size));
    }
  }
  return turned;
}

function squareOf(row: usize, size: i32): f64 {
  return dot(row, row, size);
}

/** Brings the longest column from p on to p. */
function bring(rows: usize, step: usize, count: i32, squares: usize, p: i32): void {
  let longest = p;
  for (let q = p + 1; q < count; q++) {
    if (load<f64>(squares + ((<usize>q) << 3)) > load<f64>(squares + ((<usize>longest) << 3))) longest = q;
  }
  if (longest == p) return;
  exchange(rows + <usize>p * step, rows + <usize>longest * step, <i32>(step >>> 3));
  exchange(squares + ((<usize>p) << 3), squares + ((<usize>longest) << 3), 1);
}

/** Sorts the columns, the longest first, by squares taken anew. */
function order(rows: usize, step: usize, count: i32, size: i32, squares: usize): void {
  for (let j = 0; j < count; j++) store<f64>(squares + ((<usize>j) << 3), squareOf(rows + <usize>j * step, size));
  for (let p = 0; p < count; p++) bring(rows, step, count, squares, p);
}

/** Writes row j of `basis`: of unit length and orthogonal to the rows before, from the first unit vector that has such a part. */
function complete(basis: usize, j: i32, size: i32): void {
  const row = basis + ((<usize>(j * size)) << 3);
  // The parts of all unit vectors outside j dimensions sum to size - j > 0 in squares, so one has at least this share.
  const least = 0.5 / sqrt(<f64>size);
  for (let i = 0; i < size; i++) {
    memory.fill(row, 0, (<usize>size) << 3);
    store<f64>(row + ((<usize>i) << 3), 1);
    let length = outside(basis, j, size, row);
    if (length < least) continue;
    divide(row, length, size);
    length = outside(basis, j, size, row);
    divide(row, length, size);
    return;
  }
}

/** Takes the first j rows of `basis` out of a row and returns the length of what is left. */
function outside(basis: usize, j: i32, size: i32, row: usize): f64 {
  for (let r = 0; r < j; r++) {
    const other = basis + ((<usize>(r * size)) << 3);
    addTimes(row, -dot(row, other, size), other, size);
  }
  return sqrt(dot(row, row, size));
}
