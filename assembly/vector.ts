/** Rows of f64: sums, multiples and rotations, two lanes at a time in an order that depends on nothing but the length. */

/** Σ x·y over n numbers: eight partial sums of every eighth product, added up in pairs, then the products that are left. */
export function dot(x: usize, y: usize, n: i32): f64 {
  const end = x + ((<usize>n) << 3);
  const end8 = x + ((<usize>(n & ~7)) << 3);
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (; x < end8; x += 64) {
    s0 = f64x2.add(s0, f64x2.mul(v128.load(x), v128.load(y)));
    s1 = f64x2.add(s1, f64x2.mul(v128.load(x, 16), v128.load(y, 16)));
    s2 = f64x2.add(s2, f64x2.mul(v128.load(x, 32), v128.load(y, 32)));
    s3 = f64x2.add(s3, f64x2.mul(v128.load(x, 48), v128.load(y, 48)));
    y += 64;
  }
  s0 = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; x < end; x += 8) {
    sum += load<f64>(x) * load<f64>(y);
    y += 8;
  }
  return sum;
}

/** y += by · x over n numbers. */
export function addTimes(y: usize, by: f64, x: usize, n: i32): void {
  const end = y + ((<usize>n) << 3);
  const end4 = y + ((<usize>(n & ~3)) << 3);
  const b = f64x2.splat(by);
  for (; y < end4; y += 32) {
    v128.store(y, f64x2.add(v128.load(y), f64x2.mul(b, v128.load(x))));
    v128.store(y, f64x2.add(v128.load(y, 16), f64x2.mul(b, v128.load(x, 16))), 16);
    x += 32;
  }
  for (; y < end; y += 8) {
    store<f64>(y, load<f64>(y) + by * load<f64>(x));
    x += 8;
  }
}

/** x /= by over n numbers. */
export function divide(x: usize, by: f64, n: i32): void {
  const end = x + ((<usize>n) << 3);
  const end2 = x + ((<usize>(n & ~1)) << 3);
  const b = f64x2.splat(by);
  for (; x < end2; x += 16) v128.store(x, f64x2.div(v128.load(x), b));
  if (x < end) store<f64>(x, load<f64>(x) / by);
}

/** x, y = c·x - s·y, s·x + c·y over n numbers. */
export function rotate(x: usize, y: usize, c: f64, s: f64, n: i32): void {
  const end = x + ((<usize>n) << 3);
  const end2 = x + ((<usize>(n & ~1)) << 3);
  const cc = f64x2.splat(c);
  const ss = f64x2.splat(s);
  for (; x < end2; x += 16) {
    const a = v128.load(x);
    const b = v128.load(y);
    v128.store(x, f64x2.sub(f64x2.mul(cc, a), f64x2.mul(ss, b)));
    v128.store(y, f64x2.add(f64x2.mul(ss, a), f64x2.mul(cc, b)));
    y += 16;
  }
  if (x < end) {
    const a = load<f64>(x);
    const b = load<f64>(y);
    store<f64>(x, c * a - s * b);
    store<f64>(y, s * a + c * b);
  }
}

/** Exchanges n numbers at x with n at y. */
export function exchange(x: usize, y: usize, n: i32): void {
  for (const end = x + ((<usize>n) << 3); x < end; x += 8) {
    const a = load<f64>(x);
    store<f64>(x, load<f64>(y));
    store<f64>(y, a);
    y += 8;
  }
}

/** Divides n numbers by the power of two under their largest magnitude, and returns it; 1 where all are 0. So squares do not overflow. */
export function normalise(x: usize, n: i32): f64 {
  let largest: f64 = 0;
  for (let i = 0; i < n; i++) largest = max(largest, abs(load<f64>(x + ((<usize>i) << 3))));
  if (largest == 0) return 1;
  const scale = max(reinterpret<f64>(reinterpret<u64>(largest) & 0x7ff0000000000000), 2.2250738585072014e-308);
  divide(x, scale, n);
  return scale;
}

/** out [n × m] = the transpose of a [m × n], in squares of a few cache lines. */
export function transpose(a: usize, m: i32, n: i32, out: usize): void {
  for (let i = 0; i < m; i += 16) {
    const rows = min(i + 16, m);
    for (let j = 0; j < n; j += 16) {
      const columns = min(j + 16, n);
      for (let r = i; r < rows; r++) {
        for (let c = j; c < columns; c++) {
          store<f64>(out + ((<usize>(c * m + r)) << 3), load<f64>(a + ((<usize>(r * n + c)) << 3)));
        }
      }
    }
  }
}
