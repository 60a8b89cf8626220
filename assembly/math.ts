/**
 * Elementary functions with the same bits on every engine: no host import, one fixed order of operations.
 *
 * f32, four lanes (`exp4`, `log4`, `tanh4`, `sin4`, `cos4`) and one (`exp` …). The scalar forms are lane 0 of the vector forms: the same
 * bits. `shaders/math.wgsl` holds the same operations in the same order. f64 scalars (`exp64`, `log64`, `cosPi64`) serve schedules and
 * optimizer scalars, with `pow64` the draws of a replay memory.
 *
 * Largest error, measured, in units in the last place:
 *   exp 1.0, results below 2^-126 are 0 · log 0.9 on every positive number, the subnormal ones included · tanh 1.4
 *   sin, cos 1.6 for |x| ≤ π; absolute 8e-8 for |x| ≤ 12800 and 1e-6 for |x| ≤ 1e5; the digits fade beyond, |result| stays within 1
 *   exp64 1.6, results below 2^-1022 are 0 · log64 0.8 · cosPi64 1.6 · pow64 2 + 2.6 |y log x|
 * NaN gives NaN; so do log of a negative number and sin, cos of an infinity; log(±0) = -∞.
 *
 * Sources: polynomials of S. Moshier's Cephes (expf, logf, tanhf, sinf, cosf, exp) and of FDLIBM (log, kernel sin and cos), with
 * Cody–Waite reduction. The reduction rounds with floor and adds no magic constant, which a compiler that reassociates would cancel.
 */

const SIGN: i32 = 1 << 31;
const INFINITY: i32 = 0x7f800000;
const PI: f64 = 3.14159265358979323846;

/** e^x in [-87.33654, 88.72283], where adding to the exponent field neither overflows nor leaves the normal numbers. */
function expNormal(x: v128): v128 {
  const n = f32x4.floor(f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504088896341)), f32x4.splat(0.5)));
  const r = f32x4.add(f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375))), f32x4.mul(n, f32x4.splat(2.1219444e-4)));
  let p = f32x4.add(f32x4.mul(f32x4.splat(1.98756915e-4), r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  const y = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1));
  return i32x4.add(y, i32x4.shl(i32x4.trunc_sat_f32x4_s(n), 23));
}

/** e^x. */
export function exp4(x: v128): v128 {
  const y = v128.andnot(expNormal(x), f32x4.lt(x, f32x4.splat(-87.33654)));
  return v128.bitselect(i32x4.splat(INFINITY), y, f32x4.gt(x, f32x4.splat(88.72283)));
}

/** Natural logarithm. */
export function log4(x: v128): v128 {
  // A subnormal's bits, read as an integer, are x·2^149 exactly: no subnormal arithmetic, which a GPU may flush.
  const small = i32x4.lt_s(x, i32x4.splat(0x00800000));
  const bits = v128.bitselect(f32x4.convert_i32x4_s(x), x, small);
  // The mantissa m is brought to [√½, √2): 0x3f3504f3 is √½.
  const shifted = i32x4.sub(bits, i32x4.splat(0x3f3504f3));
  const exponent = i32x4.sub(i32x4.shr_s(shifted, 23), v128.and(small, i32x4.splat(149)));
  const e = f32x4.convert_i32x4_s(exponent);
  const m = i32x4.add(v128.and(shifted, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3));
  const f = f32x4.sub(m, f32x4.splat(1));
  const z = f32x4.mul(f, f);
  let p = f32x4.add(f32x4.mul(f32x4.splat(7.0376836292e-2), f), f32x4.splat(-1.151461031e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.167699874e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-1.2420140846e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.4249322787e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-1.6668057665e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(2.0000714765e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-2.4999993993e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(3.3333331174e-1));
  let y = f32x4.mul(f32x4.mul(p, f), z);
  y = f32x4.sub(y, f32x4.mul(e, f32x4.splat(2.1219444e-4)));
  y = f32x4.sub(y, f32x4.mul(z, f32x4.splat(0.5)));
  y = f32x4.add(f32x4.add(f, y), f32x4.mul(e, f32x4.splat(0.693359375)));
  y = v128.bitselect(x, y, i32x4.ge_s(x, i32x4.splat(INFINITY)));
  y = v128.bitselect(i32x4.splat(0x7fc00000), y, i32x4.lt_s(x, i32x4.splat(0)));
  return v128.bitselect(i32x4.splat(INFINITY | SIGN), y, f32x4.eq(x, f32x4.splat(0)));
}

/** Hyperbolic tangent. */
export function tanh4(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(SIGN));
  const a = v128.andnot(x, i32x4.splat(SIGN));
  const z = f32x4.mul(a, a);
  let p = f32x4.add(f32x4.mul(f32x4.splat(-5.70498872745e-3), z), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.33332819422e-1));
  const near = f32x4.add(f32x4.mul(f32x4.mul(p, z), a), a);
  // From 9.02 on the result rounds to 1; the bound keeps e^2a finite.
  const b = f32x4.min(a, f32x4.splat(10));
  const far = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(expNormal(f32x4.add(b, b)), f32x4.splat(1))));
  return v128.or(v128.bitselect(near, far, f32x4.lt(a, f32x4.splat(0.625))), sign);
}

