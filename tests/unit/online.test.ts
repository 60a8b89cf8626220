import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as streams from "../../src/stream/index.ts";

/** `counts[t]` rows of class t, each of them [number among all, task]. */
function scenarioOf(counts: readonly number[]): streams.Scenario {
  const labels = counts.flatMap((count, task) => new Array<number>(count).fill(task));
  const x = Float32Array.from({ length: 2 * labels.length }, (_, k) => (k % 2 === 0 ? k / 2 : (labels[(k - 1) / 2] as number)));
  const set = streams.arrays(x, labels, { shape: [2], classes: counts.length });
  return streams.splitClasses({ train: set, test: set }, { tasks: counts.length });
}
const rowsOf = (batches: Iterable<streams.Batch>): number[] => [...batches].flatMap(({ x }) => [...x].filter((_, k) => k % 2 === 0));
const sorted = (rows: readonly number[]): number[] => [...rows].sort((a, b) => a - b);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const someCounts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });

describe("one stream over a scenario", () => {
  it("has every row of every task once a pass, task after task, in whole batches without a task", () => {
    fc.assert(
      fc.property(someCounts, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 }), (counts, batchSize, passes) => {
        const stream = streams.online(scenarioOf(counts), { batchSize, passes, seed: 4 });
        const batches = [...stream];
        const total = counts.reduce((sum, count) => sum + count, 0) * passes;
        expect([stream.rows, stream.count]).toEqual([total, batches.length]);
        expect(batches.slice(0, -1).every(({ y }) => y.length === batchSize)).toBe(true);
        expect(batches.some((batch) => "task" in batch)).toBe(false);
        const rows = rowsOf(batches);
        const labels = batches.flatMap(({ y }) => [...(y as Uint32Array)]);
        expect(upTo(total).map((row) => stream.taskOf(row))).toEqual(labels);
        let [at, first] = [0, 0];
        for (const [task, count] of counts.entries()) {
          for (let pass = 0; pass < passes; pass++, at += count) {
            expect(sorted(rows.slice(at, at + count))).toEqual(upTo(count).map((i) => first + i));
            expect(new Set(labels.slice(at, at + count))).toEqual(new Set([task]));
          }
          first += count;
        }
      }),
    );
  });

  it("tells reports where tasks begin", () => {
    const scenario = scenarioOf([7, 5, 8]);
    expect(streams.online(scenario, { batchSize: 4, passes: 2 }).boundaries).toEqual([
      { task: 1, row: 14, batch: 3 },
      { task: 2, row: 24, batch: 6 },
    ]);
    const told = streams.online(scenario, { batchSize: 4, hide: false });
    expect(told.boundaries).toEqual([
      { task: 1, row: 7, batch: 2 },
      { task: 2, row: 12, batch: 4 },
    ]);
    expect([...told].map(({ y, task }) => [y.length, task])).toEqual([
      [4, 0],
      [3, 0],
      [4, 1],
      [1, 1],
      [4, 2],
      [4, 2],
    ]);
    expect(told.count).toBe(6);
    // Whether it is hidden or not, the rows are those of the seed.
    expect(rowsOf(told)).toEqual(rowsOf(streams.online(scenario, { batchSize: 4 })));
  });

  it("goes on at any batch as it would have, and has an order by the seed", () => {
    const scenario = scenarioOf([11, 6, 9]);
    for (const hide of [true, false]) {
      const options = { batchSize: 4, passes: 2, hide, seed: 7 };
      const all = [...streams.online(scenario, options)];
      for (let skip = 0; skip <= all.length + 1; skip++)
        expect([...streams.online(scenario, { ...options, skip })]).toEqual(all.slice(skip));
      expect(rowsOf(streams.online(scenario, { ...options, seed: 8 }))).not.toEqual(rowsOf(all));
    }
    const [first, second] = [rowsOf(streams.online(scenario, { batchSize: 11, passes: 2 })).slice(0, 11), upTo(11)];
    expect(first).not.toEqual(second);
  });

  it("sees pixels as each task does", () => {
    const x = Uint8Array.from({ length: 40 }, (_, k) => k);
    const set = streams.arrays(x, upTo(10), { shape: [4] });
    const scenario = streams.permuted({ train: set, test: set }, { tasks: 2 });
    const stream = streams.online(scenario, { batchSize: 20 });
    const [batch] = stream as Iterable<streams.Batch & { y: Uint32Array }>;
    for (const [i, label] of (batch?.y ?? []).entries()) {
      const { train } = scenario.tasks[stream.taskOf(i)] as streams.Task;
      expect(batch?.x.slice(4 * i, 4 * i + 4)).toEqual(streams.readRows(train, label, label + 1).x);
    }
  });

  it.each([
    [{ batchSize: 0 }, "batchSize"],
    [{ batchSize: 2, passes: 0 }, "passes"],
    [{ batchSize: 2, seed: -1 }, "seed"],
    [{ batchSize: 2, skip: 0.5 }, "skip"],
    [{ batchSize: 2, hide: "yes" }, "hide"],
    [{ batchSize: 2, epochs: 2 }, "epochs"],
  ])("refuses %o", (options, named) => {
    const make = () => streams.online(scenarioOf([3]), options as streams.OnlineOptions);
    expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }));
  });
});

