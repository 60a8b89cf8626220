import { spawn } from "node:child_process";
import { once } from "node:events";
import * as nodeFiles from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { threadId } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { crc32c } from "../../src/crc.ts";
import type { ErrorCode, PalimpsestError } from "../../src/errors.ts";
import { type FolderSystem, folderStore } from "../../src/store/folder.ts";
import { slotBytes } from "../../src/store/head.ts";
import { type Log, type LogReader, openLog, readLog, type Storage, type Store, stores } from "../../src/store/index.ts";
import type { Mode } from "../../src/store/storage.ts";

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
  store = stores.folder(join(folder, "m"));
});
afterEach(() => rm(folder, { recursive: true }));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const open = (mode: Mode, from: Store = store): Promise<Storage> => (from.open as (mode: Mode) => Promise<Storage>)(mode);
const write = async (options = {}, from: Store = store): Promise<Log> => openLog(await open("write", from), options);
const read = async () => readLog(await open("read"));

async function textsOf(log: LogReader, id?: number): Promise<string[]> {
  const found: string[] = [];
  for await (const record of log.records(id)) found.push(new TextDecoder().decode(record));
  return found;
}

/** Puts another slot in place of one of a head, with the checksum it should have. */
async function forge(file: string, slot: 0 | 1, format: number, content: string): Promise<void> {
  const bytes = new Uint8Array(await readFile(file));
  const view = new DataView(bytes.buffer, slot * slotBytes);
  const json = text(content);
  view.setUint32(4, format, true);
  view.setUint32(8, json.length, true);
  bytes.set(json, slot * slotBytes + 16);
  view.setUint32(12, crc32c(json, crc32c(bytes.subarray(slot * slotBytes, slot * slotBytes + 12))), true);
  await writeFile(file, bytes);
}

describe("the store of format 1", () => {
  beforeEach(() => cp(fileURLToPath(new URL("../golden/store1", import.meta.url)), join(folder, "m"), { recursive: true }));

  it("opens for ever, with what was not committed when it was left", async () => {
    const reader = await read();
    expect([reader.damage, reader.epoch]).toEqual([[], 2]);
    expect(reader.generations.map(({ id, snapshot }) => [id, snapshot])).toEqual([
      [0, false],
      [1, true],
    ]);
    const records: number[][] = [];
    for await (const record of reader.records(0)) records.push([...record]);
    expect(records).toEqual([
      [0, 0],
      [1, 10],
      [2, 20],
    ]);
    expect([...(await reader.parts())]).toEqual([
      ["checkpoint", Uint8Array.from({ length: 300 }, (_, i) => i)],
      ["empty", new Uint8Array(0)],
    ]);
    expect(await textsOf(reader)).toEqual(["after the snapshot", "\x07"]);
    const log = await write({ steal: true });
    expect(await textsOf(log)).toEqual(["after the snapshot", "\x07", "\x08"]);
    await log.append(text("more"));
    await log.close();
    expect(await textsOf(await read())).toEqual(["after the snapshot", "\x07", "\x08", "more"]);
  });

  it("is refused as soon as a newer release has written to it", async () => {
    await forge(join(folder, "m", "head.2"), 0, 2, "anything");
    const failure = { code: "E_VERSION", hint: "Update palimpsest to open it." };
    await expect(read()).rejects.toMatchObject(failure);
    await expect(write({ steal: true })).rejects.toMatchObject(failure);
  });

  it.each([
    "null",
    "[]",
    "7",
    "{",
    "{}",
    '{"store":"b5dda76a6fc29298","epoch":2,"sequence":99,"owner":"","generations":[{}]}',
    '{"store":"b5dda76a6fc29298","epoch":2,"sequence":99,"owner":"","generations":[{"id":0,"snapshot":null,"journal":[{"file":"../x","length":1,"crc":1}]}]}',
    '{"store":"b5dda76a6fc29298","epoch":2,"sequence":-1,"owner":"","generations":[]}',
    '{"store":"b5dda76a6fc29298","epoch":3,"sequence":99,"owner":"","generations":[{"id":0,"snapshot":null,"journal":[]}]}',
  ])("takes no head for one that says %s", async (content) => {
    const file = join(folder, "m", "head.2");
    await forge(file, 1, 1, content);
    const reader = await read();
    expect(reader.damage).toEqual([`head.2: the slot at byte ${slotBytes} is damaged or was cut off`]);
    await forge(file, 0, 1, content);
    await expect(read()).rejects.toMatchObject({ code: "E_CORRUPT", context: { file: "head.2", offset: 0, got: "damaged slots" } });
  });

  it("says which byte of which file is damaged", async () => {
    const file = join(folder, "m", "1.2");
    const bytes = new Uint8Array(await readFile(file));
    bytes[400] = 255 - (bytes[400] as number);
    await writeFile(file, bytes);
    const reader = await read();
    const { code, message, context } = (await reader.parts().catch((error: unknown) => error)) as PalimpsestError;
    expect(code).toBe("E_CORRUPT");
    expect(message).toMatch(/m\/1\.2: damaged at byte \d+; expected frames up to 590 with the checksum \d+, got frames up to \d+/);
    expect(context).toMatchObject({ file: "1.2", expected: expect.any(String), got: expect.any(String) });
  });
});

