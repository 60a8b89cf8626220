/**
 * e^x, ln x and x^y with the same bits on every engine, which the host's own lack: the operations of `exp64` and `log64` of `assembly/math.ts`,
 * in their order (Cephes; FDLIBM). Errors 1.6 and 0.8 units in the last place; results of exp below 2^-1022 are 0.
 */

const word = new DataView(new ArrayBuffer(8));

/** Returns e^x. */
export function exp(x: number): number {
  if (x < -708.3964185322641) return 0;
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (Number.isNaN(x)) return x;
  const n = Math.floor(x * Math.LOG2E + 0.5);
  const r = x - n * 0.693145751953125 - n * 1.4286068203094173e-6;
  const z = r * r;
  const p = r * ((1.2617719307481058e-4 * z + 3.0299440770744195e-2) * z + 1);
  const q = ((3.0019850513866446e-6 * z + 2.524483403496841e-3) * z + 0.22726554820815503) * z + 2;
  word.setFloat64(0, 1 + (2 * p) / (q - p));
  word.setUint32(0, word.getUint32(0) + n * 2 ** 20);
  return word.getFloat64(0);
}

/** Returns the natural logarithm. */
export function ln(x: number): number {
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (!(x > 0 && x < Number.POSITIVE_INFINITY)) return x > 0 ? x : Number.NaN;
  const small = x < 2.2250738585072014e-308;
  word.setFloat64(0, small ? x * 18014398509481984 : x);
  // The mantissa is brought to [√½, √2): 0x3fe6a09e begins √½.
  const shifted = word.getUint32(0) - 0x3fe6a09e;
  const exponent = Math.floor(shifted / 2 ** 20);
  word.setUint32(0, shifted - exponent * 2 ** 20 + 0x3fe6a09e);
  const k = exponent - (small ? 54 : 0);
  const f = word.getFloat64(0) - 1;
  const h = 0.5 * f * f;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const odd = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  return s * (h + even + odd) + k * 1.9082149292705877e-10 - h + f + k * 0.6931471803691238;
}

/** Returns x^y for a positive x; its error grows with |y·ln x|. */
export function power(x: number, y: number): number {
  return exp(y * ln(x));
}
