/**
 * Whether any number of some f32 arrays is huge (2^63 or more in magnitude, infinite or no number), by its bits: one pass at the speed of
 * memory over what a reduction would pass block by block, operation by operation (235,146 parameters and as many gradients: 160 to 23 µs).
 *
 * Block, i32 words: address of the result (1: one is huge), its bytes (4, or 1 where parts of a search share a u32), arrays, then address and
 * elements of each. The order of the arrays and of their elements decides nothing.
 */

/** Bits of 2^63. */
const HUGE: i32 = 0x5f000000;

export function scan(block: usize): void {
  let found: i32 = 0;
  for (let entry = block + 12, end = entry + ((<usize>load<i32>(block, 8)) << 3); entry < end; entry += 8) {
    found |= i32(largest(<usize>load<i32>(entry), load<i32>(entry, 4)) >= HUGE);
  }
  if (load<i32>(block, 4) == 1) store<u8>(<usize>load<i32>(block), <u8>found);
  else store<i32>(<usize>load<i32>(block), found);
}

/** The bits of the largest magnitude; they order as the numbers do, those that are none last. */
function largest(from: usize, n: i32): i32 {
  const magnitude = i32x4.splat(0x7fffffff);
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = from + ((<usize>n) << 2);
  for (; from + 64 <= end; from += 64) {
    a = i32x4.max_s(a, v128.and(v128.load(from), magnitude));
    b = i32x4.max_s(b, v128.and(v128.load(from, 16), magnitude));
    c = i32x4.max_s(c, v128.and(v128.load(from, 32), magnitude));
    d = i32x4.max_s(d, v128.and(v128.load(from, 48), magnitude));
  }
  a = i32x4.max_s(i32x4.max_s(a, b), i32x4.max_s(c, d));
  let most = max(max(i32x4.extract_lane(a, 0), i32x4.extract_lane(a, 1)), max(i32x4.extract_lane(a, 2), i32x4.extract_lane(a, 3)));
  for (; from < end; from += 4) most = max(most, load<i32>(from) & 0x7fffffff);
  return most;
}
