import * as files from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { folderStore } from "../../src/store/folder.ts";
import { stores } from "../../src/store/index.ts";
import { openLog, readLog } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
});
afterEach(() => rm(folder, { recursive: true }));
const bytes = (...values: number[]) => Uint8Array.from(values);
async function all(records: AsyncIterable<Uint8Array>) {
  const out = [];
  for await (const r of records) out.push([...r]);
  return out;
}
describe.each<[string, () => Store]>([
  ["memory", () => stores.memory("m")],
  ["folder", () => folderStore(join(folder, "m"))],
])("%s", (_, make) => {
  it("works", async () => {
    const store = make();
    const open = store.open!;
    let log = await openLog(await open("write"));
    expect(log.generations).toEqual([{ id: 0, snapshot: false, bytes: [0, 0] }]);
    await Promise.all([log.append(bytes(1)), log.append(bytes(2, 3)), log.append(bytes(4), bytes(5))]);
    expect(await all(log.records())).toEqual([[1], [2, 3], [4, 5]]);
    await log.snapshot(
      new Map([
        ["a", new Uint8Array(3_000_000).fill(7)],
        ["b", new Uint8Array(0)],
      ]),
    );
    await log.append(bytes(9));
    await log.close();
    log = await openLog(await open("write"));
    expect((await log.parts()).get("a")?.length).toBe(3_000_000);
    expect(await all(log.records())).toEqual([[9]]);
    expect(log.damage).toEqual([]);
    console.log(log.generations, log.stats());
    await log.append(bytes(10));
    await log.compact((r) => (r[0] === 9 ? undefined : r));
    expect(await all(log.records())).toEqual([[10]]);
    const reader = await readLog(await open("read"));
    expect(await all(reader.records())).toEqual([[10]]);
    await log.append(bytes(11));
    expect(await reader.refresh()).toBe(true);
    expect(await all(reader.records())).toEqual([[10], [11]]);
    await expect(openLog(await open("write"))).rejects.toMatchObject({ code: "E_LOCKED" });
    const thief = await openLog(await open("write"), { steal: true });
    await expect(log.append(bytes(12))).rejects.toMatchObject({ code: "E_LOCKED" });
    await thief.append(bytes(13));
    expect(await all(thief.records())).toEqual([[10], [11], [13]]);
    await thief.close();
    await store.write(bytes(1, 2, 3));
    expect(await store.read()).toEqual(bytes(1, 2, 3));
    if (files.existsSync(join(folder, "m"))) console.log(files.readdirSync(join(folder, "m")));
    await store.remove();
    expect(files.readdirSync(folder)).toEqual([]);
  });
});
