/**
 * Eigenvalues and eigenvectors of a symmetric matrix: made tridiagonal, then implicit QL with Wilkinson's shift, whose rotations are kept for
 * a sweep and applied to 8 columns of the transposed vectors at a time, a cache line of each row. Errors of a few n·u of the largest
 * |eigenvalue|.
 *
 * Node 20, a busy core of Zen 5: 0.3 ms at n = 64, 1.6 at 128, 11 at 256, 80 at 512; rotations of pairs, as `svd` has them, take five to ten
 * times as long.
 *
 * Source: Golub and Van Loan, Matrix Computations, §8.3; Bowdler, Martin, Reinsch and Wilkinson 1968, The QR and QL algorithms for symmetric
 * matrices.
 *
 * scratch  diagonal, off-diagonal [n each], rotations [2 n], vectors [n, strideOf n]
 */
import { tridiagonalise } from "./tridiagonal";
import { normalise, transpose } from "./vector";

/** Rounds for one eigenvalue; it takes two or three. */
const ROUNDS: i32 = 60;
/** Rounds after which what rounding of the whole matrix hides is 0: entries over hundreds of orders may not settle beside smaller ones. */
const PATIENCE: i32 = 30;
const EPSILON: f64 = 2.220446049250313e-16;
/** Beside entries up to 1, what is smaller may be taken for 0, and squares of the rest are exact enough. */
const TINY: f64 = 1e-140;
const LEAST: f64 = 1e-290;

/** Numbers of scratch, more than there may be bytes of memory. */
export function eigenScratch(n: i32): f64 {
  return <f64>n * <f64>((strideOf(n) >> 3) + 4);
}

/** Bytes from row to row of vectors: whole cache lines, an odd number of them, or a column would lie in few sets of the cache. */
function strideOf(n: i32): usize {
  return (((<usize>n + 7) >> 3) | 1) << 6;
}

/** Writes eigenvalues, largest first, and vectors as columns [n, n]; a [n, n] is overwritten. False where it does not converge. */
export function eigen(a: usize, n: i32, values: usize, vectors: usize, scratch: usize): bool {
  const bytes = (<usize>n) << 3;
  const d = scratch;
  const e = d + bytes;
  const rotations = e + bytes;
  const q = rotations + 2 * bytes;
  const scale = normalise(a, n * n);
  const step = strideOf(n);
  tridiagonalise(a, n, d, e, q, step, rotations);
  memory.copy(e, e + 8, bytes - 8);
  store<f64>(e + bytes - 8, 0);
  for (let l = 0; l < n; l++) {
    let rounds = 0;
    for (let m = blockEnd(d, e, l, n, TINY); m > l; m = blockEnd(d, e, l, n, rounds < PATIENCE ? TINY : EPSILON)) {
      if (rounds++ == ROUNDS) return false;
      const first = sweep(d, e, l, m, rotations);
      apply(q, step, first, m, rotations);
    }
  }
  // Sorted by insertion of places; the matrix that was a takes the rows in their order.
  for (let i = 0; i < n; i++) {
    const value = load<f64>(d + ((<usize>i) << 3));
    let at = values + ((<usize>i) << 3);
    let to = rotations + ((<usize>i) << 3);
    for (; at > values && load<f64>(at - 8) < value; at -= 8) {
      store<f64>(at, load<f64>(at - 8));
      store<i32>(to, load<i32>(to - 8));
      to -= 8;
    }
    store<f64>(at, value);
    store<i32>(to, i);
  }
  for (let i = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    store<f64>(values + at, load<f64>(values + at) * scale);
    memory.copy(a + <usize>i * bytes, q + <usize>load<i32>(rotations + at) * step, bytes);
  }
  transpose(a, n, n, vectors);
  return true;
}

/** The last of the entries from l on that hang together by more than `floor`. */
function blockEnd(d: usize, e: usize, l: i32, n: i32, floor: f64): i32 {
  let m = l;
  for (; m < n - 1; m++) {
    const at = (<usize>m) << 3;
    const off = abs(load<f64>(e + at));
    if (off <= EPSILON * (abs(load<f64>(d + at)) + abs(load<f64>(d + at, 8))) || off < floor) break;
  }
  return m;
}

