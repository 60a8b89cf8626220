/** What files mean, read slowly by other means than the product's: undefined where a file is to be refused. */
import { createHash } from "node:crypto";

const sizes: Readonly<Record<string, bigint>> = {
  ...{ BOOL: 1n, U8: 1n, I8: 1n, U16: 2n, I16: 2n, F16: 2n, BF16: 2n, U32: 4n, I32: 4n, F32: 4n, U64: 8n, I64: 8n, F64: 8n },
};

/** A tensor: dtype, shape, bytes. */
export type SlowTensor = readonly [dtype: string, shape: readonly number[], data: readonly number[]];

/** A safetensors file, its names in the order of the alphabet but for those of the tensors, which come as they are in the header. */
export interface SlowFile {
  readonly tensors: readonly (readonly [name: string, tensor: SlowTensor])[];
  readonly metadata: readonly (readonly [name: string, value: string])[];
  readonly headerBytes: number;
}

/** Returns what a safetensors file holds: `JSON.parse`, and beside it a walk over the text for what that lets pass. */
export function slowSafetensors(bytes: Uint8Array): SlowFile | undefined {
  if (bytes.length < 8) return undefined;
  let length = 0n;
  for (let i = 7; i >= 0; i--) length = 256n * length + BigInt(bytes[i] as number);
  if (length > BigInt(bytes.length - 8) || length > 25_000_000n) return undefined;
  const dataStart = 8 + Number(length);
  const header = Buffer.from(bytes.slice(8, dataStart));
  const text = header.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(header)) return undefined;
  const json = text.replace(/ *$/, "");
  const names = json.startsWith("{") && json.endsWith("}") ? namesOf(json) : undefined;
  if (names === undefined) return undefined;
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(json);
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) return undefined;

  const places: [begin: number, end: number][] = [];
  const tensors: [string, SlowTensor][] = [];
  for (const name of names.filter((each) => each !== "__metadata__")) {
    const entry = Object.getOwnPropertyDescriptor(entries, name)?.value;
    if (name.length > 4096 || !isObject(entry) || Object.keys(entry).sort().join() !== "data_offsets,dtype,shape") return undefined;
    const { dtype, shape, data_offsets: range } = entry as { dtype: unknown; shape: unknown; data_offsets: unknown };
    if (typeof dtype !== "string" || !Object.hasOwn(sizes, dtype) || !isNumbers(shape) || !isNumbers(range)) return undefined;
    const [begin = -1, end = -1] = range;
    if (shape.length > 64 || range.length !== 2 || begin < 0) return undefined;
    let size = sizes[dtype] as bigint;
    let overflows = false;
    for (const n of shape) {
      size *= BigInt(n);
      overflows ||= size >= 2n ** 53n;
    }
    if (overflows || BigInt(end) - BigInt(begin) !== size || end > bytes.length - dataStart) return undefined;
    places.push([begin, end]);
    tensors.push([name, [dtype, shape, [...bytes.slice(dataStart + begin, dataStart + end)]]]);
  }
  // Every byte of the data is in exactly one tensor.
  const counts = new Array<number>(bytes.length - dataStart).fill(0);
  for (const [begin, end] of places) for (let at = begin; at < end; at++) counts[at] = (counts[at] as number) + 1;
  if (counts.some((count) => count !== 1)) return undefined;
  // A tensor of no bytes lies where another begins or ends.
  const edges = new Set([0, ...places.filter(([begin, end]) => begin < end).flat()]);
  if (places.some(([begin]) => !edges.has(begin))) return undefined;
  return { tensors, metadata: Object.entries(metadata as Record<string, string>).sort(byName), headerBytes: Number(length) };
}

