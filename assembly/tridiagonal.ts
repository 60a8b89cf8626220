/**
 * A = Q·T·Qᵀ of a symmetric matrix of entries up to 2, T tridiagonal: reflections from the last row up, each of which makes one row 0 left
 * of its diagonal. Of A the lower triangle is read and overwritten. Q is written transposed, so that every pass goes along rows.
 *
 * Error |T - QᵀAQ| and |QᵀQ - I| of a few n·u (Golub and Van Loan, Matrix Computations, §8.3.1).
 */
import { addTimes, dot } from "./vector";

/** Squares that are 0 beside entries up to 2: below, they lose digits, and a reflection made of them is none. */
const NOTHING: f64 = 1e-280;

/** Writes the diagonal of T to d [n], what is left of it to e [n] (e₀ = 0), Qᵀ to q, its rows `qStep` bytes apart, zeros between; scratch [2 n]. */
export function tridiagonalise(a: usize, n: i32, d: usize, e: usize, q: usize, qStep: usize, scratch: usize): void {
  const step = (<usize>n) << 3;
  const p = scratch;
  const sizes = scratch + step;
  for (let i = n - 1; i > 0; i--) {
    const at = (<usize>i) << 3;
    const u = a + <usize>i * step;
    store<f64>(d + at, load<f64>(u + at));
    store<f64>(sizes + at, 0);
    const last = u + at - 8;
    const corner = load<f64>(last);
    const left = dot(u, u, i - 1);
    if (left <= NOTHING) {
      store<f64>(e + at, corner);
      continue;
    }
    const square = left + corner * corner;
    const length = corner > 0 ? -sqrt(square) : sqrt(square);
    const size = square - corner * length;
    store<f64>(e + at, length);
    store<f64>(last, corner - length);
    store<f64>(sizes + at, size);
    reflect(a, step, i, u, size, p);
  }
  store<f64>(d, load<f64>(a));
  store<f64>(e, 0);
  gather(a, n, sizes, q, qStep);
}

/** A ← (I - uuᵀ/size) A (I - uuᵀ/size) on the leading i × i; p [i] is scratch. */
function reflect(a: usize, step: usize, i: i32, u: usize, size: f64, p: usize): void {
  memory.fill(p, 0, (<usize>i) << 3);
  for (let j = 0; j < i; j++) {
    const at = (<usize>j) << 3;
    const row = a + <usize>j * step;
    const by = load<f64>(u + at);
    const sum = product(row, u, p, by, j);
    store<f64>(p + at, load<f64>(p + at) + sum + by * load<f64>(row + at));
  }
  for (let j = 0; j < i; j++) store<f64>(p + ((<usize>j) << 3), load<f64>(p + ((<usize>j) << 3)) / size);
  addTimes(p, -0.5 * (dot(u, p, i) / size), u, i);
  for (let j = 0; j < i; j++) {
    const at = (<usize>j) << 3;
    subtract(a + <usize>j * step, load<f64>(u + at), p, load<f64>(p + at), u, j + 1);
  }
}

/** Σ row·u over n numbers, and p += by · row in the same pass. */
function product(row: usize, u: usize, p: usize, by: f64, n: i32): f64 {
  const end = row + ((<usize>n) << 3);
  const end4 = row + ((<usize>(n & ~3)) << 3);
  const b = f64x2.splat(by);
  let s0 = f64x2.splat(0);
  let s1 = s0;
  for (; row < end4; row += 32) {
    const x = v128.load(row);
    const y = v128.load(row, 16);
    s0 = f64x2.add(s0, f64x2.mul(x, v128.load(u)));
    s1 = f64x2.add(s1, f64x2.mul(y, v128.load(u, 16)));
    v128.store(p, f64x2.add(v128.load(p), f64x2.mul(b, x)));
    v128.store(p, f64x2.add(v128.load(p, 16), f64x2.mul(b, y)), 16);
    u += 32;
    p += 32;
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; row < end; row += 8) {
    const x = load<f64>(row);
    sum += x * load<f64>(u);
    store<f64>(p, load<f64>(p) + by * x);
    u += 8;
    p += 8;
  }
  return sum;
}

/** row -= b · p + c · u over n numbers. */
function subtract(row: usize, b: f64, p: usize, c: f64, u: usize, n: i32): void {
  const end = row + ((<usize>n) << 3);
  const end2 = row + ((<usize>(n & ~1)) << 3);
  const bb = f64x2.splat(b);
  const cc = f64x2.splat(c);
  for (; row < end2; row += 16) {
    v128.store(row, f64x2.sub(v128.load(row), f64x2.add(f64x2.mul(bb, v128.load(p)), f64x2.mul(cc, v128.load(u)))));
    p += 16;
    u += 16;
  }
  if (row < end) store<f64>(row, load<f64>(row) - (b * load<f64>(p) + c * load<f64>(u)));
}

/** q = the product of the reflections, the first one's leftmost: each touches a leading square one larger than the one before. */
function gather(a: usize, n: i32, sizes: usize, q: usize, qStep: usize): void {
  const step = (<usize>n) << 3;
  memory.fill(q, 0, <usize>n * qStep);
  for (let i = 0; i < n; i++) store<f64>(q + <usize>i * (qStep + 8), 1);
  for (let i = 1; i < n; i++) {
    const size = load<f64>(sizes + ((<usize>i) << 3));
    if (size == 0) continue;
    const u = a + <usize>i * step;
    for (let r = 0; r < i; r++) {
      const row = q + <usize>r * qStep;
      addTimes(row, -(dot(row, u, i) / size), u, i);
    }
  }
}
