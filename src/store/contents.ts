/** What segments hold: the parts of a snapshot, and records. */
import { joined } from "../bytes.ts";
import { sha256Hex } from "./digest.ts";
import { chunkBytes, corrupt, type Extent, encodeFrames, framesBehind, framesOf, kinds } from "./frame.ts";
import type { Generation } from "./head.ts";
import type { Storage } from "./storage.ts";

/** The first frame of a segment, as JSON. */
interface Title {
  readonly store: string;
  readonly file: string;
  /** Parts of a snapshot, in the order of their bytes. */
  readonly parts?: readonly { readonly name: string; readonly length: number; readonly sha256: string }[];
}

/** Returns the start of a segment, and the text of it. */
export function opening(title: Title): { text: Uint8Array; bytes: Uint8Array; extent: Extent } {
  const text = new TextEncoder().encode(JSON.stringify(title));
  return { text, ...encodeFrames({ file: title.file, length: 0, crc: 0 }, kinds.title, [text]) };
}

/** Yields the bytes of parts as they go into frames. */
export function* chunksOf(parts: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const part of parts) for (let at = 0; at < part.length; at += chunkBytes) yield part.subarray(at, at + chunkBytes);
}

/** Returns the parts of a generation's snapshot, none before the first. @throws E_CORRUPT */
export async function readParts(storage: Storage, store: string, { snapshot }: Generation): Promise<Map<string, Uint8Array>> {
  const parts = new Map<string, Uint8Array>();
  if (snapshot === null) return parts;
  const { file } = snapshot;
  let title: Title | undefined;
  let waiting: Uint8Array[] = [];
  for await (const { kind, payload, length } of framesOf(storage, snapshot)) {
    if (title === undefined) {
      title = titleOf(storage, store, file, kind, payload);
      const root = await sha256Hex(payload);
      if (root !== snapshot.root) corrupt(storage, file, 0, `the table ${snapshot.root}`, root);
      const expected = (title.parts ?? []).reduce((sum, part) => sum + part.length, 0);
      if (!(expected <= snapshot.length)) corrupt(storage, file, 0, `parts of up to ${snapshot.length} bytes`, `${expected}`);
      for (const { name, length } of title.parts ?? []) parts.set(name, new Uint8Array(length));
      waiting = [...parts.values()].filter((part) => part.length > 0);
      continue;
    }
    const [next] = waiting;
    if (kind !== kinds.chunk || next === undefined || payload.length > next.length)
      corrupt(storage, file, length, "a chunk", `kind ${kind}`);
    next.set(payload);
    waiting[0] = next.subarray(payload.length);
    if (next.length === payload.length) waiting.shift();
  }
  if (waiting.length > 0) corrupt(storage, file, snapshot.length, `${waiting[0]?.length} more bytes of a part`, "the end");
  for (const { name, sha256: expected } of title?.parts ?? []) {
    const got = await sha256Hex(parts.get(name) as Uint8Array);
    if (got !== expected) corrupt(storage, file, 0, `part "${name}" with the SHA-256 ${expected}`, got);
  }
  return parts;
}

/**
 * Yields the records of extents, which are views that the caller may keep; of the first, those behind `from`.
 * @throws E_CORRUPT where the first that is damaged begins
 */
export async function* readRecords(storage: Storage, store: string, journal: readonly Extent[], from?: Extent): AsyncGenerator<Uint8Array> {
  for (const [index, extent] of journal.entries()) {
    const behind = index === 0 ? from : undefined;
    let first = behind === undefined;
    for await (const { kind, payload, length } of framesOf(storage, extent, behind)) {
      if (first) titleOf(storage, store, extent.file, kind, payload);
      else if (kind !== kinds.record) corrupt(storage, extent.file, length, "a record", `kind ${kind}`);
      else yield payload;
      first = false;
    }
  }
}

/** Returns how much of an extent holds records that are right; nothing where it ends otherwise than it should. */
export async function reachOf(storage: Storage, store: string, extent: Extent): Promise<Extent> {
  const none: Extent = { file: extent.file, length: 0, crc: 0 };
  let end = none;
  for await (const { kind, payload, length, crc } of framesBehind(storage, none, extent.length)) {
    if (end === none ? !isTitle(store, extent.file, kind, payload) : kind !== kinds.record) break;
    end = { file: extent.file, length, crc };
  }
  return end.length === extent.length && end.crc !== extent.crc ? none : end;
}

/** Returns the snapshot that a segment holds, whole, and the store that it is of, without a head that tells. */
export async function snapshotIn(
  storage: Storage,
  file: string,
): Promise<{ store: string; snapshot: NonNullable<Generation["snapshot"]> } | undefined> {
  let title: Title | undefined;
  let [root, left] = ["", 0];
  for await (const { kind, payload, length, crc } of framesBehind(storage, { file, length: 0, crc: 0 }, Number.POSITIVE_INFINITY)) {
    if (title === undefined) {
      title = kind === kinds.title ? parseTitle(payload) : undefined;
      if (title?.parts === undefined || title.file !== file) return undefined;
      root = await sha256Hex(payload);
      left = title.parts.reduce((sum, part) => sum + part.length, 0);
    } else left -= payload.length;
    if (left > 0) continue;
    const { store } = title;
    const snapshot = { file, length, crc, root };
    return readParts(storage, store, { id: 1, snapshot, journal: [] }).then(
      () => ({ store, snapshot }),
      () => undefined,
    );
  }
  return undefined;
}

/** Returns the records that were written behind an extent and not committed, for as far as they are whole. */
export async function tailOf(storage: Storage, extent: Extent): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  for await (const { kind, payload } of framesBehind(storage, extent, Number.POSITIVE_INFINITY)) {
    if (kind !== kinds.record) break;
    records.push(payload);
  }
  return records;
}

/** Returns a segment of records. */
export function segmentOf(title: Title, records: readonly Uint8Array[]): { bytes: Uint8Array; extent: Extent } {
  const { bytes: start, extent: before } = opening(title);
  const { bytes: rest, extent } = encodeFrames(before, kinds.record, records);
  return { bytes: joined([start, rest]), extent };
}

function titleOf(storage: Storage, store: string, file: string, kind: number, payload: Uint8Array): Title {
  const got = kind === kinds.title ? parseTitle(payload) : undefined;
  if (got?.store !== store || got.file !== file) corrupt(storage, file, 0, `segment ${file} of ${store}`, `${got?.file} of ${got?.store}`);
  return got;
}

function isTitle(store: string, file: string, kind: number, payload: Uint8Array): boolean {
  const got = kind === kinds.title ? parseTitle(payload) : undefined;
  return got?.store === store && got.file === file;
}

function parseTitle(payload: Uint8Array): Title | undefined {
  try {
    const title = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)) as Title | null;
    const known = title?.parts?.every(({ length }) => Number.isSafeInteger(length) && length >= 0) ?? true;
    return known ? (title ?? undefined) : undefined;
  } catch {
    return undefined;
  }
}
