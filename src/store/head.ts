/**
 * What a store holds is what its head says: a file of two slots, written in turns, so that one of them is whole whenever the power fails.
 * A slot is magic · format · length · CRC-32C of the three and of the text, u32 little-endian each, and the text, JSON. These
 * sixteen bytes are the same in every format.
 *
 * Each owner has a head of its own, `head.EPOCH`; the highest epoch counts. Whoever comes creates the next, which but one can, copies the
 * last state of the one before into it and removes that. So the one before, should it still run, harms nothing and finds out.
 */

import { crc32c } from "../crc.ts";
import { fail } from "../errors.ts";
import { corrupt, type Extent } from "./frame.ts";
import type { Storage } from "./storage.ts";

/** The format that this release writes, and the newest that it reads. */
const format = 1;
const magic = 0x736c7070;
const slotHead = 16;

/** Bytes from one slot to the other: a write to one never touches a page of the other. */
export const slotBytes = 32_768;

/** A snapshot and what was recorded from there to the next. */
export interface Generation {
  readonly id: number;
  /** Null before the first snapshot. `root` is the SHA-256 of its table of contents, which holds those of its parts. */
  readonly snapshot: (Extent & { readonly root: string }) | null;
  readonly journal: readonly Extent[];
}

/** What a slot says. */
export interface Head {
  /** 64 random bits, by which a file of another store is told. */
  readonly store: string;
  readonly epoch: number;
  /** Grows by one with each commit. */
  readonly sequence: number;
  /** Who writes; empty once closed. */
  readonly owner: string;
  /** When the owner came, for people to read. */
  readonly since?: string;
  /** Oldest first; the last is the present one. Empty in a claim: a head whose owner has yet to read the one before. */
  readonly generations: readonly Generation[];
}

/** What an empty store holds. */
export const fresh: readonly Generation[] = [{ id: 0, snapshot: null, journal: [] }];

/** What was found to go on from. */
export interface Found {
  /** Undefined where nothing was ever stored. */
  readonly head: Head | undefined;
  /** The highest epoch that anyone claimed, 0 if nobody did, who did, and when. */
  readonly top: number;
  readonly owner: string;
  readonly since: string | undefined;
  /** Whether the head of that epoch says nothing: it may be about to be written. */
  readonly torn: boolean;
  readonly files: readonly string[];
  /** What is wrong but could be done without. */
  readonly damage: readonly string[];
}

/** Returns the name of the head of an epoch. */
export function headName(epoch: number): string {
  return `head.${epoch}`;
}

/** Returns the epoch of a head by its name, 0 for other files. */
export function epochOf(file: string): number {
  return Number(/^head\.([1-9]\d{0,14})$/.exec(file)?.[1] ?? 0);
}

/** Tells whether a file is a segment by its name, `EPOCH.NUMBER`. */
export function isSegment(file: string): boolean {
  return /^[1-9]\d{0,14}\.\d{1,15}$/.test(file);
}

/** Returns the epoch in which a file of a store was made, 0 for other files. */
export function madeIn(file: string): number {
  return isSegment(file) ? Number.parseInt(file, 10) : epochOf(file);
}

/** Returns all segments that a head speaks of. */
export function segmentsOf({ generations }: Head): string[] {
  return generations.flatMap(({ snapshot, journal }) => [...(snapshot === null ? [] : [snapshot]), ...journal].map(({ file }) => file));
}

/** Returns the bytes of a slot. @throws E_STATE when there are too many segments for one */
export function encodeSlot(head: Head): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const bytes = new Uint8Array(slotHead + text.length);
  if (bytes.length > slotBytes)
    fail("E_STATE", `store: too many segments for one head; expected up to ${slotBytes} bytes, got ${bytes.length}`, {
      hint: "Take a snapshot and keep fewer generations.",
    });
  const view = new DataView(bytes.buffer);
  [magic, format, text.length].forEach((word, i) => void view.setUint32(4 * i, word, true));
  bytes.set(text, slotHead);
  view.setUint32(12, crc32c(text, crc32c(bytes.subarray(0, 12))), true);
  return bytes;
}

