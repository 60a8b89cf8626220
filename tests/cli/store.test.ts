import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Learner, memory, nn, openRuntime, optim, stores, strategies } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "./stage.ts";

let folder = "";
let path = "";
let hash = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
  path = join(folder, "model");
  const learner = await Learner.create(await openRuntime({ backend: "wasm" }), {
    ...{ model: nn.sequential(nn.linear(5), nn.classifier({ capacity: 2 })), input: [3], optimizer: optim.adamw(), schedule: 0.01 },
    ...{ memory: memory.reservoir({ capacity: 8 }), strategies: [strategies.replay({ batchSize: 2 })] },
    ...{ store: stores.folder(path), durability: "relaxed" },
  });
  for (let step = 0; step < 3; step++)
    await learner.observe({ x: Float32Array.from({ length: 6 }, (_, i) => 1000 * step + i * i), y: [0, 1], id: [2 * step, 2 * step + 1] });
  hash = await learner.stateHash();
  await learner.close();
});
afterAll(() => rm(folder, { recursive: true }));

const hashOf = async (folder: string): Promise<string> => {
  const learner = await Learner.open(await openRuntime({ backend: "wasm" }), stores.folder(folder));
  const found = await learner.stateHash();
  await learner.close();
  return found;
};

describe("palimpsest status and verify", () => {
  it("tell what a store holds", async () => {
    const [line] = (await run(["status", path, "--json"])).lines();
    expect(line).toMatchObject({ type: "status", place: "files", snapshot: { step: 0 }, records: { count: 3 }, damage: [] });
    expect((await run(["status", path])).out).toMatch(/0 steps, 0 rows, in a snapshot of \d+ bytes\n {2}3 changes since/);
    expect(await run(["verify", path])).toMatchObject({ code: 0, out: expect.stringContaining("sound") });
  });

  it("end with 6 where a byte is wrong, whichever it is", async () => {
    const copy = join(folder, "damaged");
    await run(["export", path, join(folder, "whole")]);
    await run(["import", join(folder, "whole"), copy]);
    expect((await run(["verify", copy])).code).toBe(0);
    for (const name of await readdir(copy)) {
      const bytes = await readFile(join(copy, name));
      const wrong = Uint8Array.from(bytes);
      const at = Math.floor(bytes.length / 3);
      wrong[at] = (wrong[at] as number) ^ 0x40;
      await writeFile(join(copy, name), wrong);
      // Bytes of a head between its slots mean nothing.
      if (!name.startsWith("head")) expect((await run(["verify", copy])).code, name).toBe(6);
      await writeFile(join(copy, name), bytes);
    }
    expect((await run(["verify", copy])).code).toBe(0);
  });
});

describe("palimpsest repair", () => {
  /** Flips a bit in the middle of a file. */
  const harm = async (file: string): Promise<void> => {
    const bytes = await readFile(file);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] as number) ^ 1;
    await writeFile(file, bytes);
  };
  /** A store of two snapshots, with two steps after each, and its state. */
  const saved = async (name: string): Promise<{ store: string; hash: string; hashThen: string }> => {
    const store = join(folder, name);
    await run(["export", path, join(folder, "first")]);
    await run(["import", join(folder, "first"), store]);
    const learner = await Learner.open(await openRuntime({ backend: "wasm" }), stores.folder(store));
    const batch = (step: number) => ({ x: Float32Array.from({ length: 6 }, (_, i) => step + i), y: [1, 0] });
    await learner.save();
    const hashThen = await learner.stateHash();
    for (let step = 0; step < 2; step++) await learner.observe(batch(step));
    await learner.save();
    for (let step = 2; step < 4; step++) await learner.observe(batch(step));
    const hash = await learner.stateHash();
    await learner.close();
    return { store, hash, hashThen };
  };

  it("takes the snapshot before a damaged one, and does again what was recorded since: nothing is lost", async () => {
    const { store, hash } = await saved("two");
    expect((await run(["status", store])).out).toMatch(/older snapshots after steps 3/);
    const sizes = await Promise.all(
      (await readdir(store)).map(async (name) => [name, (await readFile(join(store, name))).length] as const),
    );
    // The largest files are snapshots; the later one has the higher number.
    const snapshots = sizes.filter(([name, size]) => !name.startsWith("head") && size > 1200).map(([name]) => name);
    await harm(join(store, snapshots.sort((a, b) => Number(b.split(".")[1]) - Number(a.split(".")[1]))[0] as string));
    await expect(hashOf(store)).rejects.toMatchObject({ code: "E_CORRUPT", hint: expect.stringContaining("palimpsest repair") });
    const [line] = (await run(["verify", store, "--json"])).lines();
    expect(line).toMatchObject({ sound: false, lost: [], damage: [expect.stringMatching(/^snapshot \d+: /)] });
    expect(await run(["repair", store])).toMatchObject({ code: 0, out: expect.stringContaining("mended") });
    expect(await hashOf(store)).toBe(hash);
    expect(await run(["repair", store])).toMatchObject({ code: 0, out: expect.stringContaining("sound") });
  });

  it("goes on without what is lost only when told to", async () => {
    const { store } = await saved("three");
    const names = (await readdir(store)).filter((name) => !name.startsWith("head"));
    const order = (name: string): number => Number(name.split(".")[1]);
    // The last file has the last records.
    await harm(join(store, names.sort((a, b) => order(b) - order(a))[0] as string));
    const refused = await run(["repair", store]);
    expect(refused.code).toBe(6);
    expect(refused.err).toMatch(/cannot be made whole; expected that nothing is lost, got \d+ bytes of records in/);
    expect((await run(["repair", store, "--discard"])).out).toMatch(/mended\n(.*\n)* {2}lost: \d+ bytes of records/);
    await hashOf(store);
  });

  it("finds the last whole snapshot where no head is", async () => {
    const { store } = await saved("four");
    for (const name of await readdir(store)) if (name.startsWith("head")) await rm(join(store, name));
    expect((await run(["repair", store])).err).toMatch(/no head is whole/);
    expect((await run(["repair", store, "--discard"])).code).toBe(0);
    const [line] = (await run(["status", store, "--json"])).lines();
    expect(line).toMatchObject({ snapshot: { step: 5 }, records: { count: 0 }, older: [] });
    expect((await run(["verify", store])).code).toBe(0);
  });
});