/** One implicit QL sweep over l … m; returns the first row it reached, and leaves cosine and sine of row i at 16 i. */
function sweep(d: usize, e: usize, l: i32, m: i32, rotations: usize): i32 {
  const start = d + ((<usize>l) << 3);
  const off = load<f64>(e + ((<usize>l) << 3));
  const half = (load<f64>(start, 8) - load<f64>(start)) / (2 * off);
  const root = hypotenuse(half, 1);
  let bulge = load<f64>(d + ((<usize>m) << 3)) - load<f64>(start) + off / (half < 0 ? half - root : half + root);
  let s: f64 = 1;
  let c: f64 = 1;
  let shift: f64 = 0;
  for (let i = m - 1; i >= l; i--) {
    const at = (<usize>i) << 3;
    const off = load<f64>(e + at);
    const f = s * off;
    const b = c * off;
    const r = hypotenuse(f, bulge);
    store<f64>(e + at, r, 8);
    if (r == 0) {
      store<f64>(d + at, load<f64>(d + at, 8) - shift, 8);
      store<f64>(e + ((<usize>m) << 3), 0);
      return i + 1;
    }
    s = f / r;
    c = bulge / r;
    const base = load<f64>(d + at, 8) - shift;
    const t = (load<f64>(d + at) - base) * s + 2 * c * b;
    shift = s * t;
    store<f64>(d + at, base + shift, 8);
    bulge = c * t - b;
    store<f64>(rotations + (at << 1), c);
    store<f64>(rotations + (at << 1), s, 8);
  }
  store<f64>(start, load<f64>(start) - shift);
  store<f64>(e + ((<usize>l) << 3), bulge);
  store<f64>(e + ((<usize>m) << 3), 0);
  return l;
}

/** √(x² + y²) without overflow, and without loss where the squares would vanish; 0 where it would have but few digits. */
function hypotenuse(x: f64, y: f64): f64 {
  const large = max(abs(x), abs(y));
  if (large > TINY && large < 1 / TINY) return sqrt(x * x + y * y);
  if (large < LEAST) return 0;
  const ratio = min(abs(x), abs(y)) / large;
  return large * sqrt(1 + ratio * ratio);
}

/** Rotates rows m and m - 1, then m - 1 and m - 2, down to `first`: the row between stays in registers. */
function apply(q: usize, step: usize, first: i32, m: i32, rotations: usize): void {
  const stop = q + <usize>first * step;
  for (let column: usize = 0; column < step; column += 64) {
    let row = q + <usize>m * step + column;
    let by = rotations + ((<usize>m) << 4);
    let x0 = v128.load(row);
    let x1 = v128.load(row, 16);
    let x2 = v128.load(row, 32);
    let x3 = v128.load(row, 48);
    while (row > stop + column) {
      by -= 16;
      const c = v128.load64_splat(by);
      const s = v128.load64_splat(by, 8);
      const next = row - step;
      const y0 = v128.load(next);
      const y1 = v128.load(next, 16);
      const y2 = v128.load(next, 32);
      const y3 = v128.load(next, 48);
      v128.store(row, f64x2.add(f64x2.mul(s, y0), f64x2.mul(c, x0)));
      v128.store(row, f64x2.add(f64x2.mul(s, y1), f64x2.mul(c, x1)), 16);
      v128.store(row, f64x2.add(f64x2.mul(s, y2), f64x2.mul(c, x2)), 32);
      v128.store(row, f64x2.add(f64x2.mul(s, y3), f64x2.mul(c, x3)), 48);
      x0 = f64x2.sub(f64x2.mul(c, y0), f64x2.mul(s, x0));
      x1 = f64x2.sub(f64x2.mul(c, y1), f64x2.mul(s, x1));
      x2 = f64x2.sub(f64x2.mul(c, y2), f64x2.mul(s, x2));
      x3 = f64x2.sub(f64x2.mul(c, y3), f64x2.mul(s, x3));
      row = next;
    }
    v128.store(row, x0);
    v128.store(row, x1, 16);
    v128.store(row, x2, 32);
    v128.store(row, x3, 48);
  }
}
