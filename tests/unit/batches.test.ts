import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchesOptions, batchCount, batches } from "../../src/stream/batches.ts";
import { arrays, type Dataset, readRows, select, viewed } from "../../src/stream/dataset.ts";

/** Row i is [i, 10 i] with label i mod 3. */
const counting = (count: number): Dataset =>
  arrays(
    Float32Array.from({ length: 2 * count }, (_, k) => (k % 2 === 0 ? k / 2 : 5 * (k - 1))),
    Uint8Array.from({ length: count }, (_, i) => i % 3),
    { shape: [2], classes: 3 },
  );
const rowsOf = (dataset: Dataset, options: BatchesOptions): number[][] =>
  [...batches(dataset, options)].map((batch) => [...batch.x].filter((_, k) => k % 2 === 0));

describe("batches", () => {
  it("yields every row once per epoch, whole rows with their labels, the last batch partial", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 3 }),
        (count, batchSize, epochs) => {
          const dataset = counting(count);
          const all = [...batches(dataset, { batchSize, epochs, seed: 5 })];
          const perEpoch = Math.ceil(count / batchSize);
          expect(all.length).toBe(perEpoch * epochs);
          expect(batchCount(dataset, { batchSize, epochs })).toBe(all.length);
          for (const [k, batch] of all.entries()) {
            const last = k % perEpoch === perEpoch - 1;
            expect(batch.y.length).toBe(last ? count - (perEpoch - 1) * batchSize : batchSize);
            for (let i = 0; i < batch.y.length; i++) {
              expect(batch.x[2 * i + 1]).toBe(10 * (batch.x[2 * i] as number));
              expect(batch.y[i]).toBe((batch.x[2 * i] as number) % 3);
            }
          }
          for (let e = 0; e < epochs; e++) {
            const seen = all.slice(e * perEpoch, (e + 1) * perEpoch).flatMap((batch) => [...batch.x].filter((_, k) => k % 2 === 0));
            expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
          }
        },
      ),
    );
  });

  it("orders by the seed, anew each epoch, and the same each time it is iterated", () => {
    const set = counting(50);
    const stream = batches(set, { batchSize: 50, epochs: 2, seed: 1 });
    const [first, second] = [...stream];
    expect([...stream]).toEqual([first, second]);
    expect(first).not.toEqual(second);
    expect(rowsOf(set, { batchSize: 50, seed: 2 })).not.toEqual(rowsOf(set, { batchSize: 50, seed: 1 }));
    expect(rowsOf(set, { batchSize: 20, shuffle: false }).flat()).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it("continues where a run stopped, at any batch", () => {
    const set = counting(23);
    const options = { batchSize: 4, epochs: 3, seed: 9 };
    const all = rowsOf(set, options);
    for (let skip = 0; skip <= all.length + 1; skip++) expect(rowsOf(set, { ...options, skip })).toEqual(all.slice(skip));
  });

  it("writes the task only where it is given", () => {
    const [plain] = batches(counting(2), { batchSize: 2 });
    const [named] = batches(counting(2), { batchSize: 2, task: 3 });
    expect(plain).not.toHaveProperty("task");
    expect(named).toHaveProperty("task", 3);
  });

  it.each([
    [{ batchSize: 0 }, "batchSize"],
    [{ batchSize: 2.5 }, "batchSize"],
    [{ batchSize: 2, epochs: 0 }, "epochs"],
    [{ batchSize: 2, skip: -1 }, "skip"],
    [{ batchSize: 2, seed: Number.NaN }, "seed"],
    [{ batchSize: 2, suffle: true }, "suffle"],
  ])("refuses %o before anything is read", (options, named) => {
    expect(() => batches(counting(4), options)).toThrow(
      expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }),
    );
  });
});

describe("data sets", () => {
  it("selects rows of rows, sharing pixels", () => {
    const set = counting(10);
    const odd = select(set, [1, 3, 5, 7, 9], "odd");
    const two = select(odd, [4, 0]);
    expect(two.x).toBe(set.x);
    expect(two).toMatchObject({ name: "odd", count: 2 });
    expect(readRows(two, 0, 2)).toEqual({ x: Float32Array.of(9, 90, 1, 10), y: Uint32Array.of(0, 1) });
    expect(() => select(odd, [5])).toThrow(expect.objectContaining({ code: "E_DATA", message: expect.stringContaining("0 to 4, got 5") }));
  });

  it("applies views in the order they were put on", () => {
    const twice = viewed(counting(3), (source, from, target, to) => {
      for (let i = 0; i < 2; i++) target[to + i] = 2 * (source[from + i] as number);
    });
    const swapped = viewed(twice, (source, from, target, to) => {
      target[to] = (source[from + 1] as number) + 1;
      target[to + 1] = source[from] as number;
    });
    expect(readRows(swapped, 1, 3).x).toEqual(Float32Array.of(21, 2, 41, 4));
  });

  it.each([
    ["values that are not whole rows", () => arrays(new Float32Array(5), [0, 1], { shape: [2] }), "E_SHAPE", "2 × 2 = 4 values, got 5"],
    ["another dtype", () => arrays(new Float64Array(4) as never, [0, 1], { shape: [2] }), "E_SHAPE", "got Float64Array of 4"],
    ["no rows", () => arrays(new Float32Array(0), [], { shape: [2] }), "E_DATA", "at least one row"],
    ["a label that is no class", () => arrays(new Float32Array(4), [0, 2], { shape: [2], classes: 2 }), "E_DATA", "label of row 1"],
    ["a label that is no number", () => arrays(new Float32Array(4), [Number.NaN, 0], { shape: [2] }), "E_DATA", "label of row 0"],
    ["a shape of zero", () => arrays(new Float32Array(4), [0, 1], { shape: [0] }), "E_CONFIG", "shape"],
    ["no shape", () => arrays(new Float32Array(4), [0, 1], { shape: [] }), "E_CONFIG", "shape"],
  ])("refuses %s", (_, make, code, message) => {
    expect(make).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });
});
