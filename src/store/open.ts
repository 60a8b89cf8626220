/** How a log is opened. */
import { checkChoice, checkKeys, checkNumber, fail, isError } from "../errors.ts";
import { claim } from "./claim.ts";
import { isColumn } from "./column.ts";
import { readParts, readRecords } from "./contents.ts";
import { checked } from "./failure.ts";
import type { Extent } from "./frame.ts";
import { epochOf, type Found, findHead, fresh, type Generation, isSegment, steadily } from "./head.ts";
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
  let found = await steadily(files, findHead).catch(async (error) => {
    await files.close().catch(() => undefined);
    throw error;
  });
  const store = (): string => found.head?.store ?? "";
  const generations = (): readonly Generation[] => found.head?.generations ?? fresh;
  const pick = (id?: number): Generation => pickGeneration(storage.name, generations(), id);

  async function* records(journal: readonly Extent[], from?: Extent): AsyncGenerator<Uint8Array> {
    try {
      yield* readRecords(files, store(), journal, from);
    } catch (error) {
      await explain(error);
    }
  }

  /** What is missing may be what the writer has removed since. */
  async function explain(error: unknown): Promise<never> {
    const now = await steadily(files, findHead).catch(() => found);
    if (same(now, found)) throw error;
    fail("E_STATE", `${storage.name}: the store has moved on; expected what was there when it was opened, got a later state`, {
      hint: "Call refresh() and read again.",
      cause: error,
    });
  }

  const { name, place, persistent } = storage;
  return {
    ...{ name, place, persistent },
    get id() {
      return store();
    },
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
    records: (id) => records(pick(id).journal),
    get mark() {
      return { store: store(), generation: pick() };
    },
    since(mark) {
      const { journal, snapshot } = pick();
      const before = mark.generation.journal;
      const last = before.at(-1);
      const at = Math.max(0, before.length - 1);
      const isSame = (a: Extent | undefined | null, b: Extent | undefined | null): boolean =>
        a?.file === b?.file && a?.length === b?.length;
      const whole =
        mark.store === store() &&
        isSame(snapshot, mark.generation.snapshot) &&
        before.slice(0, at).every((each, i) => isSame(each, journal[i]));
      if (!whole || (last !== undefined && journal[at]?.file !== last.file)) return undefined;
      return records(journal.slice(at), last);
    },
    async refresh() {
      const before = found;
      found = await steadily(files, findHead);
      return !same(found, before);
    },
    close: () => files.close(),
  };
}

/** Returns what `read` does of a log, at a later state where the writer removes meanwhile what it no longer needs. */
export async function latest<T>(log: FollowingLog, read: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!isError(error, "E_STATE") || !(await log.refresh())) throw error;
    }
  }
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
