/**
 * Matrix product c = op(a) · op(b), c overwritten: f32, row-major, leading dimensions in elements.
 *
 *   form 0, NN   a [m, k]   b [k, n]   forward
 *   form 1, NT   a [m, k]   b [n, k]   gradient of the input
 *   form 2, TN   a [k, m]   b [k, n]   gradient of the weights
 *   form 3, TT   a [k, m]   b [n, k]
 *   form + 4     a, b or both are walks, see `window`: convolution by implicit products
 *
 * Every element of c [m, n] is ((0 + a₀·b₀) + a₁·b₁) + … in ascending k, each product and each sum rounded once, in every form and on every
 * path. So no bit depends on how rows or columns are divided among calls or threads. Error ≤ k·u / (1 - k·u) · Σ|a|·|b| with u = 2⁻²⁴
 * (Higham, Accuracy and Stability of Numerical Algorithms, §3.1).
 *
 * Loops: for every 256 of k, for every 64 rows, pack the rows (64 KB); then for every 16 columns, pack a panel of b (16 KB, for L1) and go
 * down the rows with a tile of 2 × 16 sums, which with their operands just fit 16 registers. After Goto and van de Geijn, Anatomy of
 * High-Performance Matrix Multiplication (2008), with the inner two loops exchanged, so that b is never held packed as a whole.
 *
 * What each part earns, Node 20, one thread of a Zen 5 core, which without fused multiply-add ends near 64 GFLOP/s:
 *   packed tiles                                52 to 57 GFLOP/s from 64³ to 1024³ in all forms
 *   the first tile packs b while it computes    NN 4×512×784 from 34 to 47 GFLOP/s, 20×512×784 from 51 to 55
 *   64 rows, not 256, between sweeps over c     TN 1024×1024×4 from 360 to 230 µs, since they touch fewer pages of c
 *   one row streams over b unpacked             NN 1×512×784 from 43 to 80 GB/s, 1×1024×1024 from 26 to 65
 *   outer products write c row by row           TN 784×512×1 from 38 to 28 µs, 1024×1024×1 from 240 to 70
 */
import { packColumns, packRows } from "./pack";
import { copyTile, madd, PAIR, PANEL, packingTile, tiles } from "./tile";
import { packWindowColumns, packWindowRows, WINDOW_SCRATCH } from "./window";

/** Bits of a form: b is transposed, a is transposed, an operand is a walk. */
const BT: i32 = 1;
const AT: i32 = 2;
const WALKS: i32 = 4;
const BLOCK_M: i32 = 64;
const BLOCK_K: i32 = 256;
/** Where a panel and the packed rows start in the scratch; before them lies one tile. */
const AT_PANEL: usize = PAIR * PANEL * 4;
const AT_PAIRS: usize = AT_PANEL + BLOCK_K * PANEL * 4;

/** Bytes of `scratch` that a product needs, at most 82,048, and 10,752 more for walks. */
export function matmulScratch(form: i32, m: i32, _n: i32, k: i32): i32 {
  if (streams(form, m, k)) return 0;
  return <i32>AT_PAIRS + pairBytes(m, k) + (form & WALKS ? <i32>WINDOW_SCRATCH : 0);
}

/** Writes op(a) · op(b) to `c`, which overlaps neither operand. Nothing outside c's m rows of n elements and the scratch is written. */
export function matmul(
  form: i32,
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  lda: i32,
  b: usize,
  ldb: i32,
  c: usize,
  ldc: i32,
  scratch: usize,
): void {
  multiply(form, m, n, k, a, lda, 0, b, ldb, 0, c, ldc, scratch);
}

