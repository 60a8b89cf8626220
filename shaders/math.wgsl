// Elementary functions: the operations of assembly/math.ts, in the same order. On an adapter that neither fuses nor reassociates, bits are
// equal, but for subnormal arguments where it flushes those; elsewhere results agree to a few units in the last place (sin, cos: to 1e-6
// for |x| up to 100).
//
// A compiler may assume that NaN and infinities do not occur. Special cases are therefore decided, last, by integer tests on the words.
// Error bounds and sources: assembly/math.ts.

fn exp_normal(x: f32) -> f32 {
  let n = floor(x * 1.44269504088896341 + 0.5);
  let r = (x - n * 0.693359375) + n * 2.12194440e-4;
  var p = 1.9875691500e-4 * r + 1.3981999507e-3;
  p = p * r + 8.3334519073e-3;
  p = p * r + 4.1665795894e-2;
  p = p * r + 1.6666665459e-1;
  p = p * r + 5.0000001201e-1;
  let y = (p * (r * r) + r) + 1.0;
  return bitcast<f32>(bitcast<i32>(y) + (i32(n) << 23u));
}

/// e^x.
fn p_exp(x: f32) -> f32 {
  var y = bitcast<u32>(exp_normal(clamp(x, -87.33654, 88.72283)));
  y = select(y, 0u, x < -87.33654);
  y = select(y, 0x7f800000u, x > 88.72283);
  return bitcast<f32>(keep_nan(x, y));
}

/// Natural logarithm.
fn p_log(x: f32) -> f32 {
  let word = bitcast<i32>(x);
  let small = word < 0x00800000;
  let shifted = select(word, bitcast<i32>(f32(word)), small) - 0x3f3504f3;
  let e = f32((shifted >> 23u) - select(0, 149, small));
  let f = bitcast<f32>((shifted & 0x007fffff) + 0x3f3504f3) - 1.0;
  let z = f * f;
  var p = 7.0376836292e-2 * f - 1.1514610310e-1;
  p = p * f + 1.1676998740e-1;
  p = p * f - 1.2420140846e-1;
  p = p * f + 1.4249322787e-1;
  p = p * f - 1.6668057665e-1;
  p = p * f + 2.0000714765e-1;
  p = p * f - 2.4999993993e-1;
  p = p * f + 3.3333331174e-1;
  var y = (p * f) * z;
  y = y - e * 2.12194440e-4;
  y = y - z * 0.5;
  var bits = bitcast<i32>((f + y) + e * 0.693359375);
  bits = select(bits, word, word >= 0x7f800000);
  bits = select(bits, 0x7fc00000, word < 0);
  bits = select(bits, -0x00800000, (word & 0x7fffffff) == 0);
  return bitcast<f32>(bits);
}

/// Hyperbolic tangent.
fn p_tanh(x: f32) -> f32 {
  let word = bitcast<u32>(x);
  let a = bitcast<f32>(word & 0x7fffffffu);
  let z = a * a;
  var p = -5.70498872745e-3 * z + 2.06390887954e-2;
  p = p * z - 5.37397155531e-2;
  p = p * z + 1.33314422036e-1;
  p = p * z - 3.33332819422e-1;
  let near = (p * z) * a + a;
  let b = min(a, 10.0);
  let far = 1.0 - 2.0 / (exp_normal(b + b) + 1.0);
  let y = bitcast<u32>(select(far, near, a < 0.625)) | (word & 0x80000000u);
  return bitcast<f32>(keep_nan(x, y));
}

/// Sine, x in radians.
fn p_sin(x: f32) -> f32 {
  return wave(x, 0);
}

/// Cosine, x in radians.
fn p_cos(x: f32) -> f32 {
  return wave(x, 1);
}

fn wave(x: f32, quarter: i32) -> f32 {
  let n = floor(x * 0.636619772367581343 + 0.5);
  var r = x - n * 1.5703125;
  r = r - n * 4.837512969970703125e-4;
  r = r - n * 7.54978995489188216e-8;
  r = max(min(r, 1.0), -1.0);
  let z = r * r;
  var s = -1.9515295891e-4 * z + 8.3321608736e-3;
  s = s * z - 1.6666654611e-1;
  s = (s * z) * r + r;
  var c = 2.443315711809948e-5 * z - 1.388731625493765e-3;
  c = c * z + 4.166664568298827e-2;
  c = ((c * z) * z - z * 0.5) + 1.0;
  let q = i32(n) + quarter;
  var y = bitcast<u32>(select(s, c, (q & 1) != 0)) ^ (bitcast<u32>(q & 2) << 30u);
  y = select(y, 0x7fc00000u, (bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u);
  return bitcast<f32>(y);
}

/// The word of x where x is NaN, else `word`.
fn keep_nan(x: f32, word: u32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(word, bits, (bits & 0x7fffffffu) > 0x7f800000u);
}