/** Returns the names in the outermost object, in their order; undefined where the text is not what a header may be. */
function namesOf(json: string): string[] | undefined {
  try {
    JSON.parse(json);
  } catch {
    return undefined;
  }
  const outermost: string[] = [];
  const open: Set<string>[] = [];
  const tokens = [...json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/gs)].map(([token]) => token);
  for (const [i, token] of tokens.entries()) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (token.startsWith('"')) {
      const value = JSON.parse(token) as string;
      if (/\p{Surrogate}/u.test(value)) return undefined;
      if (tokens[i + 1] !== ":") continue;
      const known = open.at(-1) as Set<string>;
      if (known.has(value)) return undefined;
      known.add(value);
      if (open.length === 1) outermost.push(value);
    } else if (/^[-\d]/.test(token) && !(/^\d+$/.test(token) && BigInt(token) < 2n ** 53n)) return undefined;
  }
  return outermost;
}

/** Returns the metadata and tensors of a checkpoint whose digests fit. */
export function slowCheckpoint(bytes: Uint8Array): { readonly meta: unknown; readonly tensors: SlowFile["tensors"] } | undefined {
  const file = slowSafetensors(bytes);
  const table = file?.tensors.find(([name]) => name === tableName)?.[1][2];
  const text = file?.metadata.find(([name]) => name === "palimpsest")?.[1];
  if (file === undefined || table === undefined || text === undefined) return undefined;
  if (Buffer.compare(Uint8Array.from(table), digestsOf(bytes, file)) !== 0) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(content)) return undefined;
  const { format, model, config, counters, random, schedule, engine } = content as Record<string, unknown>;
  const counts = (value: unknown): boolean => isObject(value) && Object.values(value).every((n) => typeof n === "number");
  const whole = [config, schedule, engine].every((value) => value !== undefined);
  if (format !== 1 || typeof model !== "string" || !counts(counters) || !counts(random) || !whole) return undefined;
  return {
    meta: { model, config, counters, random, schedule, engine },
    tensors: file.tensors.filter(([name]) => name !== tableName),
  };
}

const tableName = "palimpsest.sha256";

/** Puts digests that fit into a file that has a table of the right size, and returns it. */
export function signed(bytes: Uint8Array): Uint8Array {
  const file = slowSafetensors(bytes);
  const table = file?.tensors.find(([name]) => name === tableName)?.[1][2];
  if (file === undefined || table === undefined) return bytes;
  const digests = digestsOf(bytes, file);
  const data = Buffer.from(bytes.buffer, bytes.byteOffset + 8 + file.headerBytes);
  // The table is what no other tensor is: it is searched for among the bytes of the data, which hold it once.
  const at = data.indexOf(Uint8Array.from(table));
  if (digests.length === table.length && at >= 0) data.set(digests, at);
  return bytes;
}

function digestsOf(bytes: Uint8Array, file: SlowFile): Uint8Array {
  const sha256 = (part: Uint8Array): Uint8Array => createHash("sha256").update(part).digest();
  const rows = file.tensors.filter(([name]) => name !== tableName).map(([, [, , data]]) => sha256(Uint8Array.from(data)));
  rows.push(sha256(bytes.subarray(0, 8 + file.headerBytes)));
  return Buffer.concat([...rows, sha256(Buffer.concat(rows))]);
}

/** Returns the type, shape and numbers of an IDX file. */
export function slowIdx(bytes: Uint8Array): { type: number; shape: number[]; data: number[] } | undefined {
  const [first, second, type = 0, rank = 0] = bytes;
  const view = new DataView(bytes.slice().buffer);
  const read = {
    8: [1, (at: number) => view.getUint8(at)],
    9: [1, (at: number) => view.getInt8(at)],
    11: [2, (at: number) => view.getInt16(at)],
    12: [4, (at: number) => view.getInt32(at)],
    13: [4, (at: number) => view.getFloat32(at)],
    14: [8, (at: number) => view.getFloat64(at)],
  }[type] as [number, (at: number) => number] | undefined;
  if (first !== 0 || second !== 0 || read === undefined || rank === 0 || bytes.length < 4 + 4 * rank) return undefined;
  const [size, get] = read;
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const count = shape.reduce((product, n) => product * BigInt(n), 1n);
  if (count === 0n || BigInt(bytes.length) !== BigInt(4 + 4 * rank) + count * BigInt(size)) return undefined;
  return { type, shape, data: Array.from({ length: Number(count) }, (_, i) => get(4 + 4 * rank + size * i)) };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => typeof n === "number");
}

export function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