describe("palimpsest verify, export and import of rows in a file", () => {
  it("read each row that the snapshot speaks of, and take all with them", async () => {
    const paged = join(folder, "paged");
    const options = { store: stores.folder(paged), durability: "relaxed", residentBytes: 0 } as const;
    const learner = await Learner.create(await openRuntime({ backend: "wasm" }), {
      ...{ model: nn.sequential(nn.linear(5), nn.classifier({ capacity: 2 })), input: [3], optimizer: optim.adamw(), schedule: 0.01 },
      ...{ memory: memory.ring({ capacity: 4 }), strategies: [strategies.replay({ batchSize: 2 })], ...options },
    });
    for (let step = 0; step < 4; step++) await learner.observe({ x: Float32Array.from({ length: 6 }, (_, i) => step + i), y: [0, 1] });
    await learner.save();
    const expected = await learner.stateHash();
    await learner.close();
    expect((await run(["verify", paged])).code).toBe(0);
    expect((await run(["export", paged, join(folder, "paged.one")])).code).toBe(0);
    expect((await run(["import", join(folder, "paged.one"), join(folder, "paged again")])).code).toBe(0);
    expect(await hashOf(join(folder, "paged again"))).toBe(expected);
    const rows = join(paged, (await readdir(paged)).find((name) => name.startsWith("rows.")) as string);
    const bytes = await readFile(rows);
    const codes: number[] = [];
    for (let at = 0; at < bytes.length; at++) {
      await writeFile(
        rows,
        bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)),
      );
      codes.push((await run(["verify", paged])).code);
    }
    // Four rows of four words each; the rest is what nobody speaks of.
    expect(codes.filter((code) => code === 6)).toHaveLength(4 * 16);
    expect(codes.filter((code) => code === 0)).toHaveLength(bytes.length - 4 * 16);
  });
});

describe("palimpsest export and import", () => {
  it("carry the whole state", async () => {
    const [file, other] = [join(folder, "model.safetensors"), join(folder, "other")];
    expect((await run(["export", path, file])).code).toBe(0);
    expect((await run(["import", file, other, "--json"])).lines()[0]).toMatchObject({ type: "import", file });
    expect(await hashOf(other)).toBe(hash);
    expect(await run(["import", file, other])).toMatchObject({ code: 1, err: expect.stringContaining("holds a learner") });
    expect(await run(["import", join(folder, "none"), other])).toMatchObject({ code: 3, err: expect.stringContaining("there is no file") });
  });
});

describe("palimpsest forget", () => {
  it("leaves no byte of a row", async () => {
    const store = join(folder, "forgetful");
    await run(["export", path, join(folder, "before")]);
    await run(["import", join(folder, "before"), store]);
    // The first of step 1, whose id is 2.
    const row = new Uint8Array(Float32Array.of(1000, 1001, 1004).buffer);
    const holds = async (): Promise<boolean[]> =>
      Promise.all((await readdir(store)).map(async (name) => (await readFile(join(store, name))).includes(Buffer.from(row))));
    expect(await holds()).toContain(true);
    const [line] = (await run(["forget", store, "2,5", "--json"])).lines();
    expect(line).toMatchObject({ type: "forget", forgotten: 2 });
    expect(await holds()).not.toContain(true);
  });

  it("does again what was recorded since the rows came, where it is to be exact", async () => {
    const store = join(folder, "exact");
    const learner = async (ids: readonly number[], more: object) => {
      const made = await Learner.create(await openRuntime({ backend: "wasm" }), {
        ...{
          model: nn.sequential(nn.classifier({ capacity: 2 })),
          input: [3],
          optimizer: optim.adamw(),
          schedule: 0.01,
          batchSize: 1,
          ...more,
        },
      });
      for (const id of ids) await made.observe({ x: Float32Array.of(id, 1, -id), y: [id % 2], id: [id] });
      const hash = await made.stateHash();
      await made.close();
      return hash;
    };
    await learner([1, 2, 3, 4, 5], { store: stores.folder(store), durability: "strict" });
    const [line] = (await run(["forget", store, "2,4", "--exact", "--json"])).lines();
    expect(line).toMatchObject({ forgotten: 2, exact: true, repeated: 3 });
    expect(await hashOf(store)).toBe(await learner([1, 3, 5], {}));
  });

  it.each<[string[], RegExp]>([
    [["status"], /the words do not fit; expected FOLDER, got nothing/],
    [["export", "a"], /expected FOLDER FILE, got a/],
    [["verify", "nowhere"], /nothing was saved here/],
    [["forget", "nowhere", "1"], /nothing was saved in/],
    [["status", "x", "--jsn"], /--json/],
  ])("refuses %j", async (words, message) => {
    const { code, out, err } = await run(words);
    expect([code > 0, out]).toEqual([true, ""]);
    expect(err).toMatch(message);
  });
});
