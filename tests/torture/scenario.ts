/** A program that keeps a log, what it was promised, and whether a log holds to it. */
import { RandomStream } from "../../src/random.ts";
import type { Log, LogReader } from "../../src/store/log.ts";
import { openLog } from "../../src/store/open.ts";
import type { Device } from "./device.ts";

/** What the program knows. Records are numbered; a snapshot holds how many came before it. */
export interface Truth {
  /** Records that must be there after a loss of power, after a kill, and that may be there at all. */
  committed: number;
  recorded: number;
  attempted: number;
  /** Which records were blackened for good, and which may be. */
  black: (index: number) => boolean;
  blackening: ((index: number) => boolean) | undefined;
}

/** Returns what a program knows that has done nothing. */
export function newTruth(): Truth {
  return { committed: 0, recorded: 0, attempted: 0, black: () => false, blackening: undefined };
}

/** Returns a record: its number, whether it is blackened, and bytes that follow from the number. */
export function recordOf(index: number, black = false): Uint8Array {
  const length = black ? 0 : (index * 37) % 90;
  const bytes = new Uint8Array(5 + length);
  new DataView(bytes.buffer).setUint32(0, index);
  bytes[4] = Number(black);
  for (let i = 0; i < length; i++) bytes[5 + i] = index + 31 * i;
  return bytes;
}

/** Returns the parts of a snapshot after `count` records. */
export function partsOf(count: number): Map<string, Uint8Array> {
  const state = new Uint8Array(4);
  new DataView(state.buffer).setUint32(0, count);
  return new Map([
    ["state", state],
    ["more", new Uint8Array((count * 131) % 700).fill(count)],
    ["none", new Uint8Array(0)],
  ]);
}

/** Runs the scenario of a seed on a device until its end, or the first call that fails, and writes down what it was promised. */
export async function perform(seed: number, device: Device, truth: Truth): Promise<void> {
  const random = new RandomStream(seed, "scenario");
  const strict = random.below(2) === 0;
  const options = {
    durability: strict ? "strict" : "relaxed",
    groupBytes: 60 * random.below(12),
    groupMs: strict ? 0 : 60_000,
    steal: true,
  } as const;
  const open = (): Promise<Log> => openLog(device.open(), options);
  const append = async (log: Log, count: number): Promise<void> => {
    const first = truth.attempted;
    truth.attempted += count;
    const given = Array.from({ length: count }, async (_, i) => {
      await log.append(recordOf(first + i));
      truth.recorded = Math.max(truth.recorded, first + i + 1);
      if (strict) truth.committed = Math.max(truth.committed, first + i + 1);
    });
    await Promise.all(given);
  };
  const promise = async (run: Promise<void>, count: number): Promise<void> => {
    await run;
    truth.committed = Math.max(truth.committed, count);
    truth.recorded = Math.max(truth.recorded, count);
  };
  const snapshot = (log: Log): Promise<void> => {
    const from = [undefined, 0, log.generations.at(-1)?.id][random.below(3)];
    return promise(log.snapshot(partsOf(truth.attempted), from), truth.attempted);
  };
  let log: Log | undefined;
  try {
    log = await open();
    for (let turn = 0; turn < 14; turn++) {
      const choice = random.below(20);
      if (choice < 7) await append(log, 1);
      else if (choice < 11) await append(log, 3);
      else if (choice < 12) await promise(log.commit(), truth.attempted);
      else if (choice < 13) {
        const commit = (open: Log): Promise<void> => promise(open.commit(), truth.attempted);
        await Promise.all([append(log, 2), commit(log), append(log, 1), append(log, 1), commit(log), append(log, 1), snapshot(log)]);
      } else if (choice < 15) await snapshot(log);
      else if (choice < 17) await Promise.all([append(log, 1), snapshot(log), append(log, 2), append(log, 1)]);
      else if (choice < 18) await blacken(log, truth, random);
      else if (choice < 19) {
        await promise(log.close(), truth.attempted);
        log = await open();
      } else {
        // What a former owner has not committed is not lost to a new one: only a loss of power loses it.
        log = await open();
      }
    }
    await promise(log.close(), truth.attempted);
  } finally {
    await log?.close().catch(() => undefined);
  }
}

/** Blackens some of the records so far, or what was to be blackened before. */
export async function blacken(log: Log, truth: Truth, random: RandomStream): Promise<void> {
  const [before, modulus, rest, end] = [truth.black, 2 + random.below(3), random.below(2), truth.recorded];
  const black = truth.blackening ?? ((index: number) => before(index) || (index < end && index % modulus === rest));
  truth.blackening = black;
  const edit = (record: Uint8Array): Uint8Array => {
    const index = indexOf(record);
    return record[4] === 0 && black(index) ? recordOf(index, true) : record;
  };
  const one = log.generations[random.below(log.generations.length)]?.id ?? 0;
  await log.compact({ edit, ...[{}, { from: one }, { onto: one }][random.below(3)] });
  truth.black = black;
  truth.blackening = undefined;
}

/** Returns how many records a log holds, in snapshots or singly. @throws an error that says what does not fit */
export async function countOf(log: LogReader, truth: Truth, least: number, most: number): Promise<number> {
  let count = 0;
  let [asBefore, asAfter] = [true, true];
  for (const [i, { id, snapshot }] of log.generations.entries()) {
    const parts = await log.parts(id);
    const base = snapshot ? indexOf(parts.get("state") as Uint8Array) : 0;
    if (snapshot && !sameParts(parts, partsOf(base))) throw new Error(`generation ${id} holds other parts than those of ${base}`);
    if (i > 0 && base !== count) throw new Error(`generation ${id} begins at ${base}, the one before ends at ${count}`);
    count = base;
    for await (const record of log.records(id)) {
      const black = record[4] === 1;
      if (!same(record, recordOf(count, black))) throw new Error(`record ${count} is ${[...record.subarray(0, 5)]}`);
      asBefore &&= black === truth.black(count);
      asAfter &&= black === (truth.blackening ?? truth.black)(count);
      count++;
    }
  }
  if (!asBefore && !asAfter) throw new Error("some records are blackened, others not");
  if (count < least || count > most) throw new Error(`${count} records; expected ${least} … ${most}`);
  return count;
}

function indexOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

function sameParts(a: ReadonlyMap<string, Uint8Array>, b: ReadonlyMap<string, Uint8Array>): boolean {
  return a.size === b.size && [...a].every(([name, bytes]) => same(bytes, b.get(name) ?? new Uint8Array(1)));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
