/**
 * The v ≥ lower that makes ½·vᵀQv + cᵀv smallest, Q symmetric positive definite: an active set. All v start at the bound; the one that the
 * slope pulls off it most is let free, the free ones go to where their slope is 0, stopping where one meets the bound, which holds it again.
 * Every round ends lower, so no set comes back, and the last one's equations are solved exactly.
 *
 * Source: Lawson and Hanson 1974, Solving Least Squares Problems, §23.3, here from the normal equations.
 *
 * scratch  factor [n, n], right-hand side [n], places of the free [n], slopes [n]; then as for `gemm`
 */
import { factor, substitute } from "./cholesky";
import { dot } from "./vector";

/** Writes v [n]; q is overwritten below no number. Returns -1, or the pivot of Q that is not positive. */
export function boxQp(q: usize, c: usize, n: i32, lower: f64, v: usize, scratch: usize): i32 {
  const bytes = (<usize>n) << 3;
  const matrix = scratch;
  const side = matrix + <usize>n * bytes;
  const places = side + bytes;
  const refused = places + bytes;
  const rest = refused + bytes;
  memory.copy(matrix, q, <usize>n * bytes);
  const wrong = factor(matrix, n, rest);
  if (wrong >= 0) return wrong;

  for (let i = 0; i < n; i++) {
    store<f64>(v + ((<usize>i) << 3), lower);
    store<i32>(places + ((<usize>i) << 3), 0);
  }
  memory.fill(refused, 0, bytes);
  for (let rounds = 10 * n + 10; rounds > 0; rounds--) {
    const entering = steepest(q, c, n, v, places, refused);
    if (entering < 0) break;
    store<i32>(places + ((<usize>entering) << 3), 1);
    let first = true;
    for (;;) {
      const bad = solveFree(q, c, n, lower, places, matrix, side, rest);
      if (bad >= 0) return bad;
      // Where rounding alone let it free, it would not leave the bound.
      if (first && !(load<f64>(side + ((<usize>entering) << 3)) > lower)) {
        store<i32>(places + ((<usize>entering) << 3), 0);
        store<i32>(refused + ((<usize>entering) << 3), 1);
        break;
      }
      if (first) memory.fill(refused, 0, bytes);
      first = false;
      if (approach(n, lower, v, side, places)) break;
    }
  }
  return -1;
}

/** The held one whose slope is most below 0 by more than its rounding, or -1. */
function steepest(q: usize, c: usize, n: i32, v: usize, places: usize, refused: usize): i32 {
  let found = -1;
  let least: f64 = 0;
  for (let i = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    if (load<i32>(places + at) != 0 || load<i32>(refused + at) != 0) continue;
    const row = q + <usize>n * at;
    const slope = dot(row, v, n) + load<f64>(c + at);
    if (!(slope < least)) continue;
    let size = abs(load<f64>(c + at));
    for (let j = 0; j < n; j++) size += abs(load<f64>(row + ((<usize>j) << 3)) * load<f64>(v + ((<usize>j) << 3)));
    if (slope >= -1.1e-16 * <f64>(n + 1) * size) continue;
    least = slope;
    found = i;
  }
  return found;
}

/** Writes to side where the slope of the free ones is 0 while the held ones stay at the bound. Returns -1 or a pivot. */
function solveFree(q: usize, c: usize, n: i32, lower: f64, places: usize, matrix: usize, side: usize, rest: usize): i32 {
  let count = 0;
  for (let i = 0; i < n; i++) if (load<i32>(places + ((<usize>i) << 3)) != 0) count++;
  let r = 0;
  for (let i = 0; i < n; i++) {
    if (load<i32>(places + ((<usize>i) << 3)) == 0) continue;
    const row = q + ((<usize>(i * n)) << 3);
    let sum = -load<f64>(c + ((<usize>i) << 3));
    let k = 0;
    for (let j = 0; j < n; j++) {
      const value = load<f64>(row + ((<usize>j) << 3));
      if (load<i32>(places + ((<usize>j) << 3)) == 0) sum -= value * lower;
      else {
        store<f64>(matrix + ((<usize>(r * count + k)) << 3), value);
        k++;
      }
    }
    store<f64>(side + ((<usize>r) << 3), sum);
    r++;
  }
  const wrong = factor(matrix, count, rest);
  if (wrong >= 0) return wrong;
  substitute(matrix, count, side, 1, rest);
  // From the back, each number moves up to its place, past none that is still to move.
  for (let i = n - 1; i >= 0; i--) {
    if (load<i32>(places + ((<usize>i) << 3)) == 0) continue;
    r--;
    store<f64>(side + ((<usize>i) << 3), load<f64>(side + ((<usize>r) << 3)));
  }
  return -1;
}

/** Moves the free ones towards side until one meets the bound and is held there; true where none does. */
function approach(n: i32, lower: f64, v: usize, side: usize, places: usize): bool {
  let part: f64 = 1;
  let blocking = -1;
  for (let i = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    const target = load<f64>(side + at);
    if (load<i32>(places + at) == 0 || target > lower) continue;
    const now = load<f64>(v + at);
    const reach = now > lower ? (now - lower) / (now - target) : 0;
    if (blocking >= 0 && reach >= part) continue;
    part = reach;
    blocking = i;
  }
  for (let i = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    if (load<i32>(places + at) == 0) continue;
    const now = load<f64>(v + at);
    const target = load<f64>(side + at);
    const moved = blocking < 0 ? target : now + part * (target - now);
    if (blocking >= 0 && (i == blocking || moved <= lower)) {
      store<f64>(v + at, lower);
      store<i32>(places + at, 0);
    } else store<f64>(v + at, moved);
  }
  return blocking < 0;
}
