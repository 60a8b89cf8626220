import { fail } from "../errors.ts";
import { maxNameLength, parseHeader } from "./header.ts";

const dtypeBytes = { BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, F16: 2, BF16: 2, U32: 4, I32: 4, F32: 4, U64: 8, I64: 8, F64: 8 } as const;

/** An element type of the safetensors format that can be read and written; little-endian. */
export type Dtype = keyof typeof dtypeBytes;

/** One tensor of a file: its elements are `data`, row-major and little-endian. */
export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** What a safetensors file holds. */
export interface Safetensors {
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: Record<string, string>;
}

const maxHeaderBytes = 25_000_000;

/**
 * Returns a safetensors file. Its bytes depend on the arguments alone: tensors and metadata keep their order, the data begins at a
 * multiple of 8 bytes and has no gaps.
 * @throws E_SHAPE when a tensor's bytes do not fit its shape
 * @throws E_FORMAT when a name, a dtype or the header's size is one that the format cannot hold
 * @see https://github.com/huggingface/safetensors#format
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let dataBytes = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    if (name === "__metadata__" || name.length > maxNameLength || /\p{Surrogate}/u.test(name)) {
      fail(
        "E_FORMAT",
        `writeSafetensors: a tensor name cannot be kept; expected at most ${maxNameLength} characters of well-formed Unicode \
other than "__metadata__", got "${name.slice(0, 64)}"`,
      );
    }
    const expected = byteSize(shape, dtypeSize(dtype, "writeSafetensors", name));
    if (data.byteLength !== expected) {
      fail(
        "E_SHAPE",
        `writeSafetensors: tensor "${name}" has a wrong size; expected ${sizeText(expected)} for ${dtype} [${shape}], got ${data.byteLength}`,
      );
    }
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [dataBytes, dataBytes + expected] })}`);
    dataBytes += expected;
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > maxHeaderBytes) {
    fail("E_FORMAT", `writeSafetensors: the header is too large; expected at most ${maxHeaderBytes} bytes, got ${headerBytes}`, {
      hint: "Keep large values in tensors, not in metadata.",
    });
  }
  const bytes = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(32, 8, 8 + headerBytes);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const { data } of tensors.values()) {
    bytes.set(data, at);
    at += data.byteLength;
  }
  return bytes;
}

/** How {@link readSafetensors} reads. */
export interface ReadOptions {
  /** Longest header accepted, in bytes; 25,000,000 unless told. */
  readonly maxHeaderBytes?: number;
}

/**
 * Returns the tensors and metadata of the safetensors file `bytes`, called `file` in messages; tensor data are views of `bytes`.
 * Nothing is taken on trust: every byte of the file belongs to the header or to exactly one tensor.
 * @throws E_FORMAT when the file is not whole, well-formed safetensors
 * @throws E_UNSUPPORTED for an element type other than {@link Dtype}
 */
export function readSafetensors(bytes: Uint8Array, file: string, options: ReadOptions = {}): Safetensors {
  const limit = options.maxHeaderBytes ?? maxHeaderBytes;
  const headerBytes = headerLength(bytes, file);
  if (headerBytes > limit) {
    refuse(file, `the header is too large; expected at most ${limit} bytes, got ${headerBytes}`, { headerBytes });
  }
  const dataStart = 8 + headerBytes;
  const { entries, metadata } = parseHeader(decodeUtf8(bytes.subarray(8, dataStart), file), file);

  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, begin, end }] of entries) {
    const expected = byteSize(shape, dtypeSize(dtype, file, name));
    if (end - begin !== expected) {
      refuse(
        file,
        `tensor "${name}" has a wrong size; expected ${sizeText(expected)} for ${dtype} [${shape}], got data bytes ${begin} to ${end}`,
        { name, begin, end },
      );
    }
    if (end > bytes.byteLength - dataStart) {
      const data = bytes.byteLength - dataStart;
      refuse(file, `tensor "${name}" goes beyond the file; expected data of ${end} bytes at least, got ${data}`, {
        name,
        begin,
        end,
        data,
      });
    }
    tensors.set(name, {
      dtype: dtype as Dtype,
      shape,
      data: new Uint8Array(bytes.buffer, bytes.byteOffset + dataStart + begin, end - begin),
    });
  }

  const inFileOrder = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin, end }] of inFileOrder) {
    if (begin !== covered) {
      const flaw = begin < covered ? "overlaps the tensor before it" : "leaves a gap before it";
      refuse(file, `tensor "${name}" ${flaw}; expected its data to begin at data byte ${covered}, got ${begin}`, { name, begin, end });
    }
    covered = end;
  }
  if (covered !== bytes.byteLength - dataStart) {
    const data = bytes.byteLength - dataStart;
    refuse(file, `the file goes on after its last tensor; expected ${covered} bytes of data, got ${data}`, { expected: covered, data });
  }
  return { tensors, metadata };
}

/**
 * Returns the size in bytes of the header of a safetensors file, without the 8 bytes that tell it.
 * @throws E_FORMAT when the file is too small to hold it
 */
export function headerLength(bytes: Uint8Array, file: string): number {
  if (bytes.byteLength < 8) refuse(file, `too small to be safetensors; expected at least 8 bytes, got ${bytes.byteLength}`, {});
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length === 0n) refuse(file, "the header is too small; expected at least 2 bytes, got 0", {});
  if (length > BigInt(bytes.byteLength - 8)) {
    refuse(file, `the header goes beyond the file; expected at most ${bytes.byteLength - 8} bytes, got ${length}`, { headerBytes: length });
  }
  return Number(length);
}

function decodeUtf8(header: Uint8Array, file: string): string {
  if (header[0] !== 0x7b)
    refuse(file, `the header is no JSON object; expected "{" at byte 8, got byte value ${header[0]}`, { byteOffset: 8 });
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
  } catch (cause) {
    const end = 8 + header.byteLength;
    fail("E_FORMAT", `${file}: the header is no text; expected UTF-8 in bytes 8 to ${end}, got other bytes`, {
      cause,
      context: { file, byteOffset: 8 },
    });
  }
}

function dtypeSize(dtype: string, where: string, tensor: string): number {
  if (Object.hasOwn(dtypeBytes, dtype)) return dtypeBytes[dtype as Dtype];
  const known = Object.keys(dtypeBytes);
  fail(
    "E_UNSUPPORTED",
    `${where}: tensor "${tensor}" has an element type that is not supported; expected one of ${known.join(", ")}, got "${dtype}"`,
    {
      hint: "Convert the tensor to F32 first.",
      context: { tensor, dtype, known },
    },
  );
}

/** The size of a tensor in bytes, or NaN where a product passes 2^53 and could have been rounded. */
function byteSize(shape: readonly number[], elementBytes: number): number {
  let size = elementBytes;
  for (const n of shape) {
    size *= n;
    if (!Number.isSafeInteger(size) || n < 0) return Number.NaN;
  }
  return size;
}

function sizeText(size: number): string {
  return Number.isNaN(size) ? "a size below 2^53 bytes" : `${size} bytes`;
}

function refuse(file: string, message: string, context: Record<string, unknown>): never {
  fail("E_FORMAT", `${file}: ${message}`, {
    hint: "The file is no safetensors file, or it is damaged or cut short.",
    context: { file, ...context },
  });
}
