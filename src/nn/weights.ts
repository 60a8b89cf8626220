import { fail, nearestName } from "../errors.ts";
import { denseStrides, type Shape, sameShape, showShape, sizeOf } from "../program/shape.ts";

/** A tensor as safetensors files hold it. */
export interface StoredWeights {
  readonly dtype: string;
  readonly shape: Shape;
  /** Little-endian elements. */
  readonly data: Uint8Array;
}

/**
 * Where a parameter's numbers are found: a tensor's name; and where the file orders them otherwise, the shape to see it `as` and the order of
 * dims that makes it ours. Torch keeps a linear weight [out, in], so `permute: [1, 0]`, and a convolution's [out, in, height, width], so
 * `permute: [2, 3, 1, 0]`.
 */
export type WeightSource = string | { readonly name: string; readonly as?: Shape; readonly permute?: readonly number[] };

/** Options of {@link loadWeights}. */
export interface LoadOptions {
  /** Maps a parameter's path to where it is found. Default: a tensor of that name. */
  readonly map?: (path: string, shape: Shape) => WeightSource;
  /** Whether tensors that no parameter asks for are let pass. Default false. */
  readonly allowExtra?: boolean;
  /** Whether NaN and infinities are let pass. Default false. */
  readonly allowNonFinite?: boolean;
}

const readers: Readonly<Record<string, { readonly bytes: number; readonly read: (view: DataView, at: number) => number }>> = {
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F16: { bytes: 2, read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  BF16: { bytes: 2, read: (view, at) => bitsToNumber(view.getUint16(at, true) << 16) },
  I8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  U8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  U32: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
};

/**
 * Returns the numbers of every parameter by path, from the tensors of a file.
 * @param shapes shapes of the parameters by path, as {@link define} lists them
 * @throws E_SHAPE on a missing, extra or misshapen tensor; E_UNSUPPORTED on its dtype; E_NONFINITE
 */
export function loadWeights(
  shapes: ReadonlyMap<string, Shape>,
  tensors: ReadonlyMap<string, StoredWeights>,
  options: LoadOptions = {},
): Map<string, Float32Array> {
  const { map = (path) => path, allowExtra = false, allowNonFinite = false } = options;
  const unused = new Set(tensors.keys());
  const loaded = new Map<string, Float32Array>();
  for (const [path, shape] of shapes) {
    const source = map(path, shape);
    const { name, as, permute }: Exclude<WeightSource, string> = typeof source === "string" ? { name: source } : source;
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      const near = nearestName(name, [...tensors.keys()]);
      fail("E_SHAPE", `weights: "${path}" has no tensor; expected "${name}", got none of that name`, {
        hint: near === undefined ? "Map the path to a tensor's name." : `Did you mean "${near}"?`,
        context: { path, name },
      });
    }
    unused.delete(name);
    const seen = as ?? tensor.shape;
    const ordered = permute === undefined ? seen : permute.map((d) => seen[d] as number);
    // What is reordered may keep finer dims than the parameter has.
    const fits =
      as === undefined && permute === undefined
        ? sameShape(ordered, shape)
        : sizeOf(ordered) === sizeOf(shape) && sizeOf(seen) === sizeOf(tensor.shape);
    if (!fits) {
      fail("E_SHAPE", `weights: tensor "${name}" does not fit "${path}"; expected ${showShape(shape)}, got ${showShape(ordered)}`, {
        context: { path, name },
      });
    }
    const values = decodeWeights(tensor, name);
    if (!allowNonFinite) checkFinite(values, name);
    loaded.set(path, permute === undefined ? values : permuted(values, seen, permute));
  }
  const [extra] = unused;
  if (extra !== undefined && !allowExtra) {
    fail("E_SHAPE", `weights: tensor "${extra}" fits no parameter; expected ${shapes.size} tensors, got ${unused.size} more`, {
      hint: "Pass allowExtra: true to leave it out.",
      context: { extra: [...unused] },
    });
  }
  return loaded;
}

/** Returns the elements of a stored tensor as f32. @throws E_UNSUPPORTED naming the dtypes there are */
function decodeWeights({ dtype, data }: StoredWeights, name: string): Float32Array {
  const reader = readers[dtype];
  if (reader === undefined) {
    fail("E_UNSUPPORTED", `weights: tensor "${name}" has dtype ${dtype}; expected one of ${Object.keys(readers).join(", ")}, got ${dtype}`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Float32Array.from({ length: data.byteLength / reader.bytes }, (_, i) => reader.read(view, i * reader.bytes));
}

function checkFinite(values: Float32Array, name: string): void {
  const first = values.findIndex((value) => !Number.isFinite(value));
  if (first < 0) return;
  const count = values.filter((value) => !Number.isFinite(value)).length;
  fail(
    "E_NONFINITE",
    `weights: tensor "${name}" holds ${count} numbers that are not finite; expected none, got ${values[first]} at element ${first}`,
    {
      hint: "Pass allowNonFinite: true to take them as they are.",
      context: { name, count, first },
    },
  );
}

function permuted(values: Float32Array, shape: Shape, order: readonly number[]): Float32Array {
  const strides = denseStrides(shape);
  const to = order.map((d) => shape[d] as number);
  const toStrides = denseStrides(to);
  return values.map((_, i) => {
    let from = 0;
    for (const [d, stride] of toStrides.entries())
      from += (Math.floor(i / stride) % (to[d] as number)) * (strides[order[d] as number] as number);
    return values[from] as number;
  });
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function bitsToNumber(bits: number): number {
  return new Float32Array(Int32Array.of(bits).buffer)[0] as number;
}