/** The same with operands that are walks from `a` and `b` on, unless `aWalk` or `bWalk` is 0; the columns of b are `ldb` apart or, in form NN, neighbours. */
export function multiply(
  form: i32,
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  lda: i32,
  aWalk: usize,
  b: usize,
  ldb: i32,
  bWalk: usize,
  c: usize,
  ldc: i32,
  scratch: usize,
): void {
  const aAlong: usize = form & AT ? (<usize>lda) << 2 : 4;
  const aAcross: usize = form & AT ? 4 : (<usize>lda) << 2;
  const bAlong: usize = form & BT ? 4 : (<usize>ldb) << 2;
  const bAcross: usize = form & BT ? (<usize>ldb) << 2 : 4;
  const cStep = (<usize>ldc) << 2;
  if (streams(form, m, k)) {
    for (let i = 0; i < m; i++) {
      if (k > 0) streamRow(n, k, a, aAlong, b, bAlong, c);
      else memory.fill(c, 0, (<usize>n) << 2);
      a += aAcross;
      c += cStep;
    }
    return;
  }
  const stepM = evenly(m, BLOCK_M);
  const stepK = evenly(k, BLOCK_K);
  const pairs = scratch + AT_PAIRS;
  const tables = pairs + pairBytes(m, k);
  for (let p = 0; p < k; p += stepK) {
    const depth = min(stepK, k - p);
    for (let i = 0; i < m; i += stepM) {
      const rows = min(stepM, m - i);
      if (aWalk == 0) packRows(rows, depth, a + <usize>i * aAcross + <usize>p * aAlong, aAlong, aAcross, pairs);
      else packWindowRows(aWalk, a, i, rows, p, depth, pairs, tables);
      multiplyRows(rows, n, p, depth, b, bAlong, bAcross, bWalk, c + <usize>i * cStep, cStep, scratch, tables);
    }
  }
}

/** Whether nothing is used twice, so that packing cannot pay: b if c is one row, a row of c if the sums have one term. */
function streams(form: i32, m: i32, k: i32): bool {
  return k == 0 || ((form & (BT | WALKS)) == 0 && (m == 1 || k == 1));
}

/** Bytes of a block of packed rows. */
function pairBytes(m: i32, k: i32): i32 {
  return ((evenly(m, BLOCK_M) + 1) / PAIR) * PAIR * evenly(k, BLOCK_K) * 4;
}

/** Length of the parts, at most `limit` and as equal as can be, that make up `extent`. */
function evenly(extent: i32, limit: i32): i32 {
  const parts = max((extent + limit - 1) / limit, 1);
  return (extent + parts - 1) / parts;
}

/** c (+)= packed rows [rows, depth] · rows `p` … of b [depth, n], panel by panel; from p > 0 on c holds the sums so far. */
function multiplyRows(
  rows: i32,
  n: i32,
  p: i32,
  depth: i32,
  b: usize,
  bAlong: usize,
  bAcross: usize,
  bWalk: usize,
  c: usize,
  cStep: usize,
  scratch: usize,
  tables: usize,
): void {
  const panel = scratch + AT_PANEL;
  const pairStep = (<usize>depth) << 3;
  const resume = p > 0;
  if (bWalk == 0) b += <usize>p * bAlong;
  for (let j = 0; j < n; j += PANEL) {
    const columns = min(PANEL, n - j);
    let pair = scratch + AT_PAIRS;
    let row = c;
    let left = rows;
    if (bWalk != 0) packWindowColumns(bWalk, b, p, depth, columns, bAcross, panel, tables);
    else if (columns < PANEL || bAcross != 4 || rows == 1) packColumns(columns, depth, b, bAlong, bAcross, panel);
    else {
      packingTile(depth, pair, b, bAlong, panel, row, cStep, resume);
      pair += pairStep;
      row += cStep << 1;
      left -= PAIR;
    }
    if (columns == PANEL) {
      const whole = left >> 1;
      tiles(whole, depth, pair, panel, row, cStep, resume);
      pair += <usize>whole * pairStep;
      row += <usize>whole * (cStep << 1);
      left -= whole << 1;
    }
    for (; left > 0; left -= PAIR) {
      if (resume) copyTile(min(left, PAIR), columns, row, cStep, scratch, 64);
      tiles(1, depth, pair, panel, scratch, 64, resume);
      copyTile(min(left, PAIR), columns, scratch, 64, row, cStep);
      pair += pairStep;
      row += cStep << 1;
    }
    b += bAcross << 4;
    c += 64;
  }
}

