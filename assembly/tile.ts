/**
 * The tile of `matmul`: 2 rows by 16 columns of sums of products, held in registers along k.
 *
 * `a` is a packed pair of rows [depth, 2], the panel 16 packed columns of b [depth, 16], c has rows `cStep` bytes apart. With `resume` the
 * sums go on from c, else from zero. Of the tiles 2 × 16, 4 × 8, 6 × 8 and 8 × 8, all the same bits, this and 4 × 8 are the fastest in V8.
 */

/** Rows of c that a tile covers. */
export const PAIR: i32 = 2;
/** Columns of c that a tile covers: 64 bytes, a cache line. */
export const PANEL: i32 = 16;

/** sum + x · y, both rounded; in the fast build, where the engine can, rounded once. */
export function madd(sum: v128, x: v128, y: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(x, y, sum);
  return f32x4.add(sum, f32x4.mul(x, y));
}

/**
 * `count` tiles, one under the other, of as many pairs and one panel. The loop over tiles belongs here because V8 unrolls a loop the more
 * the deeper it lies: 57 GFLOP/s, against 49 with a call for every tile.
 */
export function tiles(count: i32, depth: i32, a: usize, panel: usize, c: usize, cStep: usize, resume: bool): void {
  const pairStep = (<usize>depth) << 3;
  for (; count > 0; count--) {
    const d = c + cStep;
    let c0 = f32x4.splat(0);
    let c1 = c0;
    let c2 = c0;
    let c3 = c0;
    let d0 = c0;
    let d1 = c0;
    let d2 = c0;
    let d3 = c0;
    if (resume) {
      c0 = v128.load(c);
      c1 = v128.load(c, 16);
      c2 = v128.load(c, 32);
      c3 = v128.load(c, 48);
      d0 = v128.load(d);
      d1 = v128.load(d, 16);
      d2 = v128.load(d, 32);
      d3 = v128.load(d, 48);
    }
    const end = a + pairStep;
    let b = panel;
    for (; a < end; a += 8) {
      const x = v128.load32_splat(a);
      const y = v128.load32_splat(a, 4);
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const b2 = v128.load(b, 32);
      const b3 = v128.load(b, 48);
      c0 = madd(c0, x, b0);
      c1 = madd(c1, x, b1);
      c2 = madd(c2, x, b2);
      c3 = madd(c3, x, b3);
      d0 = madd(d0, y, b0);
      d1 = madd(d1, y, b1);
      d2 = madd(d2, y, b2);
      d3 = madd(d3, y, b3);
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

/** The first tile of a panel: takes b where it lies and leaves it packed. */
export function packingTile(depth: i32, a: usize, b: usize, bAlong: usize, panel: usize, c: usize, cStep: usize, resume: bool): void {
  const d = c + cStep;
  let c0 = f32x4.splat(0);
  let c1 = c0;
  let c2 = c0;
  let c3 = c0;
  let d0 = c0;
  let d1 = c0;
  let d2 = c0;
  let d3 = c0;
  if (resume) {
    c0 = v128.load(c);
    c1 = v128.load(c, 16);
    c2 = v128.load(c, 32);
    c3 = v128.load(c, 48);
    d0 = v128.load(d);
    d1 = v128.load(d, 16);
    d2 = v128.load(d, 32);
    d3 = v128.load(d, 48);
  }
  const end = a + ((<usize>depth) << 3);
  for (; a < end; a += 8) {
    const x = v128.load32_splat(a);
    const y = v128.load32_splat(a, 4);
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    v128.store(panel, b0);
    v128.store(panel, b1, 16);
    v128.store(panel, b2, 32);
    v128.store(panel, b3, 48);
    c0 = madd(c0, x, b0);
    c1 = madd(c1, x, b1);
    c2 = madd(c2, x, b2);
    c3 = madd(c3, x, b3);
    d0 = madd(d0, y, b0);
    d1 = madd(d1, y, b1);
    d2 = madd(d2, y, b2);
    d3 = madd(d3, y, b3);
    b += bAlong;
    panel += 64;
  }
  v128.store(c, c0);
  v128.store(c, c1, 16);
  v128.store(c, c2, 32);
  v128.store(c, c3, 48);
  v128.store(d, d0);
  v128.store(d, d1, 16);
  v128.store(d, d2, 32);
  v128.store(d, d3, 48);
}

/** Copies the part of a tile that lies within c. */
export function copyTile(rows: i32, columns: i32, from: usize, fromStep: usize, to: usize, toStep: usize): void {
  const bytes = (<usize>columns) << 2;
  for (; rows > 0; rows--) {
    let x: usize = 0;
    for (; x + 16 <= bytes; x += 16) v128.store(to + x, v128.load(from + x));
    for (; x < bytes; x += 4) store<f32>(to + x, load<f32>(from + x));
    from += fromStep;
    to += toStep;
  }
}