describe("who writes", () => {
  it("is told from one who was killed", async () => {
    await (await write()).close();
    // Another process that wrote last and has ended; of its number, only the time it was started at can tell.
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "close");
    const head = join(folder, "m", "head.1");
    const generations = [{ id: 0, snapshot: null, journal: [] }];
    const owned = (owner: string) => forge(head, 0, 1, JSON.stringify({ store: "s", epoch: 1, sequence: 99, owner, generations }));
    await owned(`x process ${child.pid} thread 0`);
    await (await write()).close();
    await rm(join(folder, "m"), { recursive: true });

    await (await write()).close();
    await owned(`x process ${process.ppid} thread 0`);
    await expect(write()).rejects.toMatchObject({ code: "E_LOCKED", context: { owner: `x process ${process.ppid} thread 0` } });
    await owned(`x process ${process.ppid} thread 0 another boot 1`);
    if (process.platform === "linux") await (await write()).close();
  });

  it("is told from another thread of this process, and from a former process of its number", async () => {
    await (await write()).close();
    const generations = [{ id: 0, snapshot: null, journal: [] }];
    const owned = (epoch: number, owner: string) =>
      forge(join(folder, "m", `head.${epoch}`), 0, 1, JSON.stringify({ store: "s", epoch, sequence: 99, owner, generations }));
    await owned(1, `x process ${process.pid} thread 77`);
    await expect(write()).rejects.toMatchObject({ code: "E_LOCKED" });
    await owned(1, `x process ${process.pid} thread ${threadId}`);
    await (await write()).close();
  });

  it("learns at the next commit that the store was taken over", async () => {
    const log = await write({ durability: "relaxed" });
    await log.append(text("a"));
    await log.append(text("b"));
    const thief = await write({ steal: true });
    expect(await textsOf(thief)).toEqual(["a", "b"]);
    await thief.append(text("c"));
    await log.append(text("lost")).catch(() => undefined);
    for (const call of [
      () => log.commit(),
      () => log.append(text("d")),
      () => log.snapshot(new Map()),
      () => log.compact({ edit: (record) => record }),
    ])
      await expect(call()).rejects.toMatchObject({ code: "E_LOCKED" });
    await log.close().catch(() => undefined);
    expect(await textsOf(thief)).toEqual(["a", "b", "c"]);
    await thief.close();
  });
});

