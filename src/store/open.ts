/** How a log is opened. */
import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { claim } from "./claim.ts";
import { isColumn } from "./column.ts";
import { readParts, readRecords } from "./contents.ts";
import { checked } from "./failure.ts";
import { epochOf, type Found, findHead, fresh, type Generation, isSegment } from "./head.ts";
import { type FollowingLog, infoOf, type Log, type LogOptions, pickGeneration } from "./log.ts";
import type { Storage } from "./storage.ts";
import { Writer } from "./writer.ts";

const KEYS = ["durability", "groupMs", "groupBytes", "waitMs", "steal"];

/**
 * Returns the log in `storage`, opened to be written. It closes `storage` when it is closed, or cannot be opened.
 * @throws E_LOCKED while another writes; E_CORRUPT; E_VERSION
 */
export async function openLog(storage: Storage, options: LogOptions = {}): Promise<Log> {
  const files = checked(storage);
  try {
    checkKeys("openLog", options, KEYS);
    const durability = checkChoice("openLog", "durability", options.durability ?? "strict", ["strict", "relaxed"]);
    const strict = durability === "strict";
    const groupMs = checkNumber("openLog", "groupMs", options.groupMs ?? (strict ? 0 : 1000), { min: 0, max: 60_000 });
    const groupBytes = checkNumber("openLog", "groupBytes", options.groupBytes ?? (strict ? 1 << 20 : 1 << 23), { min: 0 });
    checkNumber("openLog", "waitMs", options.waitMs ?? 0, { min: 0 });
    const { head, damage } = await claim(files, options);
    return new Writer(files, head, damage, { strict, groupMs, groupBytes });
  } catch (error) {
    await files.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Returns the log in `storage`, opened to be read, also while another writes. It closes `storage` when it is closed, or cannot be opened.
 * @throws E_CORRUPT; E_VERSION
 */
export async function readLog(storage: Storage): Promise<FollowingLog> {
  const files = checked(storage);
  let found = await findSteadily(files).catch(async (error) => {
    await files.close().catch(() => undefined);
    throw error;
  });
  const store = (): string => found.head?.store ?? "";
  const generations = (): readonly Generation[] => found.head?.generations ?? fresh;
  const pick = (id?: number): Generation => pickGeneration(storage.name, generations(), id);

  /** What is missing may be what the writer has removed since. */
  async function explain(error: unknown): Promise<never> {
    const now = await findSteadily(files).catch(() => found);
    if (same(now, found)) throw error;
    fail("E_STATE", `${storage.name}: the store has moved on; expected what was there when it was opened, got a later state`, {
      hint: "Call refresh() and read again.",
      cause: error,
    });
  }

  const { name, place, persistent } = storage;
  return {
    ...{ name, place, persistent },
    get epoch() {
      return found.head?.epoch ?? 0;
    },
    get damage() {
      return found.damage;
    },
    get generations() {
      return generations().map(infoOf);
    },
    parts: async (id) => readParts(files, store(), pick(id)).catch(explain),
    async *records(id) {
      try {
        yield* readRecords(files, store(), pick(id).journal);
      } catch (error) {
        await explain(error);
      }
    },
    async refresh() {
      const before = found;
      found = await findSteadily(files);
      return !same(found, before);
    },
    close: () => files.close(),
  };
}

/** Removes what a store holds that cannot be read. */
export async function removeAll(storage: Storage): Promise<void> {
  const files = checked(storage);
  try {
    for (const file of await files.list()) if (epochOf(file) > 0 || isSegment(file) || isColumn(file)) await files.remove(file);
  } finally {
    await files.close();
  }
}

function same(a: Found, b: Found): boolean {
  return a.head?.epoch === b.head?.epoch && a.head?.sequence === b.head?.sequence;
}

/** A head may speak of segments made after the list of files was, or be gone before it is read: then there are other files than before. */
async function findSteadily(storage: Storage): Promise<Found> {
  for (;;) {
    const before = (await storage.list()).join();
    try {
      return await findHead(storage);
    } catch (error) {
      if ((await storage.list()).join() === before) throw error;
    }
  }
}