/** Sine of x + quarter·π/2. */
function wave(x: v128, quarter: i32): v128 {
  const n = f32x4.floor(f32x4.add(f32x4.mul(x, f32x4.splat(0.636619772367581343)), f32x4.splat(0.5)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(1.5703125)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(4.837512969970703125e-4)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(7.54978995489188216e-8)));
  r = f32x4.max(f32x4.min(r, f32x4.splat(1)), f32x4.splat(-1));
  const z = f32x4.mul(r, r);
  let s = f32x4.add(f32x4.mul(f32x4.splat(-1.9515295891e-4), z), f32x4.splat(8.3321608736e-3));
  s = f32x4.add(f32x4.mul(s, z), f32x4.splat(-1.6666654611e-1));
  s = f32x4.add(f32x4.mul(f32x4.mul(s, z), r), r);
  let c = f32x4.add(f32x4.mul(f32x4.splat(2.443315711809948e-5), z), f32x4.splat(-1.388731625493765e-3));
  c = f32x4.add(f32x4.mul(c, z), f32x4.splat(4.166664568298827e-2));
  c = f32x4.add(f32x4.sub(f32x4.mul(f32x4.mul(c, z), z), f32x4.mul(z, f32x4.splat(0.5))), f32x4.splat(1));
  const q = i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(quarter));
  const y = v128.bitselect(c, s, i32x4.ne(v128.and(q, i32x4.splat(1)), i32x4.splat(0)));
  return v128.xor(y, i32x4.shl(v128.and(q, i32x4.splat(2)), 30));
}

/** Sine, x in radians. */
export function sin4(x: v128): v128 {
  return wave(x, 0);
}

/** Cosine, x in radians. */
export function cos4(x: v128): v128 {
  return wave(x, 1);
}

/** e^x. */
export function exp(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** Natural logarithm. */
export function log(x: f32): f32 {
  return f32x4.extract_lane(log4(f32x4.splat(x)), 0);
}

/** Hyperbolic tangent. */
export function tanh(x: f32): f32 {
  return f32x4.extract_lane(tanh4(f32x4.splat(x)), 0);
}

/** Sine, x in radians. */
export function sin(x: f32): f32 {
  return f32x4.extract_lane(sin4(f32x4.splat(x)), 0);
}

/** Cosine, x in radians. */
export function cos(x: f32): f32 {
  return f32x4.extract_lane(cos4(f32x4.splat(x)), 0);
}

/** e^x. */
export function exp64(x: f64): f64 {
  if (x != x) return x;
  if (x < -708.3964185322641) return 0;
  if (x > 709.782712893384) return f64.reinterpret_i64(0x7ff0000000000000);
  const n = f64.floor(x * 1.4426950408889634074 + 0.5);
  const r = x - n * 0.693145751953125 - n * 1.42860682030941723212e-6;
  const z = r * r;
  const p = r * ((1.26177193074810590878e-4 * z + 3.029944077074419613e-2) * z + 0.99999999999999999991);
  const q = ((3.00198505138664455042e-6 * z + 2.52448340349684104192e-3) * z + 0.227265548208155028766) * z + 2;
  return f64.reinterpret_i64(i64.reinterpret_f64(1 + (2 * p) / (q - p)) + ((<i64>n) << 52));
}

/** Natural logarithm. */
export function log64(x: f64): f64 {
  if (x == 0) return f64.reinterpret_i64(0xfff0000000000000);
  if (x < 0) return f64.reinterpret_i64(0x7ff8000000000000);
  if (!(x < f64.reinterpret_i64(0x7ff0000000000000))) return x;
  const small = x < f64.MIN_NORMAL_VALUE;
  // 0x3fe6a09e00000000 is √½: the mantissa is brought to [√½, √2).
  const shifted = i64.reinterpret_f64(small ? x * 18014398509481984 : x) - 0x3fe6a09e00000000;
  const k = <f64>((shifted >> 52) - (small ? 54 : 0));
  const f = f64.reinterpret_i64((shifted & 0x000fffffffffffff) + 0x3fe6a09e00000000) - 1;
  const h = 0.5 * f * f;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332));
  const odd = z * (0.666666666666673513 + w * (0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591)));
  return s * (h + even + odd) + k * 1.90821492927058770002e-10 - h + f + k * 6.9314718036912381649e-1;
}

/** x^y for x ≥ 0; exact for y = 0 and y = 1. */
export function pow64(x: f64, y: f64): f64 {
  if (y == 0) return 1;
  return y == 1 ? x : exp64(y * log64(x));
}

/** cos(πu). */
export function cosPi64(u: f64): f64 {
  const turn = f64.abs(u - 2 * f64.nearest(0.5 * u));
  if (turn <= 0.25) return kernelCos(PI * turn);
  return turn < 0.75 ? kernelSin(PI * (0.5 - turn)) : -kernelCos(PI * (1 - turn));
}

function kernelSin(x: f64): f64 {
  const z = x * x;
  const low = 8.33333333332248946124e-3 + z * (-1.98412698298579493134e-4 + z * 2.75573137070700676789e-6);
  const p = low + z * z * z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10);
  return x + z * x * (-1.66666666666666324348e-1 + z * p);
}

function kernelCos(x: f64): f64 {
  const z = x * x;
  const w = z * z;
  const low = z * (4.16666666666666019037e-2 + z * (-1.38888888888741095749e-3 + z * 2.48015872894767294178e-5));
  const p = low + w * w * (-2.75573143513906633035e-7 + z * (2.0875723212981748279e-9 + z * -1.13596475577881948265e-11));
  const h = 0.5 * z;
  const head = 1 - h;
  return head + (1 - head - h + z * p);
}
