/**
 * Changes of a learner as records of a log. A batch is u8 1 · u8 flags (1: ids, 2: weights) · u16 0 · u32 rows · f64 task, little-endian, then ids
 * (f64), targets (u32 or f32), weights (f32) and rows (f32 or u8) as the host has them; any other change is u8 2 and JSON.
 */
import { fail } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import { type CheckedBatch, checkBatch } from "./batch.ts";
import { bytesOf } from "./bytes.ts";
import type { Config } from "./config.ts";
import type { Operation } from "./operation.ts";

const BATCH = 1;
const OTHER = 2;
const HEADER = 16;
const IDS = 1;
const WEIGHTS = 2;

/** Returns the parts of a record, views of what is given where they can be. */
export function encodeOperation(operation: Operation): Uint8Array[] {
  if (operation.kind !== "observe") return [Uint8Array.of(OTHER), new TextEncoder().encode(JSON.stringify(operation))];
  const { count, task, id, targets, weight, x } = operation.batch;
  const header = new DataView(new ArrayBuffer(HEADER));
  header.setUint8(0, BATCH);
  header.setUint8(1, (id === undefined ? 0 : IDS) | (weight === undefined ? 0 : WEIGHTS));
  header.setUint32(4, count, true);
  header.setFloat64(8, task, true);
  const columns = [id, targets, weight, x].filter((column) => column !== undefined);
  return [new Uint8Array(header.buffer), ...columns.map(bytesOf)];
}

/** Returns the change that a record tells, checked as one of the caller's is. @throws E_CORRUPT; E_DATA where it does not fit the learner */
export function decodeOperation(record: Uint8Array, config: Config, where: string): Operation {
  const refuse = (expected: string): never =>
    fail("E_CORRUPT", `${where}: a record of the journal is no change of a learner; expected ${expected}, got ${record.length} bytes`);
  if (record[0] === OTHER) {
    try {
      const operation = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(record.subarray(1))) as Operation;
      return isOther(operation) ? operation : refuse("a known kind");
    } catch {
      return refuse("JSON");
    }
  }
  if (record[0] !== BATCH || record.length < HEADER) return refuse("a batch");
  // A copy begins where all columns are aligned.
  const { buffer } = record.slice();
  const header = new DataView(buffer);
  const [flags, count, task] = [header.getUint8(1), header.getUint32(4, true), header.getFloat64(8, true)];
  const [ids, weights] = [(flags & IDS) > 0 ? count : 0, (flags & WEIGHTS) > 0 ? count : 0];
  const targets = count * config.targets;
  const row = sizeOf(config.input.shape) * (config.input.dtype === "u8" ? 1 : 4);
  const expected = HEADER + 8 * ids + 4 * targets + 4 * weights + count * row;
  if (record.length !== expected) return refuse(`${expected} bytes for ${count} rows`);
  let at = HEADER;
  const take = <T>(make: (buffer: ArrayBuffer, offset: number, length: number) => T, length: number, size: number): T => {
    const column = make(buffer, at, length);
    at += length * size;
    return column;
  };
  const id = take((...place) => new Float64Array(...place), ids, 8);
  const y = take((...place) => (config.loss.targets === "labels" ? new Uint32Array(...place) : new Float32Array(...place)), targets, 4);
  const weight = take((...place) => new Float32Array(...place), weights, 4);
  const x = config.input.dtype === "u8" ? new Uint8Array(buffer, at) : new Float32Array(buffer, at);
  const batch: CheckedBatch = checkBatch(where, { x, y, task, ...(ids > 0 && { id }), ...(weights > 0 && { weight }) }, config);
  return { kind: "observe", batch };
}

/** Holds JSON to what a change can be; whether it suits the learner shows when it is done. */
function isOther(operation: Operation): boolean {
  switch (operation.kind) {
    case "mark":
      return typeof operation.name === "string";
    case "set":
      return typeof operation.name === "string" && ["number", "undefined"].includes(typeof operation.value);
    case "resetCarry":
      return Array.isArray(operation.rows);
    case "control":
    case "consolidate":
    case "note":
      return true;
    default:
      return false;
  }
}