describe("when records are durable", () => {
  /** A folder that counts what it flushes. */
  function counting(): { store: Store; flushes: () => number } {
    let flushes = 0;
    const fdatasync: FolderSystem["fdatasync"] = (file, done) => {
      flushes++;
      nodeFiles.fdatasync(file, done);
    };
    return { store: folderStore(join(folder, "m"), { ...nodeFiles, fdatasync } as unknown as FolderSystem), flushes: () => flushes };
  }

  it("is at each append where it is strict, together for those that come together", async () => {
    const { store: counted, flushes } = counting();
    const log = await write({}, counted);
    const before = flushes();
    for (let i = 0; i < 5; i++) await log.append(text("x"));
    expect(flushes() - before).toBe(10);
    await Promise.all(Array.from({ length: 50 }, () => log.append(text("y"))));
    expect(flushes() - before).toBe(12);
    expect(log.stats()).toMatchObject({ records: 55, bytes: 55, commits: 6, failure: undefined });
    expect(log.stats().commitMs.max).toBeGreaterThan(0);
    await log.close();
  });

  it("waits for others within a group, and no longer than it is full", async () => {
    const { store: counted, flushes } = counting();
    const log = await write({ groupMs: 5000, groupBytes: 10 }, counted);
    const first = log.append(text("one"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = flushes();
    await Promise.all([first, log.append(text("two")), log.append(text("three"))]);
    expect(flushes() - before).toBe(2);
    const waiting = log.append(text("four"));
    await log.commit();
    await waiting;
    await log.close();
  });

  it.each([
    [20, 100, 1],
    [60_000, 100, 100],
  ])("is after %d ms or %d bytes where it is relaxed", async (groupMs, groupBytes, length) => {
    const { store: counted, flushes } = counting();
    const log = await write({ durability: "relaxed", groupMs, groupBytes }, counted);
    await log.append(text("first of its segment"));
    const before = flushes();
    const records = [log.append(text("x")), log.append(new Uint8Array(length))];
    await Promise.all(records);
    await expect.poll(flushes, { timeout: 10_000 }).toBe(before + 2);
    expect(await textsOf(await read())).toHaveLength(3);
    await log.append(text("y"));
    await log.commit();
    expect(await textsOf(await read())).toHaveLength(4);
    await log.close();
  });
});

describe("a program that lets no timer fire", () => {
  it.each([
    ["time", 20, 1 << 20, 30],
    ["bytes", 60_000, 50, 0],
  ])("has its records committed all the same, by %s", async (_, groupMs, groupBytes, computes) => {
    const log = await write({ durability: "relaxed", groupMs, groupBytes });
    for (let i = 0; i < 12; i++) {
      const start = performance.now();
      while (performance.now() - start < computes);
      await log.append(new Uint8Array(10));
    }
    expect(log.stats().commits).toBeGreaterThan(1);
    expect((await textsOf(await read())).length).toBeGreaterThan(1);
    await log.close();
  });
});

describe("what fails", () => {
  it("is the flush after one beside which records were written: they are written again", async () => {
    const flushes: ((error: Error | null) => void)[] = [];
    let held = false;
    const fdatasync: FolderSystem["fdatasync"] = (file, done) => (held ? void flushes.push(done) : nodeFiles.fdatasync(file, done));
    const log = await write(
      { durability: "relaxed", groupBytes: 7, groupMs: 60_000 },
      folderStore(join(folder, "m"), { ...nodeFiles, fdatasync } as unknown as FolderSystem),
    );
    await log.append(text("first"));
    held = true;
    await log.append(text("flushed"));
    await log.append(text("beside"));
    expect(flushes).toHaveLength(1);
    held = false;
    flushes[0]?.(null);
    await expect.poll(() => log.stats().commits).toBe(2);
    expect(await textsOf(await read())).toEqual(["first", "flushed"]);
    held = true;
    const refused = log.commit().catch((error: unknown) => error);
    await expect.poll(() => flushes.length).toBe(2);
    flushes[1]?.(Object.assign(new Error("EIO: injected"), { code: "EIO" }));
    expect(await refused).toMatchObject({ code: "E_STORAGE_UNAVAILABLE" });
    expect(log.stats().failure).toBe(await refused);
    held = false;
    await log.commit();
    expect(log.stats().failure).toBeUndefined();
    expect(await textsOf(await read())).toEqual(["first", "flushed", "beside"]);
    expect(await readFile(join(folder, "m", "1.2"), "latin1")).toContain("beside");
    await log.close();
  });

  it.each<[string, ErrorCode, RegExp]>([
    ["ENOSPC", "E_QUOTA", /no room left/],
    ["EDQUOT", "E_QUOTA", /no room left/],
    ["EACCES", "E_STORAGE_UNAVAILABLE", /access is refused/],
    ["EIO", "E_STORAGE_UNAVAILABLE", /the platform failed/],
  ])("is said in words of this package: %s", async (code, expected, message) => {
    let failing = false;
    const writeSync: FolderSystem["writeSync"] = (...given) => {
      if (failing) throw Object.assign(new Error(`${code}: injected`), { code });
      return nodeFiles.writeSync(...given);
    };
    const log = await write({}, folderStore(join(folder, "m"), { ...nodeFiles, writeSync } as unknown as FolderSystem));
    await log.append(text("before"));
    failing = true;
    const refused = await log.append(text("refused")).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: expected, cause: { code }, context: { operation: "write" } });
    expect((refused as PalimpsestError).message).toMatch(message);
    expect((refused as PalimpsestError).message).toContain("m/1.1: cannot write");
    expect(await textsOf(await read())).toEqual(["before"]);
    failing = false;
    await log.append(text("after"));
    expect(log.stats().failure).toBeUndefined();
    expect(await textsOf(log)).toEqual(["before", "after"]);
    await log.close();
  });

  it("is a snapshot while there is another, but not records", async () => {
    const log = await write();
    const first = log.snapshot(new Map([["a", new Uint8Array(5_000_000)]]));
    await expect(log.snapshot(new Map())).rejects.toMatchObject({ code: "E_STATE" });
    await expect(log.compact({ edit: (record) => record })).rejects.toMatchObject({ code: "E_STATE" });
    await log.append(text("meanwhile"));
    expect(log.generations).toHaveLength(1);
    expect(log.generations[0]?.id).toBe(0);
    await first;
    expect(log.generations.map(({ id }) => id)).toEqual([1]);
    expect(await textsOf(log)).toEqual(["meanwhile"]);
    await log.close();
    expect(await readdir(join(folder, "m"))).toHaveLength(3);
  });

  it("is reading what the writer has removed since, until refreshed", async () => {
    const log = await write();
    await log.snapshot(new Map([["a", text("one")]]));
    const reader = await read();
    await log.snapshot(new Map([["a", text("two")]]));
    await expect(reader.parts()).rejects.toMatchObject({ code: "E_STATE", hint: "Call refresh() and read again." });
    expect(await reader.refresh()).toBe(true);
    expect(await reader.parts()).toEqual(new Map([["a", text("two")]]));
    await log.close();
  });

  it("is an option that there is not, or out of range", async () => {
    await expect(write({ durabilty: "strict" })).rejects.toMatchObject({ code: "E_CONFIG", hint: 'Did you mean "durability"?' });
    await expect(write({ durability: "eventual" })).rejects.toMatchObject({ code: "E_CONFIG" });
    await expect(write({ groupMs: -1 })).rejects.toMatchObject({ code: "E_CONFIG" });
    await (await write()).close();
  });

  it("is a head for more segments than it has room for", async () => {
    const log = await write();
    const snapshots = async () => {
      for (let i = 0; i < 400; i++) await log.snapshot(new Map(), 0);
    };
    await expect(snapshots()).rejects.toMatchObject({ code: "E_STATE", hint: "Take a snapshot and keep fewer generations." });
    await log.snapshot(new Map([["a", text("last")]]));
    await log.close();
    expect(await (await read()).parts()).toEqual(new Map([["a", text("last")]]));
    expect(await readdir(join(folder, "m"))).toHaveLength(2);
  });
});

