import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  approximateRank,
  deadUnits,
  dormantUnits,
  effectiveRank,
  layerPlasticity,
  stableRank,
  weightMagnitude,
} from "../../src/metrics/plasticity.ts";

/** Singular values of a [m × n] by one-sided Jacobi rotations: columns are turned until each two are orthogonal, then their lengths are it. */
function jacobi(a: Float64Array, m: number, n: number): Float64Array {
  const columns = Array.from({ length: n }, (_, j) => Float64Array.from({ length: m }, (_, i) => a[i * n + j] as number));
  const dot = (x: Float64Array, y: Float64Array): number => x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const [x, y] = [columns[p] as Float64Array, columns[q] as Float64Array];
        const angle = 0.5 * Math.atan2(2 * dot(x, y), dot(x, x) - dot(y, y));
        for (let i = 0; i < m; i++) {
          const [xi, yi] = [x[i] as number, y[i] as number];
          x[i] = Math.cos(angle) * xi + Math.sin(angle) * yi;
          y[i] = Math.cos(angle) * yi - Math.sin(angle) * xi;
        }
      }
    }
  }
  return Float64Array.from(columns, (column) => Math.sqrt(dot(column, column)))
    .sort()
    .reverse()
    .slice(0, Math.min(m, n));
}

describe("units", () => {
  // Unit sums 4, 0, 0.02, 3.98 of two rows; their mean is 2.
  const activations = [1, 0, 0.02, -2, -3, 0, 0, 1.98];

  it("are dead where they never speak, dormant where they whisper", () => {
    expect(deadUnits(activations, 2, 4)).toBe(1);
    expect(dormantUnits(activations, 2, 4)).toBe(2);
    expect(dormantUnits(activations, 2, 4, 0.0099)).toBe(1);
    expect(dormantUnits(activations, 2, 4, 2)).toBe(4);
    expect(dormantUnits(new Float32Array(6), 2, 3)).toBe(3);
  });

  it("are refused where activations do not fit or are not finite", () => {
    expect(() => deadUnits([1, 2, 3], 2, 2)).toThrow(/expected 2 × 2, got 3/);
    expect(() => deadUnits([1, 2, 3, Number.NaN], 2, 2)).toThrow(expect.objectContaining({ code: "E_DATA" }));
    expect(() => dormantUnits([1], 1, 1, -1)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});

describe("ranks", () => {
  it("of equal values are their number, of one value 1, of none undefined", () => {
    for (const of of [effectiveRank, stableRank]) {
      expect(of([3, 3, 3, 3])).toBeCloseTo(4, 12);
      expect(of([5, 0, 0])).toBeCloseTo(1, 12);
      expect(of([0, 0])).toBeUndefined();
    }
    expect(approximateRank([3, 3, 3, 3])).toBe(4);
    expect(approximateRank([0])).toBeUndefined();
  });

  it("worked by hand", () => {
    // p = ½, ¼, ¼: entropy 1.5 ln 2.
    expect(effectiveRank([2, 1, 1])).toBeCloseTo(2 ** 1.5, 12);
    expect(stableRank([2, 1, 1])).toBeCloseTo((4 + 1 + 1) / 4, 12);
    // Of squares 100, 1.21, 0.01 the first makes 98.8 %; of 100, 0.25, 0.01 it makes 99.7 %.
    expect(approximateRank([10, 1.1, 0.1])).toBe(2);
    expect(approximateRank([10, 0.5, 0.1])).toBe(1);
    // Of 10, 0.5, 0.1 two make 99.06 %; of 10, 0.5, 0.2 they make 98.1 %.
    expect(approximateRank([10, 0.5, 0.1], "values")).toBe(2);
    expect(approximateRank([10, 0.5, 0.2], "values")).toBe(3);
    expect(approximateRank([1, 2, 3], "values", 0.5)).toBe(1);
    expect(approximateRank([1, 2, 3], "values", 1)).toBe(3);
    expect(() => approximateRank([1], "cubes" as never)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });

  it("do not change with scale, and stand to one another as they must", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        (values, scale) => {
          const scaled = values.map((value) => value * scale);
          expect(effectiveRank(scaled)).toBeCloseTo(effectiveRank(values) as number, 9);
          expect(stableRank(scaled)).toBeCloseTo(stableRank(values) as number, 9);
          expect(effectiveRank(values)).toBeLessThanOrEqual(values.length + 1e-9);
          expect(stableRank(values)).toBeLessThanOrEqual((effectiveRank(values) as number) + 1e-9);
          expect(approximateRank(values)).toBeLessThanOrEqual(approximateRank(values, "values") as number);
        },
      ),
    );
  });
});

describe("a layer", () => {
  it("is measured as a whole", () => {
    // Columns orthogonal, of lengths 2, 1, 0: singular values 2, 1, 0.
    const activations = [2, 0, 0, 0, 1, 0];
    const probed = layerPlasticity({ layer: "hidden", activations, rows: 2, units: 3, weights: [1, -2, 3], svd: jacobi });
    expect(probed).toMatchObject({
      layer: "hidden",
      rows: 2,
      units: 3,
      dead: 1,
      dormant: 1,
      tau: 0.01,
      approximateRank: 2,
      absoluteRank: 2,
    });
    expect(probed.effectiveRank).toBeCloseTo(3 / 2 ** (2 / 3), 9);
    expect(probed.stableRank).toBeCloseTo(5 / 4, 9);
    expect(probed.weightMagnitude).toBe(2);
    const silent = layerPlasticity({ layer: "hidden", activations: new Float32Array(6), rows: 2, units: 3, svd: jacobi });
    expect(silent).toMatchObject({ dead: 3, effectiveRank: null, stableRank: null, approximateRank: null, absoluteRank: null });
    expect(weightMagnitude([])).toBeUndefined();
    expect(() => layerPlasticity({ layer: "x", activations, rows: 2, units: 3, svd: jacobi, tu: 1 } as never)).toThrow(
      /Did you mean|unknown/,
    );
  });

  it("of rank r has no rank above r, whatever spans it", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 6, maxLength: 6 }), (u) => {
        const activations = u.flatMap((value) => [value, 2 * value, -value]);
        const probed = layerPlasticity({ layer: "x", activations, rows: 6, units: 3, svd: jacobi });
        expect(probed.effectiveRank).toBeCloseTo(1, 4);
        expect(probed.stableRank).toBeCloseTo(1, 9);
        expect(probed.approximateRank).toBe(1);
      }),
      { numRuns: 20 },
    );
  });
});
