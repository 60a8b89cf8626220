/**
 * One checkpoint is one safetensors file. Its metadata hold `palimpsest`, the JSON of what is no tensor; its last tensor,
 * `palimpsest.sha256` of [tensors + 2, 32] bytes, holds the SHA-256 of each other tensor in the order of the header, then that of
 * the file up to the end of its header, then that of the rows above it. Every byte is covered once, and damage has a name.
 * The digests find damage, not forgery.
 */

import { describe, fail } from "../errors.ts";
import { sha256 } from "./digest.ts";
import { headerLength, readSafetensors, type StoredTensor, writeSafetensors } from "./safetensors.ts";

/** The format that this release writes, and the newest that it reads. */
const checkpointFormat = 1;

const metaKey = "palimpsest";
const digestName = "palimpsest.sha256";
const digestBytes = 32;

/** What a checkpoint holds besides tensors. Fields of type `unknown` hold anything that JSON keeps exactly. */
export interface CheckpointMeta {
  /** Signature of the model: what decides whether the tensors fit. */
  readonly model: string;
  /** The options that the learner was made with. */
  readonly config: unknown;
  /** Steps done, samples seen and the like. */
  readonly counters: Readonly<Record<string, number>>;
  /** Words read so far of each random stream, by its name. */
  readonly random: Readonly<Record<string, number>>;
  /** Where the schedule stands. */
  readonly schedule: unknown;
  /** What computed the tensors: backend, adapter, kernels. */
  readonly engine: unknown;
}

/** All that {@link encodeCheckpoint} takes and {@link decodeCheckpoint} gives back. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly meta: CheckpointMeta;
}

/** What {@link decodeCheckpoint} holds a file to. */
export interface DecodeOptions {
  /** The model signature that the file must have, or what tells it from the options in the file. */
  readonly model?: string | ((config: unknown) => string);
}

/**
 * Returns the bytes of a checkpoint. The arguments are copied before the first await, so they may change from then on.
 * @throws E_DATA when `meta` holds what JSON would change
 * @throws E_SHAPE, E_FORMAT as {@link writeSafetensors}
 * @throws E_INSECURE_CONTEXT where the platform has no digests
 */
export async function encodeCheckpoint({ tensors, meta }: Checkpoint): Promise<Uint8Array<ArrayBuffer>> {
  checkJson("encodeCheckpoint: meta", meta);
  if (tensors.has(digestName)) {
    fail("E_FORMAT", `encodeCheckpoint: a tensor has a reserved name; expected a name other than "${digestName}", got it`);
  }
  const shape = [tensors.size + 2, digestBytes];
  const blank: StoredTensor = { dtype: "U8", shape, data: new Uint8Array((tensors.size + 2) * digestBytes) };
  const text = JSON.stringify({ format: checkpointFormat, ...meta });
  const bytes = writeSafetensors(new Map([...tensors, [digestName, blank]]), { [metaKey]: text });
  const { tensors: written } = readSafetensors(bytes, "encodeCheckpoint");
  written.delete(digestName);
  const rows = await digestRows(bytes, written);
  const at = bytes.byteLength - blank.data.byteLength;
  bytes.set(rows, at);
  bytes.set(await sha256(rows), at + rows.byteLength);
  return bytes;
}

/**
 * Returns what the checkpoint `bytes`, called `file` in messages, holds; tensor data are views of `bytes`.
 * @throws E_FORMAT when the file is cut short, or is no checkpoint
 * @throws E_VERSION when a newer release wrote it
 * @throws E_CORRUPT naming the part whose bytes have changed since they were written
 * @throws E_MISMATCH when it is of another model than `options.model`
 * @throws E_INSECURE_CONTEXT where the platform has no digests
 */
export async function decodeCheckpoint(bytes: Uint8Array, file: string, options: DecodeOptions = {}): Promise<Checkpoint> {
  const { tensors, metadata } = readSafetensors(bytes, file);
  const table = tensors.get(digestName);
  const text = metadata[metaKey];
  if (text === undefined || table === undefined) {
    const missing = text === undefined ? `metadata "${metaKey}"` : `tensor "${digestName}"`;
    fail("E_FORMAT", `${file}: this is a safetensors file but no checkpoint; expected ${missing}, got none`, { context: { file } });
  }
  const content = parseContent(text);
  checkVersion(content?.format, file);
  tensors.delete(digestName);
  await verify(bytes, file, tensors, table.data);

  const meta = metaOf(content, file);
  const expected = typeof options.model === "function" ? options.model(meta.config) : options.model;
  if (expected !== undefined && expected !== meta.model) {
    fail("E_MISMATCH", `${file}: the checkpoint is of another model; expected "${expected}", got "${meta.model}"`, {
      hint: "Open it with the model it was saved from, or start a new checkpoint under another name.",
      context: { file, expected, got: meta.model },
    });
  }
  return { tensors, meta };
}

