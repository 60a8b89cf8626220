/**
 * Philox4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as easy as 1, 2, 3"): counter-based random bits, those of `src/random.ts`
 * and `shaders/random.wgsl`.
 *
 * Element e of a random tensor at training step s is word e mod 4 of the block at counter (⌊e/4⌋, 0, s low, s high).
 * Word p of a sequential stream is word p mod 4 of the block at counter (⌊p/4⌋ low, ⌊p/4⌋ high, 0, 0).
 */

const M0: u32 = 0xd2511f53;
const M1: u32 = 0xcd9e8d57;
const W0: u32 = 0x9e3779b9;
const W1: u32 = 0xbb67ae85;

/** Word `index` (0 … 3) of the block at counter (c0, c1, c2, c3) under key (k0, k1). */
export function philox(c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32, index: u32): u32 {
  for (let round = 0; round < 10; round++) {
    const p0 = <u64>M0 * c0;
    const p1 = <u64>M1 * c2;
    c0 = <u32>(p1 >> 32) ^ c1 ^ k0;
    c1 = <u32>p1;
    c2 = <u32>(p0 >> 32) ^ c3 ^ k1;
    c3 = <u32>p0;
    k0 += W0;
    k1 += W1;
  }
  return index < 2 ? (index == 0 ? c0 : c1) : index == 2 ? c2 : c3;
}

/** Writes the bits of elements `first` … `first + n - 1` to out `[n]` (u32), at the step whose halves are (step0, step1). */
export function fillBits(out: usize, n: i32, first: u32, key0: u32, key1: u32, step0: u32, step1: u32): void {
  let i = 0;
  for (; i < n && ((first + i) & 3) != 0; i++) fillOne(out, i, first, key0, key1, step0, step1);
  for (; i + 16 <= n; i += 16) fillSixteen(out + ((<usize>i) << 2), (first + i) >> 2, key0, key1, step0, step1);
  for (; i < n; i++) fillOne(out, i, first, key0, key1, step0, step1);
}

function fillOne(out: usize, i: i32, first: u32, key0: u32, key1: u32, step0: u32, step1: u32): void {
  const element = first + i;
  store<u32>(out + ((<usize>i) << 2), philox(element >> 2, 0, step0, step1, key0, key1, element & 3));
}

/** Four blocks at once, one per lane, transposed into the order of their elements. */
function fillSixteen(out: usize, block: u32, key0: u32, key1: u32, step0: u32, step1: u32): void {
  const m0 = i32x4.splat(M0);
  const m1 = i32x4.splat(M1);
  let c0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let c1 = i32x4.splat(0);
  let c2 = i32x4.splat(step0);
  let c3 = i32x4.splat(step1);
  for (let round = 0; round < 10; round++) {
    const low0 = i64x2.extmul_low_i32x4_u(c0, m0);
    const high0 = i64x2.extmul_high_i32x4_u(c0, m0);
    const low1 = i64x2.extmul_low_i32x4_u(c2, m1);
    const high1 = i64x2.extmul_high_i32x4_u(c2, m1);
    c0 = v128.xor(v128.xor(v128.shuffle<i32>(low1, high1, 1, 3, 5, 7), c1), i32x4.splat(key0));
    c1 = v128.shuffle<i32>(low1, high1, 0, 2, 4, 6);
    c2 = v128.xor(v128.xor(v128.shuffle<i32>(low0, high0, 1, 3, 5, 7), c3), i32x4.splat(key1));
    c3 = v128.shuffle<i32>(low0, high0, 0, 2, 4, 6);
    key0 += W0;
    key1 += W1;
  }
  const a = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5);
  const b = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5);
  const c = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
  const d = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<i64>(a, b, 0, 2));
  v128.store(out, v128.shuffle<i64>(a, b, 1, 3), 16);
  v128.store(out, v128.shuffle<i64>(c, d, 0, 2), 32);
  v128.store(out, v128.shuffle<i64>(c, d, 1, 3), 48);
}
