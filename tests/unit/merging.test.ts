/** Merging of models, against published vectors and closed forms. */
import { PalimpsestError, strategies } from "palimpsest";
import { describe, expect, it } from "vitest";

const { mergeModels } = strategies;
const f64 = (...values: number[]) => Float64Array.from(values);
const close = (got: ArrayLike<number>, wanted: readonly number[], digits = 12) => {
  expect(got.length).toBe(wanted.length);
  for (const [i, value] of wanted.entries()) expect(got[i]).toBeCloseTo(value, digits);
};
const zero = f64(0, 0);

describe("mergeModels", () => {
  it("ties: the mean of those that agree with the sign of the sum", () => {
    const models = [f64(0.9, -0.1, 0.4), f64(0.8, 0.3, -0.5)];
    close(mergeModels(f64(0, 0, 0), models, { method: "ties", keep: 1 }), [0.85, 0.3, -0.5]);
    close(
      mergeModels(
        f64(1, 1, 1),
        models.map((model) => model.map((x) => x + 1)),
        { method: "ties", keep: 1, lambda: 2 },
      ),
      [2.7, 1.6, 0],
    );
  });

  it("ties: keeps the largest share of each, the first of equals", () => {
    close(mergeModels(f64(0, 0, 0, 0, 0), [f64(1, -5, 2, 5, 3)], { method: "ties" }), [0, -5, 0, 0, 0]);
    close(mergeModels(f64(0, 0, 0), [f64(0.9, -0.1, 0.4), f64(0.8, 0.3, -0.5)], { method: "ties", keep: 0.34 }), [0.85, 0, 0]);
  });

  it("slerp: halfway between (1, 0) and (0, 1) is (0.7071, 0.7071); anywhere else on the arc", () => {
    close(mergeModels(zero, [f64(1, 0), f64(0, 1)], { method: "slerp" }), [Math.SQRT1_2, Math.SQRT1_2]);
    for (const share of [0.1, 0.25, 0.9]) {
      const angle = (share * Math.PI) / 2;
      close(mergeModels(zero, [f64(1, 0), f64(0, 1)], { method: "slerp", weights: [1 - share, share] }), [
        Math.cos(angle),
        Math.sin(angle),
      ]);
    }
    const [c, s] = [Math.cos(2.9), Math.sin(2.9)];
    close(mergeModels(zero, [f64(1, 0), f64(c, s)], { method: "slerp", weights: [2, 1] }), [Math.cos(2.9 / 3), Math.sin(2.9 / 3)]);
  });

  it("slerp: a line where two point one way, and each tensor by itself", () => {
    close(mergeModels(zero, [f64(1, 0), f64(3, 0)], { method: "slerp" }), [2, 0]);
    close(mergeModels(f64(0, 0, 0), [f64(1, 0, 2), f64(0, 1, 4)], { method: "slerp", lengths: [2, 1] }), [Math.SQRT1_2, Math.SQRT1_2, 3]);
  });

  it("average, arithmetic and magmax", () => {
    const [a, b] = [f64(1, -4), f64(3, 2)];
    close(mergeModels(f64(1, 1), [a, b]), [2, -1]);
    close(mergeModels(f64(1, 1), [a, b], { weights: [3, 1] }), [1.5, -2.5]);
    close(mergeModels(f64(1, 1), [a, b], { method: "arithmetic" }), [1.6, -0.2]);
    close(mergeModels(f64(1, 1), [a, b], { method: "arithmetic", lambda: 1 }), [3, -3]);
    close(mergeModels(f64(1, 1), [a, b], { method: "magmax" }), [3, -4]);
  });

  it("modelStock: the start where changes are orthogonal, the mean where they are equal, t = 2c/(1 + c) between", () => {
    const start = f64(1, 1);
    close(mergeModels(start, [f64(2, 1), f64(1, 2)], { method: "modelStock" }), [1, 1]);
    close(mergeModels(start, [f64(2, 3), f64(2, 3)], { method: "modelStock" }), [2, 3]);
    const c = Math.SQRT1_2;
    const t = (2 * c) / (1 + c);
    close(mergeModels(zero, [f64(1, 0), f64(1, 1)], { method: "modelStock" }), [t, t / 2]);
  });

  it("keeps the kind of numbers, and its arguments as they were", () => {
    const models = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
    const start = Float32Array.of(0, 0);
    const merged = mergeModels(start, models, { method: "ties", keep: 0.5 });
    expect(merged).toBeInstanceOf(Float32Array);
    expect([...start, ...(models[0] as Float32Array)]).toEqual([0, 0, 1, 2]);
  });

  it.each([
    [() => mergeModels(zero, []), "E_DATA"],
    [() => mergeModels(zero, [f64(1)]), "E_DATA"],
    [() => mergeModels(zero, [zero], { weights: [0] }), "E_DATA"],
    [() => mergeModels(zero, [zero], { weights: [1, 1] }), "E_DATA"],
    [() => mergeModels(zero, [zero], { lengths: [1] }), "E_DATA"],
    [() => mergeModels(zero, [zero], { method: "mean" as never }), "E_CONFIG"],
    [() => mergeModels(zero, [zero], { keep: 2 }), "E_CONFIG"],
  ])("refuses what does not fit: %s", (action, code) => {
    expect(action).toThrow(PalimpsestError);
    expect(action).toThrow(expect.objectContaining({ code }));
  });
});