/** The digests of what a file holds, a row each: the tensors in the order of the header, then the header. */
async function digestRows(bytes: Uint8Array, tensors: ReadonlyMap<string, StoredTensor>): Promise<Uint8Array> {
  const parts = [...tensors.values()].map(({ data }) => data);
  parts.push(bytes.subarray(0, 8 + headerLength(bytes, "checkpoint")));
  const rows = new Uint8Array(parts.length * digestBytes);
  let at = 0;
  for (const part of parts) {
    rows.set(await sha256(part), at);
    at += digestBytes;
  }
  return rows;
}

async function verify(bytes: Uint8Array, file: string, tensors: ReadonlyMap<string, StoredTensor>, table: Uint8Array): Promise<void> {
  const rows = await digestRows(bytes, tensors);
  const stored = table.subarray(0, rows.byteLength);
  const damaged: string[] = [];
  if (!sameBytes(table.subarray(rows.byteLength), await sha256(stored))) damaged.push("the table of digests");
  [...[...tensors.keys()].map((name) => `tensor "${name}"`), "the header"].forEach((part, row) => {
    const range = [row * digestBytes, (row + 1) * digestBytes] as const;
    if (!sameBytes(stored.subarray(...range), rows.subarray(...range))) damaged.push(part);
  });
  if (damaged.length === 0) return;
  fail("E_CORRUPT", `${file}: ${damaged[0]} is damaged; expected bytes that fit their SHA-256, got others`, {
    hint: "Restore the file from a copy; nothing was loaded.",
    context: { file, damaged },
  });
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}

function parseContent(text: string): Record<string, unknown> | undefined {
  try {
    const content: unknown = JSON.parse(text);
    return isRecord(content) ? content : undefined;
  } catch {
    return undefined;
  }
}

/** A newer file is told by its version alone, for all else in it may have changed. */
function checkVersion(format: unknown, file: string): void {
  if (typeof format !== "number" || format <= checkpointFormat) return;
  fail("E_VERSION", `${file}: a newer release wrote this checkpoint; expected format ${checkpointFormat} at most, got ${format}`, {
    hint: "Update palimpsest to open it.",
    context: { file, supported: checkpointFormat, format },
  });
}

function metaOf(content: Record<string, unknown> | undefined, file: string): CheckpointMeta {
  const { format, model, config, counters, random, schedule, engine } = content ?? {};
  const whole = [config, schedule, engine].every((value) => value !== undefined);
  if (format === checkpointFormat && typeof model === "string" && isCounts(counters) && isCounts(random) && whole) {
    return { model, config, counters, random, schedule, engine };
  }
  const expected = `format ${checkpointFormat} with model, config, counters, random, schedule and engine`;
  fail("E_FORMAT", `${file}: the metadata are not those of a checkpoint; expected ${expected}, got ${Object.keys(content ?? {})}`, {
    context: { file },
  });
}

/** Refuses what `JSON.stringify` drops or changes, for a resumed run must not differ by a lost -0 or NaN. */
function checkJson(where: string, value: unknown): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0)) return;
  if (!Array.isArray(value) && !isRecord(value)) {
    fail(
      "E_DATA",
      `${where}: JSON cannot keep this; expected finite numbers, strings, booleans, null, arrays or objects, got ${describe(value)}`,
      {
        hint: "Keep numbers that must be exact to the bit in a tensor.",
      },
    );
  }
  for (const [key, item] of Array.isArray(value) ? value.entries() : Object.entries(value)) checkJson(`${where}.${key}`, item);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  const prototype: unknown = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  return prototype === null || prototype === Object.prototype;
}

function isCounts(value: unknown): value is Record<string, number> {
  return isRecord(value) && Object.values(value).every((n) => typeof n === "number");
}
