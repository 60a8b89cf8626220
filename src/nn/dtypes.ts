/** Elements of stored tensors: how each dtype is read as a number, and written where numbers of training are. Little-endian. */

interface Element {
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
  readonly write: (view: DataView, at: number, value: number) => void;
}

/** A dtype that weights are written in. */
export type WeightDtype = "F32" | "F16" | "BF16" | "I8" | "U8";

/** Dtypes that weights are written in. */
export const written: Readonly<Record<WeightDtype, Element>> = {
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true), write: (view, at, value) => view.setFloat32(at, value, true) },
  F16: {
    bytes: 2,
    read: (view, at) => halfToNumber(view.getUint16(at, true)),
    write: (view, at, value) => view.setUint16(at, numberToHalf(value), true),
  },
  BF16: {
    bytes: 2,
    read: (view, at) => bitsToNumber(view.getUint16(at, true) << 16),
    write: (view, at, value) => view.setUint16(at, numberToBrain(value), true),
  },
  I8: { bytes: 1, read: (view, at) => view.getInt8(at), write: (view, at, value) => view.setInt8(at, value) },
  U8: { bytes: 1, read: (view, at) => view.getUint8(at), write: (view, at, value) => view.setUint8(at, value) },
};

/** Dtypes that weights are read from. */
export const readable: Readonly<Record<string, Omit<Element, "write">>> = {
  ...written,
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  U32: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
};

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The nearest half, ties to even; from 65520 on infinity. */
function numberToHalf(value: number): number {
  const bits = numberToBits(value);
  const sign = (bits >>> 16) & 0x8000;
  if (Number.isNaN(value)) return 0x7e00;
  if (Math.abs(value) >= 65520) return sign | 0x7c00;
  // Halves of one exponent are whole multiples of 2^(exponent − 10); one that rounds up to 2048 of them is the next exponent's first.
  const exponent = Math.max(((bits >>> 23) & 255) - 127, -14);
  return sign | (((exponent + 14) << 10) + toEven(Math.abs(value) / 2 ** (exponent - 10)));
}

function toEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** The nearest bfloat16, the upper half of an f32, ties to even. */
function numberToBrain(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  const bits = numberToBits(value);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function bitsToNumber(bits: number): number {
  return new Float32Array(Int32Array.of(bits).buffer)[0] as number;
}

function numberToBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}
