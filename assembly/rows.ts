/**
 * Rows in flat columns: row s of a column begins at its address plus s times its stride, whole words. Gathered rows lie in a row, without gaps.
 * Values are copied or decoded: u8 as value·scale + offset, two roundings in f32; f16 without error. f32 becomes f16 by rounding to nearest,
 * ties to even (IEEE 754, 4.3.1): at most half a unit of the last place.
 */
import { at, at8, DIMS, embedding, IDS, NO_ID, SCORES, section, stored } from "./block";

/** Copies the rows `slots` [n], `bytes` of each, to `out`. */
export function rowsGather(column: usize, stride: usize, bytes: usize, n: u32, slots: usize, out: usize): void {
  // A bulk copy costs a call out of Wasm; most columns are one word.
  if (bytes == 4) {
    for (let i: u32 = 0; i < n; i++) store<u32>(at(out, i), load<u32>(column + stride * load<u32>(at(slots, i))));
    return;
  }
  // Both ends of every row first, so that the misses overlap: 0.11 ms instead of 0.18 for 256 rows of 3136 bytes out of 1.4 GB (V8).
  let touched: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const row = column + stride * load<u32>(at(slots, i));
    touched += load<u8>(row) + load<u8>(row + bytes - 1);
  }
  if (n > 0) store<u8>(out, touched);
  for (let i: u32 = 0; i < n; i++) {
    memory.copy(out, column + stride * load<u32>(at(slots, i)), bytes);
    out += bytes;
  }
}

/** Writes the rows `slots` [n] of `length` u8 as f32 to `out`: value·scale + offset. */
export function rowsScale(column: usize, stride: usize, length: u32, n: u32, slots: usize, scale: f32, offset: f32, out: usize): void {
  const scales = f32x4.splat(scale);
  const offsets = f32x4.splat(offset);
  for (let i: u32 = 0; i < n; i++) {
    const row = column + stride * load<u32>(at(slots, i));
    let k: u32 = 0;
    for (; k + 8 <= length; k += 8) {
      const words = v128.load_ext<u8>(row + k);
      const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(words));
      const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(words));
      v128.store(out, f32x4.add(f32x4.mul(low, scales), offsets));
      v128.store(out, f32x4.add(f32x4.mul(high, scales), offsets), 16);
      out += 32;
    }
    for (; k < length; k++) {
      store<f32>(out, <f32>load<u8>(row + k) * scale + offset);
      out += 4;
    }
  }
}

/** Writes the rows `slots` [n] of `length` f16 as f32 to `out`. */
export function rowsWiden(column: usize, stride: usize, length: u32, n: u32, slots: usize, out: usize): void {
  for (let i: u32 = 0; i < n; i++) {
    const row = column + stride * load<u32>(at(slots, i));
    let k: u32 = 0;
    for (; k + 4 <= length; k += 4) {
      v128.store(out, widen(v128.load_ext<u16>(row + (k << 1))));
      out += 16;
    }
    for (; k < length; k++) {
      store<f32>(out, f32x4.extract_lane(widen(i32x4.splat(load<u16>(row + (k << 1)))), 0));
      out += 4;
    }
  }
}

/** The f32 of four f16, each in the low half of a lane. */
function widen(half: v128): v128 {
  const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
  // Exponent and fraction in the places of f32 are the value times 2^-112, also where it is subnormal.
  const size = f32x4.mul(i32x4.shl(v128.and(half, i32x4.splat(0x7fff)), 13), f32x4.splat(5192296858534827628530496329220096.0));
  const special = i32x4.eq(v128.and(half, i32x4.splat(0x7c00)), i32x4.splat(0x7c00));
  return v128.or(v128.or(sign, size), v128.and(special, i32x4.splat(0x7f800000)));
}

/** Writes `count` f32 as f16 to `out`. */
export function rowsNarrow(values: usize, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) store<u16>(out + ((<usize>i) << 1), narrow(load<u32>(at(values, i))));
}

/** The f16 nearest to the f32 of these bits. */
function narrow(bits: u32): u32 {
  const sign = (bits >> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  // From 65520 on the nearest is infinite; below 2^-14 a sum with 1/2, whose last place is 2^-24, rounds to what f16 has there.
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size < 0x38800000) return sign | (reinterpret<u32>(reinterpret<f32>(size) + <f32>0.5) - 0x3f000000);
  return sign | ((size + 0xfff + ((size >> 13) & 1) - 0x38000000) >> 13);
}

/** Lets rows follow `moves` [n], each two slots, from and to, one after the other; a slot that is left becomes zeros. */
export function rowsFollow(column: usize, stride: usize, n: u32, moves: usize): void {
  for (let i: u32 = 0; i < n; i++) {
    const from = column + stride * load<u32>(at(moves, 2 * i));
    const to = column + stride * load<u32>(at(moves, 2 * i + 1));
    if (from != to) memory.copy(to, from, stride);
    memory.fill(from, 0, stride);
  }
}

/**
 * Writes what a memory, whose slots are first, first + 1, …, knows of those of `slots` [n] that are its own: identities f64 (NaN: none), scores
 * f32, embeddings f32 [n, d]; each to its address unless that is 0.
 */
export function memoryRead(state: usize, first: u32, n: u32, slots: usize, ids: usize, scores: usize, embeddings: usize): void {
  const bytes = (<usize>load<u32>(state, DIMS)) << 2;
  for (let i: u32 = 0; i < n; i++) {
    const slot = load<u32>(at(slots, i)) - first;
    if (slot >= stored(state)) continue;
    if (ids != 0) {
      const id = load<u64>(at8(section(state, IDS), slot));
      store<f64>(at8(ids, i), id == NO_ID ? NaN : <f64>id);
    }
    if (scores != 0) store<f32>(at(scores, i), load<f32>(at(section(state, SCORES), slot)));
    if (embeddings != 0) memory.copy(embeddings + bytes * i, embedding(state, slot), bytes);
  }
}
