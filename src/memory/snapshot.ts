/**
 * A memory of its own as bytes: magic · version · length of the head (u32, little-endian) · head (JSON) · index · the stored rows, column by column
 * in order of name, store by store · CRC-32C of all before. Version and checksum stay where they are in every version.
 */
import { fail } from "../errors.ts";
import type { Wasm } from "../wasm/instance.ts";
import { type MemoryPolicy, storesOf } from "./policy.ts";
import type { Contents, Counters, Plan } from "./setup.ts";

const MAGIC = 0x524d4c50;
const VERSION = 1;
/** Bytes that go through the checksum at a time. */
const CHUNK = 65536;

interface Head {
  readonly kind: Kind & { readonly capacity: string };
  readonly refused: [number, number | null][];
  readonly counters: Counters;
  /** Bytes of the index. */
  readonly index: number;
}

/** What two memories must share to exchange rows, as text. */
interface Kind {
  readonly columns: string;
  readonly policy: string;
  readonly keys: string;
}

/** Returns what two memories must share to exchange rows. */
export function kindOf({ fields, index }: Plan): Kind {
  const columns = fields.map(({ name, dtype, shape, scale, offset, decoded }) => [
    name,
    dtype,
    shape,
    ...(decoded && dtype === "u8" ? [scale, offset] : []),
  ]);
  return { columns: JSON.stringify(columns), policy: JSON.stringify(bare(index.policy)), keys: JSON.stringify(index.keys) };
}

/** A policy's stores without their capacities. */
function bare(policy: MemoryPolicy): object {
  return [...storesOf(policy)].map(([name, { capacity: _, ...store }]) => [name, store]);
}

function capacityOf({ replay }: Contents): string {
  return JSON.stringify(replay.stores.map(({ slots }) => slots.capacity));
}

function stored({ replay }: Contents): (readonly [number, number])[] {
  return replay.stores.map(({ slots, first }) => [first, slots.stored] as const);
}

/** Returns the memory as bytes that depend on what it holds alone. */
export function save(contents: Contents): Uint8Array {
  const { plan, wasm, replay, rows, refusals, counters } = contents;
  const index = replay.save();
  const { offered, refused, duplicates, drawn } = counters;
  const head: Head = {
    kind: { ...kindOf(plan), capacity: capacityOf(contents) },
    // JSON has no infinity.
    refused: refusals.save(offered).map(([id, until]) => [id, Number.isFinite(until) ? until : null] as const),
    counters: { offered, refused, duplicates, drawn },
    index: index.length,
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const start = new Uint8Array(new Uint32Array([MAGIC, VERSION, text.length]).buffer);
  const parts = [start, text, index, ...rows.runs(stored(contents))];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 4));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  new DataView(bytes.buffer).setUint32(end, checksum(wasm, bytes.subarray(0, end)), true);
  return bytes;
}

/** Puts saved bytes in place of what a memory holds. On an error nothing has changed. @throws E_CORRUPT, E_VERSION, E_MISMATCH */
export function loadInto(contents: Contents, saved: Uint8Array): void {
  const { plan, wasm, replay, rows, refusals, counters } = contents;
  if (!(saved instanceof Uint8Array)) fail("E_CORRUPT", "memory.load: no saved memory; expected a Uint8Array, got something else");
  if (saved.length < 16) corrupt(`expected at least 16 bytes, got ${saved.length}`);
  const view = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
  const sum = checksum(wasm, saved.subarray(0, -4));
  if (sum !== view.getUint32(saved.length - 4, true))
    corrupt(`expected the checksum ${sum}, got ${view.getUint32(saved.length - 4, true)}`);
  if (view.getUint32(0, true) !== MAGIC) corrupt(`expected the mark ${MAGIC}, got ${view.getUint32(0, true)}`);
  const version = view.getUint32(4, true);
  if (version > VERSION)
    fail("E_VERSION", `memory.load: saved by a newer version; expected ${VERSION}, got ${version}`, { hint: "Update Palimpsest." });
  const start = 12 + view.getUint32(8, true);
  const head = parse(saved.subarray(12, start));
  const kind = { ...kindOf(plan), capacity: capacityOf(contents) };
  for (const name of ["columns", "policy", "keys", "capacity"] as const) {
    if (head.kind[name] === kind[name]) continue;
    fail("E_MISMATCH", `memory.load: saved memory has other ${name}; expected ${kind[name]}, got ${head.kind[name]}`, {
      hint:
        name === "capacity"
          ? "Resize this memory to the capacity it was saved with."
          : `Open the memory with the ${name} it was saved with.`,
      context: { expected: kind[name], found: head.kind[name] },
    });
  }
  const before = replay.save();
  replay.load(saved.subarray(start, start + head.index));
  const held = saved.subarray(start + head.index, -4);
  const expected = rows.runs(stored(contents)).reduce((total, run) => total + run.length, 0);
  if (held.length !== expected) {
    replay.load(before);
    corrupt(`expected ${expected} bytes of rows, got ${held.length}`);
  }
  rows.clear();
  let end = 0;
  for (const run of rows.runs(stored(contents))) {
    run.set(held.subarray(end, end + run.length));
    end += run.length;
  }
  refusals.load(head.refused.map(([id, until]) => [id, until ?? Number.POSITIVE_INFINITY]));
  Object.assign(counters, head.counters);
}

function parse(text: Uint8Array): Head {
  try {
    const head = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text)) as Head;
    if (!head.kind || !head.counters?.drawn || !Array.isArray(head.refused)) throw new TypeError("parts are missing");
    return head;
  } catch (cause) {
    fail("E_CORRUPT", "memory.load: saved memory is damaged; expected its head, got something else", {
      hint: "Restore an earlier copy.",
      cause,
    });
  }
}

function checksum({ exports, memory, alloc, free }: Wasm, bytes: Uint8Array): number {
  const tables = alloc(8192 + CHUNK);
  exports.crcTables(tables);
  const chunk = new Uint8Array(memory.buffer, tables + 8192, CHUNK);
  let sum = 0;
  for (let start = 0; start < bytes.length; start += CHUNK) {
    const part = bytes.subarray(start, start + CHUNK);
    chunk.set(part);
    sum = exports.crc32c(tables, tables + 8192, part.length, sum);
  }
  free(tables);
  return sum >>> 0;
}

function corrupt(what: string): never {
  fail("E_CORRUPT", `memory.load: saved memory is damaged; ${what}`, { hint: "Restore an earlier copy." });
}
