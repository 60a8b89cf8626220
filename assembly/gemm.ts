/**
 * c += ±op(a) · b in f64: c [m, n], op(a) [m, k], b [k, n], rows of b and c contiguous, of a rows or columns. Steps are bytes.
 *
 * Every element of c is ((c ± a₀·b₀) ± a₁·b₁) ± … in ascending k, each product and each sum rounded once, on every path, so no bit depends
 * on how a product is cut into blocks. Error ≤ (k + 1)·u / (1 - (k + 1)·u) · (|c| + Σ|a|·|b|) with u = 2⁻⁵³ (Higham, Accuracy and Stability
 * of Numerical Algorithms, §3.1).
 *
 * Loops as in `matmul`: for every 128 of k, for every 128 rows, pack the rows in pairs (128 KB); then for every 8 columns, pack a panel of b
 * (8 KB, for L1) and go down the rows with a tile of 2 × 8 sums. Node 20, one busy core of Zen 5: 24 to 25 GFLOP/s from 128³ to 1024³; with
 * 256 of k and 64 rows 22, and 17 at 1024³, whose columns of b then are packed twice as often from as many pages as there are rows.
 *
 * scratch  tile [2, 8], panel [128, 8], pairs [128, 128]
 */

const BLOCK_M: i32 = 128;
const BLOCK_K: i32 = 128;
const PANEL: i32 = 8;
const AT_PANEL: usize = 128;
const AT_PAIRS: usize = AT_PANEL + BLOCK_K * PANEL * 8;

/** Numbers of scratch. */
export const GEMM_SCRATCH: i32 = (<i32>AT_PAIRS >> 3) + BLOCK_M * BLOCK_K;

/** Adds the product to c, which overlaps neither operand; `sign` is 1 or -1, rows of op(a) are `aAcross` apart, its columns `aAlong`. */
export function gemm(
  m: i32,
  n: i32,
  k: i32,
  sign: f64,
  a: usize,
  aAcross: usize,
  aAlong: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cStep: usize,
  scratch: usize,
): void {
  const panel = scratch + AT_PANEL;
  const pairs = scratch + AT_PAIRS;
  for (let p = 0; p < k; p += BLOCK_K) {
    const depth = min(BLOCK_K, k - p);
    const pairStep = (<usize>depth) << 4;
    for (let i = 0; i < m; i += BLOCK_M) {
      const rows = min(BLOCK_M, m - i);
      packRows(rows, depth, sign, a + <usize>i * aAcross + <usize>p * aAlong, aAcross, aAlong, pairs);
      for (let j = 0; j < n; j += PANEL) {
        const columns = min(PANEL, n - j);
        const to = c + <usize>i * cStep + ((<usize>j) << 3);
        packPanel(columns, depth, b + <usize>p * bStep + ((<usize>j) << 3), bStep, panel);
        let whole = columns == PANEL ? rows >> 1 : 0;
        tiles(whole, depth, pairs, panel, to, cStep);
        whole <<= 1;
        for (; whole < rows; whole += 2) {
          const left = min(2, rows - whole);
          const at = to + <usize>whole * cStep;
          copyTile(left, columns, at, cStep, scratch, 64);
          tiles(1, depth, pairs + <usize>(whole >> 1) * pairStep, panel, scratch, 64);
          copyTile(left, columns, scratch, 64, at, cStep);
        }
      }
    }
  }
}

/** `count` tiles, one under the other, of as many pairs of rows and one panel. */
function tiles(count: i32, depth: i32, a: usize, panel: usize, c: usize, cStep: usize): void {
  const pairStep = (<usize>depth) << 4;
  for (; count > 0; count--) {
    const d = c + cStep;
    let c0 = v128.load(c);
    let c1 = v128.load(c, 16);
    let c2 = v128.load(c, 32);
    let c3 = v128.load(c, 48);
    let d0 = v128.load(d);
    let d1 = v128.load(d, 16);
    let d2 = v128.load(d, 32);
    let d3 = v128.load(d, 48);
    const end = a + pairStep;
    let b = panel;
    for (; a < end; a += 16) {
      const x = v128.load64_splat(a);
      const y = v128.load64_splat(a, 8);
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const b2 = v128.load(b, 32);
      const b3 = v128.load(b, 48);
      c0 = f64x2.add(c0, f64x2.mul(x, b0));
      c1 = f64x2.add(c1, f64x2.mul(x, b1));
      c2 = f64x2.add(c2, f64x2.mul(x, b2));
      c3 = f64x2.add(c3, f64x2.mul(x, b3));
      d0 = f64x2.add(d0, f64x2.mul(y, b0));
      d1 = f64x2.add(d1, f64x2.mul(y, b1));
      d2 = f64x2.add(d2, f64x2.mul(y, b2));
      d3 = f64x2.add(d3, f64x2.mul(y, b3));
      b += 64;
    }
    v128.store(c, c0);
    v128.store(c, c1, 16);
    v128.store(c, c2, 32);
    v128.store(c, c3, 48);
    v128.store(d, d0);
    v128.store(d, d1, 16);
    v128.store(d, d2, 32);
    v128.store(d, d3, 48);
    c = d + cStep;
  }
}

/** Pairs of rows of ±op(a), each [depth, 2]; under a last odd row lie zeros. */
function packRows(rows: i32, depth: i32, sign: f64, a: usize, aAcross: usize, aAlong: usize, to: usize): void {
  for (; rows > 0; rows -= 2) {
    const second = rows > 1;
    let from = a;
    for (const end = to + ((<usize>depth) << 4); to < end; to += 16) {
      store<f64>(to, sign * load<f64>(from));
      store<f64>(to, second ? sign * load<f64>(from + aAcross) : 0, 8);
      from += aAlong;
    }
    a += aAcross << 1;
  }
}

/** Columns of b as [depth, 8], zeros behind the last. */
function packPanel(columns: i32, depth: i32, b: usize, bStep: usize, to: usize): void {
  if (columns == PANEL) {
    for (; depth > 0; depth--) {
      v128.store(to, v128.load(b));
      v128.store(to, v128.load(b, 16), 16);
      v128.store(to, v128.load(b, 32), 32);
      v128.store(to, v128.load(b, 48), 48);
      b += bStep;
      to += 64;
    }
    return;
  }
  const bytes = (<usize>columns) << 3;
  for (; depth > 0; depth--) {
    let x: usize = 0;
    for (; x < bytes; x += 8) store<f64>(to + x, load<f64>(b + x));
    for (; x < 64; x += 8) store<f64>(to + x, 0);
    b += bStep;
    to += 64;
  }
}

/** Copies the part of a tile that lies within c. */
function copyTile(rows: i32, columns: i32, from: usize, fromStep: usize, to: usize, toStep: usize): void {
  const bytes = (<usize>columns) << 3;
  for (; rows > 0; rows--) {
    for (let x: usize = 0; x < bytes; x += 8) store<f64>(to + x, load<f64>(from + x));
    from += fromStep;
    to += toStep;
  }
}