describe("blurry boundaries", () => {
  it("have every row once, whatever the width and the blend, and go on at any batch", () => {
    fc.assert(
      fc.property(
        someCounts,
        fc.integer({ min: 0, max: 60 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 99 }),
        (counts, width, linear, seed) => {
          const scenario = scenarioOf(counts);
          const options = { batchSize: 4, width, blend: linear ? ("linear" as const) : ("sigmoid" as const), seed };
          const stream = streams.blurry(scenario, options);
          const batches = [...stream];
          const rows = rowsOf(batches);
          expect(sorted(rows)).toEqual(upTo(stream.rows));
          expect(batches.flatMap(({ y }) => [...(y as Uint32Array)])).toEqual(upTo(stream.rows).map((row) => stream.taskOf(row)));
          expect(batches.some((batch) => "task" in batch)).toBe(false);
          expect([...streams.blurry(scenario, { ...options, skip: 1 })]).toEqual(batches.slice(1));
          if (width === 0)
            expect(upTo(stream.rows).map((row) => stream.taskOf(row))).toEqual(counts.flatMap((n, task) => new Array(n).fill(task)));
        },
      ),
    );
  });

  it("have the shares of their blend", () => {
    const starts = [0, 100, 200];
    const at = (row: number, width: number, blend: streams.Blend) => streams.blendShares(starts, row, { width, blend });
    expect(at(99, 50, "linear").map((share) => Number(share.toFixed(12)))).toEqual([0.51, 0.49, 0]);
    expect(at(74, 50, "linear")).toEqual([1, 0, 0]);
    expect(at(125, 50, "linear")).toEqual([0, 1, 0]);
    // 25 rows past the middle of 50: 1/(1 + e^-2).
    expect(at(124.5, 50, "sigmoid")[1]).toBeCloseTo(1 / (1 + Math.exp(-2)) - 1 / (1 + Math.exp(6)), 12);
    for (const blend of ["linear", "sigmoid"] as const) {
      for (let row = 0; row < 300; row += 7) {
        const shares = at(row, 180, blend);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it.each(["linear", "sigmoid"] as const)("mix with those chances: %s", (blend) => {
    const counts = [60, 60, 60];
    const scenario = scenarioOf(counts);
    const runs = 1500;
    const seen = new Float64Array(3 * 180);
    for (let seed = 0; seed < runs; seed++) {
      const stream = streams.blurry(scenario, { batchSize: 10, width: 30, blend, seed });
      for (let row = 0; row < 180; row++) {
        const at = 180 * stream.taskOf(row) + row;
        seen[at] = (seen[at] as number) + 1 / runs;
      }
    }
    let worst = 0;
    for (let row = 0; row < 180; row++) {
      const shares = streams.blendShares([0, 60, 120], row, { width: 30, blend });
      for (const [task, share] of shares.entries()) worst = Math.max(worst, Math.abs((seen[180 * task + row] as number) - share));
    }
    // Four deviations of a share over that many runs are 0.052, its bias where a blend ends is 0.06, but there shares are small.
    expect(worst).toBeLessThan(0.08);
  });

  it.each([
    [{ batchSize: 2, width: -1 }, "width"],
    [{ batchSize: 2 }, "width"],
    [{ batchSize: 2, width: 3, blend: "cubic" }, "blend"],
    [{ batchSize: 2, width: 3, hide: true }, "hide"],
  ])("refuse %o", (options, named) => {
    const make = () => streams.blurry(scenarioOf([3]), options as streams.BlurryOptions);
    expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }));
  });
});
