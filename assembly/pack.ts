/**
 * Packing of matrix operands into the panels the tile of `matmul` reads front to back.
 *
 * Only values move, so packing has no error. Matrices are f32, row-major; leading dimensions count elements. `depth` is the extent along k.
 */

/** Rows of `a` held together in one packed pair. */
export const PAIR: i32 = 2;
/** Columns of `b` held together in one packed panel: one cache line of f32. */
export const PANEL: i32 = 16;

/**
 * Packs `rows` rows of op(a), `depth` deep, as pairs [⌈rows / 2⌉, depth, 2]; a last single row is paired with zeros.
 * `a` is stored [rows, depth], or [depth, rows] if `transposed`.
 */
export function packRows(transposed: bool, rows: i32, depth: i32, a: usize, lda: i32, out: usize): void {
  const along: usize = transposed ? (<usize>lda) << 2 : 4;
  const across: usize = transposed ? 4 : (<usize>lda) << 2;
  for (let i = 0; i < rows; i += PAIR) {
    let x = a + <usize>i * across;
    const paired = i + 1 < rows;
    let p = 0;
    if (paired && !transposed) {
      for (; p + 4 <= depth; p += 4) {
        const upper = v128.load(x);
        const lower = v128.load(x + across);
        v128.store(out, i32x4.shuffle(upper, lower, 0, 4, 1, 5));
        v128.store(out, i32x4.shuffle(upper, lower, 2, 6, 3, 7), 16);
        x += 16;
        out += 32;
      }
    }
    for (; p < depth; p++) {
      store<f32>(out, load<f32>(x));
      store<f32>(out, paired ? load<f32>(x + across) : 0, 4);
      x += along;
      out += 8;
    }
  }
}

/**
 * Packs `columns` ≤ 16 columns of op(b), `depth` deep, as one panel [depth, 16]; missing columns are zeros.
 * `b` is stored [depth, columns], or [columns, depth] if `transposed`.
 */
export function packColumns(transposed: bool, columns: i32, depth: i32, b: usize, ldb: i32, out: usize): void {
  const step = (<usize>ldb) << 2;
  if (columns < PANEL) memory.fill(out, 0, (<usize>depth) << 6);
  let j = 0;
  for (; j + 4 <= columns; j += 4) {
    if (transposed) transposeColumns(depth, b + <usize>j * step, step, out + ((<usize>j) << 2));
    else copyColumns(depth, b + ((<usize>j) << 2), step, out + ((<usize>j) << 2));
  }
  const along: usize = transposed ? 4 : step;
  const across: usize = transposed ? step : 4;
  for (; j < columns; j++) {
    let x = b + <usize>j * across;
    let y = out + ((<usize>j) << 2);
    for (let p = 0; p < depth; p++) {
      store<f32>(y, load<f32>(x));
      x += along;
      y += 64;
    }
  }
}

/** Four columns of a panel from four columns of `b`. */
function copyColumns(depth: i32, b: usize, step: usize, out: usize): void {
  for (let p = 0; p < depth; p++) {
    v128.store(out, v128.load(b));
    b += step;
    out += 64;
  }
}

/** Four columns of a panel from four rows of the transposed `b`. */
function transposeColumns(depth: i32, b: usize, step: usize, out: usize): void {
  const end = b + ((<usize>depth) << 2);
  let x = b;
  for (; x + 16 <= end; x += 16) {
    const r0 = v128.load(x);
    const r1 = v128.load(x + step);
    const r2 = v128.load(x + step * 2);
    const r3 = v128.load(x + step * 3);
    const upper01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
    const lower01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
    const upper23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
    const lower23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
    v128.store(out, i64x2.shuffle(upper01, upper23, 0, 2));
    v128.store(out, i64x2.shuffle(upper01, upper23, 1, 3), 64);
    v128.store(out, i64x2.shuffle(lower01, lower23, 0, 2), 128);
    v128.store(out, i64x2.shuffle(lower01, lower23, 1, 3), 192);
    out += 256;
  }
  for (; x < end; x += 4) {
    store<f32>(out, load<f32>(x));
    store<f32>(out, load<f32>(x + step), 4);
    store<f32>(out, load<f32>(x + step * 2), 8);
    store<f32>(out, load<f32>(x + step * 3), 12);
    out += 64;
  }
}