describe("a file of a former layout", () => {
  it("stays a file to stores.auto, and is told to stores.folder", async () => {
    const home = process.cwd();
    process.chdir(folder);
    try {
      await stores.file("m.palimpsest").write(text("old"));
      const found = stores.auto("m");
      expect(await found.read()).toEqual(text("old"));
      expect(found.open).toBeUndefined();
      await expect(stores.folder("m.palimpsest").read()).rejects.toMatchObject({
        code: "E_PATH",
        hint: expect.stringContaining("stores.file"),
      });
      await expect(stores.folder("m.palimpsest").write(text("new"))).rejects.toMatchObject({ code: "E_PATH" });
      expect(await found.read()).toEqual(text("old"));
    } finally {
      process.chdir(home);
    }
  });

  it("is removed with a store that cannot be read", async () => {
    await store.write(text("value"));
    const [head] = (await readdir(join(folder, "m"))).filter((name) => name.startsWith("head"));
    await writeFile(join(folder, "m", head as string), new Uint8Array(100));
    await expect(store.read()).rejects.toMatchObject({ code: "E_CORRUPT" });
    await expect(store.write(text("other"))).rejects.toMatchObject({ code: "E_CORRUPT" });
    await store.remove();
    expect(await readdir(folder)).toEqual([]);
  });
});
