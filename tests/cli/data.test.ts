import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawGlyphs, sample, standardize } from "../../src/cli/data.ts";
import { readFolder } from "../../src/cli/folder.ts";
import { arrays, type Dataset, readRows, select } from "../../src/stream/index.ts";
import { writeSet } from "./stage.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
});
afterAll(() => rm(folder, { recursive: true }));

const rowsOf = (set: Dataset): string[] => {
  const { x, y } = readRows(set, 0, set.count);
  return Array.from(y, (label, i) => `${label}:${x.subarray(i * 64, (i + 1) * 64)}`);
};

describe("a folder with one part", () => {
  it.each(["train", "t10k"] as const)("(%s) is divided, a sixth to test, the same way each time", async (part) => {
    const path = await writeSet(join(folder, part), 240, [part]);
    const whole = part === "train" ? 240 : 120;
    const [once, again] = [await readFolder(path), await readFolder(path)];
    expect([once.name, once.train.count, once.test.count]).toEqual([part, (whole * 5) / 6, whole / 6]);
    const all = [...rowsOf(once.train), ...rowsOf(once.test)];
    expect(new Set(all).size).toBe(whole);
    expect([...rowsOf(again.train), ...rowsOf(again.test)]).toEqual(all);
    expect(new Set(readRows(once.test, 0, once.test.count).y).size).toBeGreaterThan(5);
  });
});

describe("standardize", () => {
  const moments = (set: Dataset) => {
    const { scale, offset } = standardize(set);
    const seen = Array.from(readRows(set, 0, set.count).x, (value) => value * scale + offset);
    const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length;
    return { mean, deviation: Math.sqrt(seen.reduce((sum, value) => sum + (value - mean) ** 2, 0) / seen.length) };
  };

  it("gives bytes and floats mean 0 and deviation 1", () => {
    expect(standardize(arrays(Uint8Array.of(0, 255, 255, 0), [0, 1], { shape: [2] }))).toEqual({ scale: 1 / 127.5, offset: -1 });
    for (const set of [drawGlyphs(50).train, arrays(Float32Array.of(3, 4, 8, -1, 0, 2), [0, 1, 0], { shape: [2] })]) {
      const { mean, deviation } = moments(set);
      expect(mean).toBeCloseTo(0, 9);
      expect(deviation).toBeCloseTo(1, 9);
    }
  });

  it("counts only the rows of the set, and leaves a set of one value at 0", () => {
    const set = arrays(Uint8Array.of(0, 2, 100, 100, 4, 6), [0, 1, 0], { shape: [2] });
    expect(moments(select(set, [0, 2])).mean).toBeCloseTo(0, 12);
    expect(standardize(select(set, [1]))).toEqual({ scale: 1, offset: -100 });
  });
});

describe("sample", () => {
  it("takes rows of the whole set, each once, and all where there are not more", () => {
    const { train } = drawGlyphs(1000);
    const some = sample(train, 100);
    expect(some.count).toBe(100);
    expect(new Set(some.rows).size).toBe(100);
    expect(new Set(readRows(some, 0, 100).y).size).toBe(10);
    expect(sample(train, 1000)).toBe(train);
  });
});
