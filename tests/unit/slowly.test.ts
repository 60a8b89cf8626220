import { describe, expect, it } from "vitest";
import * as streams from "../../src/stream/index.ts";

/** Rows as text of bits, and their values. */
const rowsOf = (options: streams.SlowlyChangingOptions): { bits: string[]; values: number[] } => {
  const { inputs = 20 } = options;
  const batches = [...streams.slowlyChanging(options)];
  return {
    bits: batches.flatMap(({ x }) => Array.from({ length: x.length / inputs }, (_, i) => x.slice(i * inputs, (i + 1) * inputs).join(""))),
    values: batches.flatMap(({ y }) => Array.from(y)),
  };
};
const distance = (a: string, b: string): number => [...a].filter((bit, k) => bit !== b[k]).length;

describe("slowly-changing regression", () => {
  it("holds the first bits and draws the others for each row", () => {
    const { bits } = rowsOf({ rows: 4000, every: 500, batchSize: 7, seed: 2 });
    expect(bits.length).toBe(4000);
    for (let phase = 0; phase < 8; phase++) {
      expect(new Set(bits.slice(500 * phase, 500 * phase + 500).map((row) => row.slice(0, 15))).size).toBe(1);
    }
    expect(new Set(bits.map((row) => row.slice(0, 15))).size).toBe(8);
    for (let k = 15; k < 20; k++) {
      // Four deviations are 0.032.
      expect(Math.abs(bits.filter((row) => row[k] === "1").length / 4000 - 0.5)).toBeLessThan(0.035);
    }
    expect(new Set(bits.map((row) => row.slice(15))).size).toBe(32);
  });

  it("draws all of the held bits anew, or flips one", () => {
    const held = (change: "resample" | "flip") =>
      rowsOf({ rows: 4000, every: 2, change, seed: 1 })
        .bits.map((row) => row.slice(0, 15))
        .filter((_, i) => i % 2 === 0);
    const flipped = held("flip");
    expect(new Set(flipped.slice(1).map((row, i) => distance(row, flipped[i] as string)))).toEqual(new Set([1]));
    const places = flipped.slice(1).map((row, i) => [...row].findIndex((bit, k) => bit !== flipped[i]?.[k]));
    expect(new Set(places).size).toBe(15);
    const drawn = held("resample");
    const moved = drawn.slice(1).reduce((sum, row, i) => sum + distance(row, drawn[i] as string), 0) / (drawn.length - 1);
    // Half of fifteen, four deviations 0.17.
    expect(Math.abs(moved - 7.5)).toBeLessThan(0.2);
  });

  it("has the values of its target, whose units are on as often as they should be", () => {
    const options = { rows: 30_000, every: 1, flipping: 0, batchSize: 100, seed: 3 };
    const stream = streams.slowlyChanging(options);
    let [sum, square] = [0, 0];
    for (const { x, y } of stream) {
      for (let i = 0; i < y.length; i++) {
        const value = y[i] as number;
        sum += value;
        square += value * value;
        if (i === 0) expect(stream.target(x.subarray(0, 20))).toBe(value);
      }
    }
    // With a bias of 1, at least 14 of 20 weights must agree with the bits, with −1 at least 17: variances 0.0544 and 0.0013 of a unit, one
    // hundred of which are nearly independent.
    const variance = square / 30_000 - (sum / 30_000) ** 2;
    expect(variance).toBeGreaterThan(1.4);
    expect(variance).toBeLessThan(5.6);
    const one = streams.slowlyChanging({ units: 1, seed: 0 });
    const values = new Set(
      Array.from({ length: 2 ** 12 }, (_, n) => one.target([...n.toString(2).padStart(12, "0"), ..."01011010"].map(Number))),
    );
    expect(values.size).toBeLessThanOrEqual(2);
    for (const value of values) expect(Number.isInteger(value) && Math.abs(value) <= 2).toBe(true);
  });

  it("depends on the seed and the row alone", () => {
    const options = { rows: 300, every: 40, seed: 5 };
    const straight = rowsOf(options);
    expect(rowsOf({ ...options, batchSize: 32 })).toEqual(straight);
    for (const change of ["resample", "flip"] as const) {
      const batches = [...streams.slowlyChanging({ ...options, change, batchSize: 7 })];
      expect(batches.length).toBe(streams.slowlyChanging({ ...options, batchSize: 7 }).count);
      for (const skip of [0, 3, 17, 42, 43]) {
        expect([...streams.slowlyChanging({ ...options, change, batchSize: 7, skip })]).toEqual(batches.slice(skip));
      }
    }
    expect(rowsOf({ ...options, seed: 6 })).not.toEqual(straight);
    // Values that are kept while bits stay are those computed each time.
    const wide = streams.slowlyChanging({ ...options, inputs: 70, flipping: 30 });
    for (const { x, y } of wide) expect(wide.target(x as Float32Array)).toBe(y[0]);
    const none = streams.slowlyChanging({ ...options, flipping: 20 });
    for (const { x, y } of none) expect(none.target(x as Float32Array)).toBe(y[0]);
  });

  it("is of this size unless told, and changes where it is said to", () => {
    const stream = streams.slowlyChanging();
    expect(stream.count).toBe(1_000_000);
    const late = streams.slowlyChanging({ rows: 10_001, batchSize: 1, skip: 9_998 });
    const [before, last, after] = [...late].map(({ x }) => x.slice(0, 15).join(""));
    expect(before).toBe(last);
    expect(after).not.toBe(last);
  });

  it.each([
    [{ rows: 0 }, "rows"],
    [{ flipping: 21 }, "flipping"],
    [{ change: "toggle" }, "change"],
    [{ beta: 1.5 }, "beta"],
    [{ every: 0.5 }, "every"],
    [{ bits: 20 }, "bits"],
  ])("refuses %o", (options, named) => {
    const make = () => streams.slowlyChanging(options as streams.SlowlyChangingOptions);
    expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }));
  });
});
