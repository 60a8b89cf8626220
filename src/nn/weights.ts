import { checkChoice, checkKeys, fail, nearestName } from "../errors.ts";
import { denseStrides, type Shape, sameShape, showShape, sizeOf } from "../program/shape.ts";
import { readable, type WeightDtype, written } from "./dtypes.ts";

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

/** Options of {@link storeWeights}. */
export interface StoreOptions {
  /** F16 and BF16 round to the nearest, ties to even; I8 and U8 take whole numbers that they have. Default F32. */
  readonly dtype?: WeightDtype;
  /** Maps a parameter's path to where it is put, such that {@link loadWeights} finds it there by the same map. Default: its path. */
  readonly map?: (path: string, shape: Shape) => WeightSource;
  /** Whether NaN and infinities are let pass. Default false. */
  readonly allowNonFinite?: boolean;
}

/**
 * Returns the numbers of every parameter by path, from the tensors of a file.
 * @param shapes shapes of the parameters by path, as {@link define} lists them
 * @throws E_SHAPE on a missing, extra or misshapen tensor; E_UNSUPPORTED on its dtype; E_NONFINITE; E_CONFIG
 */
export function loadWeights(
  shapes: ReadonlyMap<string, Shape>,
  tensors: ReadonlyMap<string, StoredWeights>,
  options: LoadOptions = {},
): Map<string, Float32Array> {
  checkKeys("nn.loadWeights", options, ["map", "allowExtra", "allowNonFinite"]);
  const { map = (path) => path, allowExtra = false, allowNonFinite = false } = options;
  const unused = new Set(tensors.keys());
  const loaded = new Map<string, Float32Array>();
  for (const [path, shape] of shapes) {
    const { name, as, permute } = sourceOf(map(path, shape));
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
    checkOrder(path, permute, seen.length);
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

/**
 * Returns tensors of a file, the numbers of parameters by path put where {@link loadWeights} finds them.
 * @throws E_DATA on a number that the dtype has not, or two parameters in one place; E_SHAPE E_CONFIG on a map that does not fit; E_NONFINITE
 */
export function storeWeights(
  weights: ReadonlyMap<string, { readonly shape: Shape; readonly data: Float32Array }>,
  options: StoreOptions = {},
): Map<string, StoredWeights & { readonly dtype: WeightDtype }> {
  checkKeys("nn.storeWeights", options, ["dtype", "map", "allowNonFinite"]);
  const dtype = checkChoice("nn.storeWeights", "dtype", options.dtype ?? "F32", Object.keys(written) as WeightDtype[]);
  const { map = (path) => path, allowNonFinite = false } = options;
  const stored = new Map<string, StoredWeights & { readonly dtype: WeightDtype }>();
  for (const [path, { shape, data }] of weights) {
    const { name, as, permute } = sourceOf(map(path, shape));
    checkOrder(path, permute, (as ?? shape).length);
    if (stored.has(name)) fail("E_DATA", `weights: "${path}" has another's place; expected a name of its own, got "${name}"`);
    if (!allowNonFinite) checkFinite(data, name);
    const back = permute?.map((_, d) => permute.indexOf(d));
    const seen = as ?? back?.map((d) => shape[d] as number) ?? shape;
    if (sizeOf(seen) !== sizeOf(shape)) {
      fail("E_SHAPE", `weights: "${path}" does not fit the map; expected dims of ${showShape(shape)}, got ${showShape(seen)}`, {
        context: { path, name },
      });
    }
    const ordered = permute?.map((d) => seen[d] as number) ?? shape;
    stored.set(name, { dtype, shape: seen, data: encodeWeights(back === undefined ? data : permuted(data, ordered, back), dtype, name) });
  }
  return stored;
}

const sourceOf = (source: WeightSource): Exclude<WeightSource, string> => (typeof source === "string" ? { name: source } : source);

/** Refuses an order that does not name each of `rank` dims once. @throws E_CONFIG */
function checkOrder(path: string, order: readonly number[] | undefined, rank: number): void {
  if (order === undefined || (order.length === rank && order.every((_, d) => order.includes(d)))) return;
  const expected = `each dim from 0 to ${rank - 1} once`;
  fail("E_CONFIG", `weights: the map orders the dims of "${path}" wrongly; expected ${expected}, got [${order.join(", ")}]`, {
    hint: "Where one side has finer dims than the other, the map says them in `as`.",
    context: { path },
  });
}

function encodeWeights(values: Float32Array, dtype: WeightDtype, name: string): Uint8Array {
  const { bytes, read, write } = written[dtype];
  const data = new Uint8Array(bytes * values.length);
  const view = new DataView(data.buffer);
  for (const [i, value] of values.entries()) {
    write(view, i * bytes, value);
    const kept = read(view, i * bytes);
    if (bytes === 1 ? kept === value : Number.isFinite(kept) || !Number.isFinite(value)) continue;
    fail("E_DATA", `weights: tensor "${name}" does not fit ${dtype}; expected numbers that ${dtype} has, got ${value} at element ${i}`, {
      hint: "Write it in F32.",
      context: { name, element: i },
    });
  }
  return data;
}

/** Returns the elements of a stored tensor as f32. @throws E_UNSUPPORTED naming the dtypes there are; E_SHAPE when they are not all there */
function decodeWeights({ dtype, shape, data }: StoredWeights, name: string): Float32Array {
  const reader = Object.hasOwn(readable, dtype) ? readable[dtype] : undefined;
  if (reader === undefined) {
    fail(
      "E_UNSUPPORTED",
      `weights: tensor "${name}" has dtype ${dtype}; expected one of ${Object.keys(readable).join(", ")}, got ${dtype}`,
    );
  }
  const expected = sizeOf(shape) * reader.bytes;
  if (data.byteLength !== expected)
    fail(
      "E_SHAPE",
      `weights: tensor "${name}" is not whole; expected ${expected} bytes of ${dtype} ${showShape(shape)}, got ${data.byteLength}`,
    );
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
