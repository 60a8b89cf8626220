import { describe, expect, it } from "vitest";
import * as streams from "../../src/stream/index.ts";

const setOf = (counts: readonly number[]): streams.Dataset => {
  const labels = counts.flatMap((count, label) => new Array<number>(count).fill(label));
  return streams.arrays(
    Float32Array.from(labels, (_, i) => i),
    labels,
    { shape: [1], classes: counts.length },
  );
};
const labelsOf = (set: streams.Dataset): number[] => [...streams.readRows(set, 0, set.count).y];
const countsOf = (set: streams.Dataset): number[] =>
  Array.from({ length: set.classes }, (_, label) => labelsOf(set).filter((other) => other === label).length);

describe("a long-tailed set", () => {
  it("keeps exponentially fewer of each class, in the order of the set", () => {
    const set = setOf(new Array<number>(10).fill(500));
    // The published counts of long-tailed CIFAR-10, imbalance 100.
    const tail = streams.longTailed(setOf(new Array<number>(10).fill(5000)), { ratio: 0.01 });
    expect(countsOf(tail)).toEqual([5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]);
    const rows = [...streams.readRows(tail, 0, tail.count).x];
    expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b));
    expect(streams.longTailed(set, { ratio: 0.1 }).x).toBe(set.x);
    expect(countsOf(streams.longTailed(set, { ratio: 1 }))).toEqual(countsOf(set));
    expect(countsOf(streams.longTailed(setOf([3, 8, 8]), { ratio: 0.25, order: [2, 0, 1] }))).toEqual([3, 2, 8]);
    expect(countsOf(streams.longTailed(setOf([5, 5]), { ratio: 1e-9 }))).toEqual([5, 1]);
    const chosen = (seed: number) => [...streams.readRows(streams.longTailed(set, { ratio: 0.1, seed }), 500, 600).x];
    expect(chosen(1)).toEqual(chosen(1));
    expect(chosen(1)).not.toEqual(chosen(2));
  });

  it("refuses what cannot be", () => {
    for (const [options, named] of [
      [{ ratio: 0 }, "ratio"],
      [{ ratio: 1.5 }, "ratio"],
      [{ ratio: 0.5, order: [0, 0] }, "order"],
      [{ ratio: 0.5, imbalance: 2 }, "imbalance"],
    ] as const) {
      const make = () => streams.longTailed(setOf([2, 2]), options as streams.LongTailedOptions);
      expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }));
    }
    expect(() => streams.longTailed(setOf([2, 0]), { ratio: 0.5 })).toThrow(expect.objectContaining({ code: "E_DATA" }));
  });
});

describe("noisy labels", () => {
  const set = setOf([4000, 4000, 4000, 4000]);

  it.each(["symmetric", "pairwise"] as const)("are wrong at the rate, as %s noise has it", (kind) => {
    const noisy = streams.noisyLabels(set, { rate: 0.3, kind, seed: 2 });
    const [labels, truth] = [labelsOf(noisy), streams.trueLabels(noisy)];
    expect([...truth]).toEqual(labelsOf(set));
    expect(noisy.x).toBe(set.x);
    const offsets = new Float64Array(4);
    for (const [i, label] of labels.entries()) {
      const offset = (label - (truth[i] as number) + 4) % 4;
      offsets[offset] = (offsets[offset] as number) + 1 / labels.length;
    }
    const expected = kind === "pairwise" ? [0.7, 0.3, 0, 0] : [0.7, 0.1, 0.1, 0.1];
    // Four deviations are 0.0145.
    for (const [i, share] of expected.entries()) expect(Math.abs((offsets[i] as number) - share)).toBeLessThan(share === 0 ? 1e-12 : 0.015);
  });

  it("belong to the stored row, in whatever set it comes", () => {
    const noisy = streams.noisyLabels(set, { rate: 0.5, seed: 9 });
    const all = labelsOf(noisy);
    const some = streams.select(noisy, [15_000, 3, 3, 8000]);
    expect(labelsOf(some)).toEqual([15_000, 3, 3, 8000].map((row) => all[row]));
    expect([...streams.trueLabels(some as streams.NoisyDataset)]).toEqual([3, 0, 0, 2]);
    const late = streams.noisyLabels(streams.select(set, [15_000, 3, 8000]), { rate: 0.5, seed: 9 });
    expect(labelsOf(late)).toEqual([15_000, 3, 8000].map((row) => all[row]));
    expect([...streams.trueLabels(late)]).toEqual([3, 0, 2]);
    expect(labelsOf(streams.noisyLabels(set, { rate: 0.5, seed: 10 }))).not.toEqual(all);
    expect(labelsOf(streams.noisyLabels(set, { rate: 0 }))).toEqual(labelsOf(set));
    expect(labelsOf(streams.noisyLabels(set, { rate: 1 })).some((label, row) => label === Math.floor(row / 4000))).toBe(false);
    const { tasks } = streams.splitClasses({ train: noisy, test: set }, { tasks: 2 });
    expect(labelsOf(tasks[0]?.train as streams.Dataset).every((label) => label < 2)).toBe(true);
  });

  it("refuse what cannot be", () => {
    for (const [options, named] of [
      [{ rate: 1.1 }, "rate"],
      [{ rate: 0.1, kind: "pair" }, "kind"],
      [{ rate: 0.1, seed: 1.5 }, "seed"],
      [{ share: 0.1 }, "share"],
    ] as const) {
      const make = () => streams.noisyLabels(set, options as streams.NoisyLabelsOptions);
      expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }));
    }
    expect(() => streams.noisyLabels(setOf([3]), { rate: 0.1 })).toThrow(expect.objectContaining({ code: "E_DATA" }));
  });
});
