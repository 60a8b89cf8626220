/** What every place that keeps files does, and the log on top of it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Log, type LogReader, openLog, readLog, type Storage, type Store, stores } from "../../src/store/index.ts";

interface Host {
  getBuiltinModule(id: "node:os"): { tmpdir(): string };
  getBuiltinModule(id: "node:path"): { join(...parts: string[]): string };
  readonly pid: number;
}
const { process: host } = globalThis as unknown as { process?: Partial<Host> };
const folder = (name: string): Store => {
  const { getBuiltinModule, pid } = host as Host;
  return stores.folder(getBuiltinModule("node:path").join(getBuiltinModule("node:os").tmpdir(), `palimpsest storage ${pid}`, name));
};

const kept = new Map<string, Store>();
const memory = (name: string): Store => {
  const store = kept.get(name) ?? stores.memory(name);
  kept.set(name, store);
  return store;
};
const places: [string, (name: string) => Store][] = [["memory", memory]];
if (host?.getBuiltinModule !== undefined) places.push(["folder", folder]);
if (globalThis.indexedDB !== undefined) places.push(["indexeddb", stores.indexeddb], ["opfs", stores.opfs]);

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const big = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * i) >> 7);

/** Compares by hand, for a matcher takes seconds over megabytes. */
const same = (a: Uint8Array | undefined, b: Uint8Array): boolean => a?.length === b.length && a.every((byte, i) => byte === b[i]);

async function recordsOf(log: LogReader, id?: number): Promise<number[][]> {
  const found: number[][] = [];
  for await (const record of log.records(id)) found.push([...record]);
  return found;
}

