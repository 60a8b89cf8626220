import { describe, expect, it } from "vitest";
import { decodeCheckpoint, encodeCheckpoint, type Store, sha256Hex, stores } from "../../src/store/index.ts";

const value = Uint8Array.from({ length: 70_000 }, (_, i) => 31 * i);

const places: [string, (name: string) => Store][] = [["auto", stores.auto]];
if (globalThis.indexedDB !== undefined) places.push(["indexeddb", stores.indexeddb], ["opfs", stores.opfs]);

describe.each(places)("stores.%s", (_, open) => {
  it("keeps, replaces and removes one value, also when opened again", async () => {
    const name = "runtime test";
    await open(name).remove();
    expect(await open(name).read()).toBeUndefined();
    const store = open(name);
    await store.write(value);
    await store.write(value.subarray(10, 20));
    expect(await open(name).read()).toEqual(value.slice(10, 20));
    expect(await open("another").read()).toBeUndefined();
    const done = Promise.all([store.write(value), store.read(), store.remove(), store.read(), store.write(value.subarray(1, 4))]);
    expect(await store.read()).toEqual(value.slice(1, 4));
    expect((await done).map((found) => found?.length)).toEqual([undefined, value.length, undefined, undefined, undefined]);
    await store.remove();
    expect(await open(name).read()).toBeUndefined();
  });
});

it("writes the same checkpoint in every runtime", async () => {
  const meta = { model: "m", config: { a: 1e-8, b: 0.1 }, counters: { step: 1 }, random: {}, schedule: null, engine: "x" };
  const bytes = await encodeCheckpoint({ meta, tensors: new Map([["w", { dtype: "U8", shape: [70_000], data: value }]]) });
  expect(await sha256Hex(bytes)).toBe("074aaee10e18d3d9ff7a7be2ab0222ee1d53acbee4f6966898d62795384eab65");
  expect((await decodeCheckpoint(bytes, "c")).meta).toEqual(meta);
});
