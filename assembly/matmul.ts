import { PAIR, PANEL, packColumns, packRows } from "./pack";

const NT: i32 = 1;
const TN: i32 = 2;
const BLOCK: i32 = 256;

/** Bytes of `scratch` that `matmul` needs, at most 278,656. */
export function matmulScratch(form: i32, m: i32, n: i32, k: i32): i32 {
  if (streams(form, m, k)) return 0;
  const pairs = (evenly(m, BLOCK) + 1) / PAIR;
  return (PAIR * PANEL + evenly(k, BLOCK) * (PANEL + PAIR * pairs)) * 4;
}

/** The product; `scratch` is 16-aligned. `c` overlaps neither operand. */
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
  const along: usize = form == TN ? (<usize>lda) << 2 : 4;
  const across: usize = form == TN ? 4 : (<usize>lda) << 2;
  const bStep = (<usize>ldb) << 2;
  const cStep = (<usize>ldc) << 2;
  if (streams(form, m, k)) {
    for (let i = 0; i < m; i++) {
      streamRow(n, k, a, along, b, bStep, c);
      a += across;
      c += cStep;
    }
    return;
  }
  const stepM = evenly(m, BLOCK);
  const stepK = evenly(k, BLOCK);
  const panel = scratch + PAIR * PANEL * 4;
  const pairs = panel + <usize>(stepK * PANEL * 4);
  for (let p = 0; p < k; p += stepK) {
    const depth = min(stepK, k - p);
    for (let i = 0; i < m; i += stepM) {
      const rows = min(stepM, m - i);
      packRows(form == TN, rows, depth, a + <usize>i * across, along, across, pairs)
      multiplyBlock(form == NT, rows, n, depth, pairs, b, bStep, panel, c + <usize>i * cStep, cStep, p > 0, scratch);
    }
    a += <usize>depth * along;
    b += <usize>depth * (form == NT ? 4 : bStep);
  }
}