describe.each(places)("%s", (place, make) => {
  let store: Store;
  const open = (mode: "read" | "write"): Promise<Storage> => (store.open as (mode: "read" | "write") => Promise<Storage>)(mode);
  const write = async (options = {}): Promise<Log> => openLog(await open("write"), options);

  beforeEach(async () => {
    store = make("a store");
    await store.remove();
  });
  afterEach(() => store.remove());

  it("says where it is", async () => {
    const storage = await open("write");
    expect(storage.place).toBe(place === "folder" ? "files" : place);
    if (place === "folder") expect(storage.persistent).toBe(true);
    if (place === "memory") expect(storage.persistent).toBe(false);
    await storage.close();
  });

  it("keeps files of bytes", async () => {
    const storage = await open("write");
    expect(await storage.list()).toEqual([]);
    expect(await storage.read("1.0", 0, 10)).toEqual(bytes());
    expect(await storage.create("1.0", bytes(1, 2, 3))).toBe(true);
    expect(await storage.create("1.0", bytes(9))).toBe(false);
    await storage.flush("1.0");
    await storage.write("1.0", 3, bytes(4, 5));
    await storage.write("1.0", 5, big);
    await storage.write("1.0", 0, bytes(7));
    await storage.flush("1.0");
    const given = bytes(1, 1);
    expect(await storage.create("1.1", given)).toBe(true);
    given.fill(2);
    await storage.write("1.1", 2, given);
    given.fill(3);
    expect([...(await storage.list())].sort()).toEqual(["1.0", "1.1"]);
    await storage.flush("1.1");
    await storage.close();

    const again = await open("read");
    expect(await again.read("1.0", 0, 6)).toEqual(bytes(7, 2, 3, 4, 5, big[0] as number));
    expect(await again.read("1.0", 2, 2)).toEqual(bytes(3, 4));
    expect(await again.read("1.0", big.length + 4, 100)).toEqual(big.slice(-1));
    expect(await again.read("1.0", big.length + 5, 100)).toEqual(bytes());
    expect(same(await again.read("1.0", 5, big.length), big)).toBe(true);
    expect(await again.read("1.1", 0, 100)).toEqual(bytes(1, 1, 2, 2));
    expect(await again.read("1.2", 0, 100)).toEqual(bytes());
    await again.close();

    const last = await open("write");
    await last.remove("1.0");
    await last.remove("1.0");
    expect(await last.list()).toEqual(["1.1"]);
    expect(await last.read("1.0", 0, 1)).toEqual(bytes());
    expect(await last.create("1.0", bytes(5))).toBe(true);
    expect(await last.read("1.0", 0, 9)).toEqual(bytes(5));
    await last.remove("1.0");
    await last.remove("1.1");
    await last.close();
  });

  it("knows who still writes", async () => {
    const [one, two] = [await open("write"), await open("write")];
    expect(one.owner).not.toBe(two.owner);
    expect(await two.alive(one.owner)).toBe(true);
    expect(await one.alive(one.owner)).toBe(true);
    await one.close();
    await expect.poll(() => two.alive(one.owner)).toBe(false);
    await two.close();
  });

  it("keeps a log from one opening to the next", async () => {
    let log = await write();
    expect(log.generations).toEqual([{ id: 0, snapshot: false, bytes: [0, 0], segments: 0 }]);
    expect(await log.parts()).toEqual(new Map());
    await Promise.all([log.append(bytes(1)), log.append(bytes(2, 3)), log.append(bytes(4), bytes(), bytes(5))]);
    await log.append();
    expect(await recordsOf(log)).toEqual([[1], [2, 3], [4, 5], []]);
    const parts = new Map([
      ["big", big],
      ["none", bytes()],
      ["few", bytes(1, 2)],
    ]);
    await Promise.all([log.append(bytes(6)), log.snapshot(parts, 0), log.append(bytes(7))]);
    expect(await recordsOf(log, 0)).toEqual([[1], [2, 3], [4, 5], [], [6]]);
    await log.close();

    log = await write({ durability: "relaxed" });
    const found = await log.parts();
    expect([...found.keys()]).toEqual([...parts.keys()]);
    for (const [name, part] of parts) expect(same(found.get(name), part)).toBe(true);
    expect(await recordsOf(log)).toEqual([[7]]);
    await log.append(bytes(8));
    await log.append(bytes(9));
    await log.snapshot(new Map(), 1);
    expect(log.generations.map(({ id }) => id)).toEqual([1, 2]);
    expect(await recordsOf(log, 1)).toEqual([[7], [8], [9]]);
    await expect(log.parts(0)).rejects.toMatchObject({ code: "E_CONFIG" });
    expect(log.damage).toEqual([]);
    await log.close();
    await log.close();
    await expect(log.append(bytes(1))).rejects.toMatchObject({ code: "E_STATE" });
  });

  it("has one writer, and others who read", async () => {
    const log = await write();
    await log.append(bytes(1));
    await expect(write()).rejects.toMatchObject({ code: "E_LOCKED" });
    const reader = await readLog(await open("read"));
    expect(await recordsOf(reader)).toEqual([[1]]);
    expect(await reader.refresh()).toBe(false);
    await log.append(bytes(2));
    expect(await recordsOf(reader)).toEqual([[1]]);
    expect(await reader.refresh()).toBe(true);
    expect(await recordsOf(reader)).toEqual([[1], [2]]);
    const waiting = write({ waitMs: 10_000 });
    await log.close();
    const next = await waiting;
    expect(next.epoch).toBe(log.epoch + 1);
    expect(await recordsOf(next)).toEqual([[1], [2]]);
    await next.close();
    await reader.close();
  });

  it("can be taken from a writer, which then finds out", async () => {
    const log = await write({ durability: "relaxed" });
    await log.append(bytes(1));
    await log.append(bytes(2));
    const thief = await write({ steal: true });
    expect(await recordsOf(thief)).toEqual([[1], [2]]);
    await log.append(bytes(3)).catch(() => undefined);
    await expect(log.commit()).rejects.toMatchObject({ code: "E_LOCKED" });
    await thief.append(bytes(4));
    await expect(log.snapshot(new Map())).rejects.toMatchObject({ code: "E_LOCKED" });
    await expect(log.close()).rejects.toMatchObject({ code: "E_LOCKED" });
    await thief.close();
    const next = await write();
    expect(await recordsOf(next)).toEqual([[1], [2], [4]]);
    expect(next.damage).toEqual([]);
    await next.close();
  });

  it("forgets what is compacted away", async () => {
    const log = await write();
    const secret = Uint8Array.from({ length: 32 }, (_, i) => 200 - i);
    await log.append(secret);
    await log.append(bytes(1));
    await log.snapshot(new Map(), 0);
    await log.append(bytes(2), secret);
    await log.append(bytes(3));
    await log.compact({ edit: (record) => (record.length < 32 ? record : record.length > 32 ? record.slice(0, 1) : undefined) });
    expect([await recordsOf(log, 0), await recordsOf(log, 1)]).toEqual([[[1]], [[2], [3]]]);
    await log.close();
    const storage = await open("read");
    for (const file of await storage.list()) expect(String(await storage.read(file, 0, 1e6))).not.toContain(String(secret));
    await storage.close();
  });

  it("keeps one value, as a store does", async () => {
    await store.write(big);
    await make("a store").write(bytes(1, 2));
    expect(await store.read()).toEqual(bytes(1, 2));
    expect(await make("another").read()).toBeUndefined();
    await store.write(bytes());
    expect(await store.read()).toBeUndefined();
    const storage = await open("read");
    expect(await storage.list()).toEqual([]);
    await storage.close();
  });
});

it.runIf(globalThis.indexedDB !== undefined)("says what is in the way of a folder in OPFS", async () => {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("palimpsest", { create: true });
  await folder.getFileHandle("in the way", { create: true });
  const expected = { code: "E_PATH", hint: "Take another name, or remove the file." };
  await expect(stores.opfs("in the way").read()).rejects.toMatchObject(expected);
  await expect(stores.auto("in the way").write(bytes(1))).rejects.toMatchObject(expected);
  await folder.removeEntry("in the way");
});
