/**
 * A segment is a file of frames: u32 length · u32 kind · u32 CRC-32C · payload, little-endian. The checksum covers length, kind and payload and
 * continues from the frame before, so a frame is right only behind those it was written behind, in the file it was written to: the first
 * one, of kind `title`, is JSON that names store and file.
 */

import { crc32c } from "../crc.ts";
import { fail } from "../errors.ts";
import type { Storage } from "./storage.ts";

/** What a frame holds. */
export const kinds = { title: 1, chunk: 2, record: 3 } as const;

/** Bytes of a frame before its payload. */
const frameBytes = 12;

/** Bytes read at a time. */
const WINDOW = 1 << 20;

/** Bytes of a payload whose frame is read at once. */
export const chunkBytes: number = WINDOW - frameBytes;

/** Bytes of a file up to where it is known, and the checksum that stands there. */
export interface Extent {
  readonly file: string;
  readonly length: number;
  readonly crc: number;
}

/** A frame as read: `length` and `crc` as of its end. */
interface Frame extends Extent {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** Returns payloads as frames of one kind, to stand behind `extent`, and the extent with them. */
export function encodeFrames(extent: Extent, kind: number, payloads: readonly Uint8Array[]): { bytes: Uint8Array; extent: Extent } {
  const bytes = new Uint8Array(payloads.reduce((sum, payload) => sum + frameBytes + payload.length, 0));
  const view = new DataView(bytes.buffer);
  let { crc } = extent;
  let at = 0;
  for (const payload of payloads) {
    view.setUint32(at, payload.length, true);
    view.setUint32(at + 4, kind, true);
    crc = crc32c(payload, crc32c(bytes.subarray(at, at + 8), crc));
    view.setUint32(at + 8, crc, true);
    bytes.set(payload, at + frameBytes);
    at += frameBytes + payload.length;
  }
  return { bytes, extent: { file: extent.file, length: extent.length + at, crc } };
}

/**
 * Yields the frames of an extent, all or those behind `from`.
 * @throws E_CORRUPT naming file and offset where they are not those that were written
 */
export async function* framesOf(
  storage: Storage,
  extent: Extent,
  from: Extent = { file: extent.file, length: 0, crc: 0 },
): AsyncGenerator<Frame> {
  let end = from;
  for await (const frame of framesBehind(storage, end, extent.length)) {
    end = frame;
    yield frame;
  }
  if (end.length === extent.length && end.crc === extent.crc) return;
  const expected = `frames up to ${extent.length} with the checksum ${extent.crc}`;
  corrupt(storage, end.file, end.length, expected, `frames up to ${end.length} with ${end.crc}`);
}

/** Yields the frames behind an extent for as long as they are whole and right, up to `limit`. Payloads are views of buffers of their own. */
export async function* framesBehind(storage: Storage, extent: Extent, limit: number): AsyncGenerator<Frame> {
  const { file } = extent;
  let { length: at, crc } = extent;
  let bytes = new Uint8Array(0);
  let start = at;
  const fill = async (count: number): Promise<boolean> => {
    if (at + count > limit) return false;
    if (at + count > start + bytes.length) {
      bytes = (await storage.read(file, at, Math.min(limit - at, Math.max(count, WINDOW)))) as Uint8Array<ArrayBuffer>;
      start = at;
    }
    return at + count <= start + bytes.length;
  };
  while (await fill(frameBytes)) {
    const head = new DataView(bytes.buffer, bytes.byteOffset + at - start, frameBytes);
    const [size, kind, expected] = [head.getUint32(0, true), head.getUint32(4, true), head.getUint32(8, true)];
    if (!(await fill(frameBytes + size))) return;
    const frame = bytes.subarray(at - start, at - start + frameBytes + size);
    const payload = frame.subarray(frameBytes);
    crc = crc32c(payload, crc32c(frame.subarray(0, 8), crc));
    if (crc !== expected) return;
    at += frame.length;
    yield { file, length: at, crc, kind, payload };
  }
}

/** Refuses what is not what was written. */
export function corrupt(storage: Storage, file: string, offset: number, expected: string, got: string): never {
  fail("E_CORRUPT", `${storage.name}/${file}: damaged at byte ${offset}; expected ${expected}, got ${got}`, {
    hint: "Nothing was loaded. repairStore, or `palimpsest repair`, makes the store whole where what else it holds allows it.",
    context: { store: storage.name, file, offset, expected, got },
  });
}