/** Returns what a slot says; undefined where its bytes are not right. @throws E_VERSION */
function decodeSlot(bytes: Uint8Array, where: string): Head | undefined {
  if (bytes.length < slotHead) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [mark, version, length, crc] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [number, number, number, number];
  const text = bytes.subarray(slotHead, slotHead + length);
  if (mark !== magic || text.length !== length || crc32c(text, crc32c(bytes.subarray(0, 12))) !== crc) return undefined;
  if (version > format)
    fail("E_VERSION", `${where}: a newer release wrote this store; expected format ${format} at most, got ${version}`, {
      hint: "Update palimpsest to open it.",
      context: { file: where, supported: format, format: version },
    });
  try {
    const head = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text)) as Head;
    return isHead(head) ? head : undefined;
  } catch {
    return undefined;
  }
}

/** Finds what to go on from, of epochs below `below`. @throws E_CORRUPT where there was something but it cannot be told; E_VERSION */
export type Find = (storage: Storage, below?: number) => Promise<Found>;

/** Returns the last state that was committed. @throws as {@link Find} */
export const findHead: Find = async (storage, below = Number.POSITIVE_INFINITY) => {
  const found = await findWhole(storage, below);
  const { head, top, files } = found;
  if (head === undefined) {
    const left = files.find(isSegment);
    if (left !== undefined)
      corrupt(storage, headName(top || 1), 0, `a head that tells what ${left} is`, top === 0 ? "no head" : "damaged slots");
    return found;
  }
  const missing = segmentsOf(head).find((name) => !files.includes(name));
  if (missing !== undefined) corrupt(storage, missing, 0, `the segment that ${headName(head.epoch)} speaks of`, "no such file");
  return found;
};

/** Returns the last whole head, whether or not what it speaks of is there. @throws E_VERSION */
export async function findWhole(storage: Storage, below: number = Number.POSITIVE_INFINITY): Promise<Found> {
  const files = await storage.list();
  const epochs = files.map(epochOf).filter((epoch) => epoch > 0 && epoch < below);
  epochs.sort((a, b) => b - a);
  const damage: string[] = [];
  let owner: string | undefined;
  let since: string | undefined;
  let torn = false;
  for (const epoch of epochs) {
    const file = headName(epoch);
    const bytes = await storage.read(file, 0, 2 * slotBytes);
    const slots: Head[] = [];
    for (const at of [0, slotBytes]) {
      const slot = decodeSlot(bytes.subarray(at, at + slotBytes), `${storage.name}/${file}`);
      if (slot?.epoch === epoch) slots.push(slot);
      else damage.push(`${file}: the slot at byte ${at} is damaged or was cut off`);
    }
    const [newest] = slots.sort((a, b) => b.sequence - a.sequence);
    if (owner === undefined) [owner, since, torn] = [newest?.owner ?? "", newest?.since, newest === undefined];
    if (newest === undefined || newest.generations.length === 0) continue;
    return { head: newest, top: epochs[0] as number, owner, since, torn, files, damage };
  }
  return { head: undefined, top: epochs[0] ?? 0, owner: owner ?? "", since, torn, files, damage };
}

/**
 * Returns what `find` does while others may write: a head may speak of segments made after the list of files was, or be gone before it is read;
 * then there are other files than before.
 */
export async function steadily(storage: Storage, find: Find): Promise<Found> {
  for (;;) {
    const before = (await storage.list()).join();
    try {
      return await find(storage);
    } catch (error) {
      if ((await storage.list()).join() === before) throw error;
    }
  }
}

/** Holds what a checksum lets through to what can be meant: names lead to segments alone, and numbers are counts. */
function isHead(head: Head): boolean {
  const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const extent = (value: Extent) => isSegment(String(value.file)) && count(value.length) && count(value.crc);
  const generation = ({ id, snapshot, journal }: Generation) =>
    count(id) && (snapshot === null || (extent(snapshot) && typeof snapshot.root === "string")) && journal.every(extent);
  return (
    [head.store, head.owner].every((text) => typeof text === "string") &&
    [head.epoch, head.sequence].every(count) &&
    head.generations.every(generation) &&
    head.generations.every(({ id }, i) => i === 0 || id > (head.generations[i - 1] as Generation).id)
  );
}
