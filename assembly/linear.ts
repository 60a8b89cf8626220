/** What the host calls of dense linear algebra, a module of its own that is loaded when one is first asked: f64, row-major. */
import { factor, substitute } from "./cholesky";
import { GEMM_SCRATCH, gemm } from "./gemm";
import { addTimes, divide, dot, normalise } from "./vector";

export { boxQp } from "./boxqp";
export { eigen, eigenScratch } from "./eigen";
export { svd, svdScratch } from "./svd";

/** Returns the first byte of memory that the module does not use itself. */
export function heapBase(): usize {
  return __heap_base;
}

/** Numbers of scratch of {@link multiply}, {@link cholesky} and {@link solve}, and what `boxQp` needs of theirs. */
export function blockScratch(): i32 {
  return GEMM_SCRATCH;
}

/** c [m, n] = a [m, k] · b [k, n]. */
export function multiply(a: usize, b: usize, m: i32, k: i32, n: i32, c: usize, scratch: usize): void {
  memory.fill(c, 0, (<usize>m * <usize>n) << 3);
  gemm(m, n, k, 1, a, (<usize>k) << 3, 8, b, (<usize>n) << 3, c, (<usize>n) << 3, scratch);
}

/** Overwrites a [n, n], of which the upper triangle is read, with L; returns -1 or the pivot that is not positive. */
export function cholesky(a: usize, n: i32, scratch: usize): i32 {
  const wrong = factor(a, n, scratch);
  if (wrong >= 0) return wrong;
  const step = (<usize>n) << 3;
  for (let from = 0; from < n; from += 16) {
    const to = min(from + 16, n);
    for (let j = from; j < n; j++) {
      for (let i = from; i < min(to, j); i++) {
        const upper = a + <usize>i * step + ((<usize>j) << 3);
        store<f64>(a + <usize>j * step + ((<usize>i) << 3), load<f64>(upper));
        store<f64>(upper, 0);
      }
    }
  }
  return -1;
}

/** Overwrites b [n, m] with X, A·X = b; of a [n, n] the upper triangle is read and overwritten. Returns -1 or the pivot. */
export function solve(a: usize, n: i32, b: usize, m: i32, scratch: usize): i32 {
  const wrong = factor(a, n, scratch);
  if (wrong < 0) substitute(a, n, b, m, scratch);
  return wrong;
}

/**
 * Iterates u [m] = A·v and v [n] = Aᵀ·u, each divided by its length, and returns the last length, at most the largest singular value; a
 * [m, n] and v are overwritten. Where A·v is 0, so are u and what is returned.
 */
export function power(a: usize, m: i32, n: i32, u: usize, v: usize, iterations: i32): f64 {
  const step = (<usize>n) << 3;
  const scale = normalise(a, m * n);
  unit(v, n);
  let value: f64 = 0;
  for (; iterations > 0; iterations--) {
    for (let i = 0; i < m; i++) store<f64>(u + ((<usize>i) << 3), dot(a + <usize>i * step, v, n));
    if (unit(u, m) == 0) return 0;
    memory.fill(v, 0, step);
    for (let i = 0; i < m; i++) addTimes(v, load<f64>(u + ((<usize>i) << 3)), a + <usize>i * step, n);
    value = unit(v, n);
  }
  return value * scale;
}

/** Divides x [n] by its length and returns that; 0 stays 0. */
function unit(x: usize, n: i32): f64 {
  const scale = normalise(x, n);
  const length = sqrt(dot(x, x, n));
  if (length == 0) return 0;
  divide(x, length, n);
  return length * scale;
}