/** One row of c while b goes by once: the first row of b begins it, then four rows at a time are added. */
function streamRow(n: i32, k: i32, a: usize, aAlong: usize, b: usize, bAlong: usize, c: usize): void {
  outerRow(n, a, b, c);
  for (let p = (k - 1) & 3; p > 0; p--) {
    a += aAlong;
    b += bAlong;
    addRow(n, a, b, c);
  }
  a += aAlong;
  b += bAlong;
  const end = c + ((<usize>n) << 2);
  const end8 = c + ((<usize>(n & ~7)) << 2);
  for (let p = (k - 1) >> 2; p > 0; p--, a += aAlong * 4) {
    const a0 = v128.load32_splat(a);
    const a1 = v128.load32_splat(a + aAlong);
    const a2 = v128.load32_splat(a + aAlong * 2);
    const a3 = v128.load32_splat(a + aAlong * 3);
    let x = b;
    let y = c;
    for (; y < end8; y += 32) {
      let c0 = madd(v128.load(y), a0, v128.load(x));
      let c1 = madd(v128.load(y, 16), a0, v128.load(x, 16));
      c0 = madd(c0, a1, v128.load(x + bAlong));
      c1 = madd(c1, a1, v128.load(x + bAlong, 16));
      c0 = madd(c0, a2, v128.load(x + bAlong * 2));
      c1 = madd(c1, a2, v128.load(x + bAlong * 2, 16));
      c0 = madd(c0, a3, v128.load(x + bAlong * 3));
      c1 = madd(c1, a3, v128.load(x + bAlong * 3, 16));
      v128.store(y, c0);
      v128.store(y, c1, 16);
      x += 32;
    }
    for (; y < end; y += 4) {
      let sum = load<f32>(y) + load<f32>(a) * load<f32>(x);
      sum += load<f32>(a + aAlong) * load<f32>(x + bAlong);
      sum += load<f32>(a + aAlong * 2) * load<f32>(x + bAlong * 2);
      sum += load<f32>(a + aAlong * 3) * load<f32>(x + bAlong * 3);
      store<f32>(y, sum);
      x += 4;
    }
    b += bAlong << 2;
  }
}

/** c = 0 + a₀ · b over one row; adding the zero makes -0 the +0 of every other path. */
function outerRow(n: i32, a: usize, b: usize, c: usize): void {
  const end = c + ((<usize>n) << 2);
  const end8 = c + ((<usize>(n & ~7)) << 2);
  const zero = f32x4.splat(0);
  const a0 = v128.load32_splat(a);
  for (; c < end8; c += 32) {
    v128.store(c, madd(zero, a0, v128.load(b)));
    v128.store(c, madd(zero, a0, v128.load(b, 16)), 16);
    b += 32;
  }
  for (; c < end; c += 4) {
    store<f32>(c, <f32>0 + load<f32>(a) * load<f32>(b));
    b += 4;
  }
}

/** c += a₀ · b over one row. */
function addRow(n: i32, a: usize, b: usize, c: usize): void {
  const end = c + ((<usize>n) << 2);
  const end4 = c + ((<usize>(n & ~3)) << 2);
  const a0 = v128.load32_splat(a);
  for (; c < end4; c += 16) {
    v128.store(c, madd(v128.load(c), a0, v128.load(b)));
    b += 16;
  }
  for (; c < end; c += 4) {
    store<f32>(c, load<f32>(c) + load<f32>(a) * load<f32>(b));
    b += 4;
  }
}
