/** IDX, the file format of MNIST: 00 00 type rank, then `rank` big-endian u32 sizes, then big-endian values. */
import { checkKeys, checkNumber, fail } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { checkLabels } from "./dataset.ts";

/** The array types an IDX file may hold. */
export type IdxData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** One IDX file, read. */
export interface Idx {
  /** The name errors call it by. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Values in row-major order; bytes share the file's memory. */
  readonly data: IdxData;
}

const types: Readonly<Record<number, { bytes: number; read: (view: DataView, start: number, count: number) => IdxData }>> = {
  8: { bytes: 1, read: (view, start, count) => new Uint8Array(view.buffer, view.byteOffset + start, count) },
  9: { bytes: 1, read: (view, start, count) => new Int8Array(view.buffer, view.byteOffset + start, count) },
  11: { bytes: 2, read: (view, start, count) => Int16Array.from({ length: count }, (_, i) => view.getInt16(start + 2 * i)) },
  12: { bytes: 4, read: (view, start, count) => Int32Array.from({ length: count }, (_, i) => view.getInt32(start + 4 * i)) },
  13: { bytes: 4, read: (view, start, count) => Float32Array.from({ length: count }, (_, i) => view.getFloat32(start + 4 * i)) },
  14: { bytes: 8, read: (view, start, count) => Float64Array.from({ length: count }, (_, i) => view.getFloat64(start + 8 * i)) },
};

/**
 * Returns the values of an IDX file; `name` is what errors call it. For a compressed file: `readIdx(await gunzip(bytes, name), name)`.
 * @throws E_FORMAT where the bytes are not exactly one IDX file
 */
export function readIdx(bytes: Uint8Array, name: string): Idx {
  const head = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const type = types[bytes[2] ?? 0];
  const rank = bytes[3] ?? 0;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || type === undefined) {
    fail(
      "E_FORMAT",
      `${name}: not an IDX file; expected it to begin with 00 00, a type of 08 09 0b 0c 0d 0e and a rank, got ${head || "no bytes"}`,
      {
        hint: isGzip(bytes) ? "The file is gzip-compressed: decompress it first." : "Check that the path names an IDX file.",
      },
    );
  }
  if (rank === 0) fail("E_FORMAT", `${name}: the file holds no array; expected a rank ≥ 1, got ${head}`);
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    fail("E_FORMAT", `${name}: the header is truncated; expected ${start} bytes for rank ${rank}, got ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  if (shape.includes(0)) fail("E_FORMAT", `${name}: the array is empty; expected sizes ≥ 1, got [${shape.join(", ")}]`);
  const count = shape.reduce((product, size) => product * size, 1);
  const expected = start + count * type.bytes;
  if (bytes.length !== expected) {
    const what = bytes.length < expected ? "the file is truncated" : "bytes follow the array";
    fail("E_FORMAT", `${name}: ${what}; expected ${expected} bytes for [${shape.join(", ")}], got ${bytes.length}`, {
      hint: "Fetch the file again.",
      context: { expected, got: bytes.length, shape },
    });
  }
  return { name, shape, data: type.read(view, start, count) };
}

/** What {@link labelled} may be told. */
export interface LabelledOptions {
  /** Name of the set; default: that of the images. */
  name?: string;
  /** Number of classes; default: the largest label + 1. */
  classes?: number;
}

/**
 * Returns the data set of an IDX file of images and one of labels. Bytes stay bytes; every other type becomes f32.
 * @throws E_FORMAT where a file has the wrong rank or type, E_DATA where the counts differ or a label is no class
 */
export function labelled(images: Idx, labels: Idx, options: LabelledOptions = {}): Dataset {
  checkKeys("streams.labelled", options, ["name", "classes"]);
  const [count = 0, ...shape] = images.shape;
  if (shape.length === 0) {
    fail("E_FORMAT", `${images.name}: not a file of images; expected rank ≥ 2, got [${images.shape.join(", ")}]`, {
      hint: "Images come first, labels second.",
    });
  }
  if (labels.shape.length !== 1 || labels.data instanceof Float32Array || labels.data instanceof Float64Array) {
    fail(
      "E_FORMAT",
      `${labels.name}: not a file of labels; expected integers of rank 1, got ${labels.data.constructor.name} of [${labels.shape.join(", ")}]`,
    );
  }
  if (labels.data.length !== count) {
    fail("E_DATA", `${labels.name}: labels and images disagree; expected ${count} labels as in ${images.name}, got ${labels.data.length}`, {
      hint: "Give the two files of the same part of the set.",
    });
  }
  const classes =
    options.classes === undefined ? undefined : checkNumber("streams.labelled", "classes", options.classes, { min: 1, integer: true });
  const x = images.data instanceof Uint8Array || images.data instanceof Float32Array ? images.data : Float32Array.from(images.data);
  return { name: options.name ?? images.name, x, ...checkLabels(labels.name, labels.data, classes), shape, count };
}

/**
 * Returns `bytes` decompressed where they begin with the gzip magic 1f 8b, and as they are otherwise.
 * @param limit the most bytes to decompress to; default 2 GiB
 * @throws E_FORMAT where the gzip data is truncated, damaged or larger than `limit`
 */
export async function gunzip(bytes: Uint8Array, name: string, limit: number = 2 ** 31): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    const reader = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
    for (let part = await reader.read(); !part.done && length <= limit; part = await reader.read()) {
      parts.push(part.value);
      length += part.value.length;
    }
    if (length > limit) await reader.cancel();
  } catch (cause) {
    fail(
      "E_FORMAT",
      `${name}: the gzip data is truncated or damaged; expected a whole gzip file, got ${bytes.length} bytes that do not decompress`,
      {
        hint: "Fetch the file again.",
        cause,
      },
    );
  }
  if (length > limit) fail("E_FORMAT", `${name}: the gzip data is too large; expected at most ${limit} bytes, got more`);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
