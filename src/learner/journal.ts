/**
 * Changes of a learner as records of a log. A batch is u8 1 · u8 flags (1: ids, 2: weights) · u16 0 · u32 rows · f64 task, little-endian, then ids
 * (f64), targets (u32 or f32), weights (f32) and rows (f32 or u8) as the host has them; any other change is u8 2 and JSON. A batch that a
 * follower handed over is u8 3 · u8 0 × 7 · f64 follower · f64 sequence, and then a batch.
 */
import { joined } from "../bytes.ts";
import { fail } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import { type CheckedBatch, checkBatch } from "./batch.ts";
import { bytesOf } from "./bytes.ts";
import type { Config } from "./config.ts";
import type { Operation, Sender } from "./operation.ts";

const BATCH = 1;
const OTHER = 2;
const HANDED = 3;
const HEADER = 16;
const ENVELOPE = 24;
const IDS = 1;
const WEIGHTS = 2;

/** Returns the parts of a record, views of what is given where they can be. */
export function encodeOperation(operation: Operation): Uint8Array[] {
  if (operation.kind !== "observe") return [Uint8Array.of(OTHER), new TextEncoder().encode(JSON.stringify(operation))];
  const { from, ...plain } = operation;
  if (from !== undefined) return [envelopeOf(from), ...encodeOperation(plain)];
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
  if (record[0] === HANDED) {
    const from = senderOf(record);
    if (from === undefined || record[ENVELOPE] !== BATCH) return refuse("a batch that was handed over");
    return { ...decodeOperation(record.subarray(ENVELOPE), config, where), from } as Operation;
  }
  if (record[0] !== BATCH || record.length < HEADER) return refuse("a batch");
  if ((record[1] as number) > (IDS | WEIGHTS) || record[2] !== 0 || record[3] !== 0) return refuse("flags that are known");
  const columns = columnsOf(record, config);
  const { count, task, end } = columns;
  if (record.length !== end) return refuse(`${end} bytes for ${count} rows`);
  // A copy begins where all columns are aligned.
  const { buffer } = record.slice();
  const [ids, targets, weights] = [columns.id, columns.targets, columns.weight].map(({ at, rowBytes }) => [at, count * rowBytes] as const);
  const take = <T>(
    make: (buffer: ArrayBuffer, offset: number, length: number) => T,
    size: number,
    [at, bytes]: readonly [number, number] = [0, 0],
  ): T => make(buffer, at, bytes / size);
  const id = take((...place) => new Float64Array(...place), 8, ids);
  const y = take((...place) => (config.loss.targets === "labels" ? new Uint32Array(...place) : new Float32Array(...place)), 4, targets);
  const weight = take((...place) => new Float32Array(...place), 4, weights);
  const x = config.input.dtype === "u8" ? new Uint8Array(buffer, columns.x.at) : new Float32Array(buffer, columns.x.at);
  const batch: CheckedBatch = checkBatch(where, { x, y, task, ...(id.length > 0 && { id }), ...(weight.length > 0 && { weight }) }, config);
  return { kind: "observe", batch };
}

/** Tells whether a record is a batch. */
export function isBatch(record: Uint8Array): boolean {
  const [kind, least] = record[0] === HANDED ? [record[ENVELOPE], ENVELOPE + HEADER] : [record[0], HEADER];
  return kind === BATCH && record.length >= least;
}

/** What names a row of a recorded batch; NaN for what it has not. */
export interface RecordedRow {
  readonly id: number;
  readonly task: number;
  readonly label: number;
}

/** Returns a record without the rows that `leaves` names: the same where it names none, undefined where no row is left. */
export function withoutRows(record: Uint8Array, config: Config, leaves: (row: RecordedRow) => boolean): Uint8Array | undefined {
  if (!isBatch(record)) return record;
  if (record[0] === HANDED) {
    const batch = record.subarray(ENVELOPE);
    const left = withoutRows(batch, config, leaves);
    return left === batch ? record : left && joined([record.subarray(0, ENVELOPE), left]);
  }
  const { count, task, id, targets, weight, x, end } = columnsOf(record, config);
  if (record.length !== end) return record;
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  const labelled = config.targets === 1 && config.loss.targets === "labels";
  const rowAt = (row: number): RecordedRow => ({
    id: id.rowBytes === 0 ? Number.NaN : view.getFloat64(id.at + 8 * row, true),
    label: labelled ? view.getUint32(targets.at + 4 * row, true) : Number.NaN,
    task,
  });
  const left = Array.from({ length: count }, (_, row) => row).filter((row) => !leaves(rowAt(row)));
  if (left.length === count) return record;
  if (left.length === 0) return undefined;
  const header = record.slice(0, HEADER);
  new DataView(header.buffer).setUint32(4, left.length, true);
  const columns = [id, targets, weight, x].flatMap(({ at, rowBytes }) =>
    left.map((row) => record.subarray(at + row * rowBytes, at + (row + 1) * rowBytes)),
  );
  return joined([header, ...columns]);
}

interface RecordColumn {
  readonly at: number;
  /** 0 where there is none. */
  readonly rowBytes: number;
}

interface RecordColumns {
  readonly count: number;
  readonly task: number;
  readonly id: RecordColumn;
  readonly targets: RecordColumn;
  readonly weight: RecordColumn;
  readonly x: RecordColumn;
  /** Bytes of the record, if it is right. */
  readonly end: number;
}

/** Returns where the columns of a recorded batch are. */
function columnsOf(record: Uint8Array, config: Config): RecordColumns {
  const header = new DataView(record.buffer, record.byteOffset, HEADER);
  const [flags, count] = [header.getUint8(1), header.getUint32(4, true)];
  let end = HEADER;
  const column = (rowBytes: number): RecordColumn => {
    const at = end;
    end += count * rowBytes;
    return { at, rowBytes };
  };
  const id = column((flags & IDS) > 0 ? 8 : 0);
  const targets = column(4 * config.targets);
  const weight = column((flags & WEIGHTS) > 0 ? 4 : 0);
  const x = column(sizeOf(config.input.shape) * (config.input.dtype === "u8" ? 1 : 4));
  return { count, task: header.getFloat64(8, true), id, targets, weight, x, end };
}

function envelopeOf({ follower, sequence }: Sender): Uint8Array {
  const view = new DataView(new ArrayBuffer(ENVELOPE));
  view.setUint8(0, HANDED);
  view.setFloat64(8, follower, true);
  view.setFloat64(16, sequence, true);
  return new Uint8Array(view.buffer);
}

function senderOf(record: Uint8Array): Sender | undefined {
  if (record.length < ENVELOPE) return undefined;
  const view = new DataView(record.buffer, record.byteOffset);
  const [follower, sequence] = [view.getFloat64(8, true), view.getFloat64(16, true)];
  return Number.isSafeInteger(follower) && Number.isSafeInteger(sequence) ? { follower, sequence } : undefined;
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
    case "grow":
      return Number.isInteger(operation.capacity);
    case "control":
    case "consolidate":
    case "phase":
    case "note":
      return true;
    default:
      return false;
  }
}
