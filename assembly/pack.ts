/**
 * Packing of f32 matrix operands into what the tile of `matmul` reads front to back. Values only move: no error. What a
 * tile reads and c does not need is zero, since leftovers might be subnormal numbers, which some processors are slow at.
 *
 * `depth` is the extent along k. `along` and `across` are the bytes from one element to the next along k and across it; one of them is 4.
 */
import { PAIR, PANEL } from "./tile";

/** Packs `rows` rows of op(a) [rows, depth] as pairs [⌈rows / 2⌉, depth, 2]; an odd last row is paired with zeros. */
export function packRows(rows: i32, depth: i32, a: usize, along: usize, across: usize, out: usize): void {
  for (let i = 0; i < rows; i += PAIR) {
    const paired = i + 1 < rows;
    let x = a + <usize>i * across;
    let p = 0;
    if (paired && along == 4) {
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

/** Packs `columns` ≤ 16 columns of op(b) [depth, columns] as one panel [depth, 16]; missing columns are zeros. */
export function packColumns(columns: i32, depth: i32, b: usize, along: usize, across: usize, out: usize): void {
  if (columns < PANEL) memory.fill(out, 0, (<usize>depth) << 6);
  let j = 0;
  for (; j + 4 <= columns; j += 4) {
    if (across == 4) copyColumns(depth, b, along, out);
    else transposeColumns(depth, b, across, out);
    b += across << 2;
    out += 16;
  }
  for (; j < columns; j++) {
    let x = b;
    let y = out;
    for (let p = 0; p < depth; p++) {
      store<f32>(y, load<f32>(x));
      x += along;
      y += 64;
    }
    b += across;
    out += 4;
  }
}

/** Four columns of a panel from four columns of a row-major operand. */
function copyColumns(depth: i32, b: usize, along: usize, out: usize): void {
  for (let p = 0; p < depth; p++) {
    v128.store(out, v128.load(b));
    b += along;
    out += 64;
  }
}

/** Four columns of a panel from four rows, `across` bytes apart, of a transposed operand. */
function transposeColumns(depth: i32, b: usize, across: usize, out: usize): void {
  const end = b + ((<usize>depth) << 2);
  for (; b + 16 <= end; b += 16) {
    const r0 = v128.load(b);
    const r1 = v128.load(b + across);
    const r2 = v128.load(b + across * 2);
    const r3 = v128.load(b + across * 3);
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
  for (; b < end; b += 4) {
    store<f32>(out, load<f32>(b));
    store<f32>(out, load<f32>(b + across), 4);
    store<f32>(out, load<f32>(b + across * 2), 8);
    store<f32>(out, load<f32>(b + across * 3), 12);
    out += 64;
  }
}
