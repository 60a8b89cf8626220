import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accuracyCurve, anytimeAccuracy, seenAccuracy } from "../../src/metrics/curve.ts";
import {
  averageAccuracy,
  averageIncrementalAccuracy,
  backwardTransfer,
  forgetting,
  forwardTransfer,
  learningAccuracy,
  summarize,
} from "../../src/metrics/matrix.ts";

/** Worked by hand: three tasks, the first of which peaks late, the second gains at the end. */
const worked = [
  [0.8, 0.1, 0.2],
  [0.9, 0.6, 0.3],
  [0.5, 0.7, 0.9],
];

describe("metrics of a matrix worked by hand", () => {
  it("means", () => {
    expect(averageAccuracy(worked)).toBeCloseTo((0.5 + 0.7 + 0.9) / 3, 12);
    expect(averageIncrementalAccuracy(worked)).toBeCloseTo((0.8 + 0.75 + 0.7) / 3, 12);
    expect(learningAccuracy(worked)).toBeCloseTo((0.8 + 0.6 + 0.9) / 3, 12);
  });

  it.each([
    ["chaudhry", (0.4 - 0.1) / 2],
    ["first", (0.3 - 0.1) / 2],
    ["columnMax", (0.4 + 0) / 2],
    ["earlierMax", (0.4 - 0.1) / 2],
    ["allTasks", (0.4 + 0 + 0) / 3],
  ] as const)("forgetting, %s", (variant, value) => {
    expect(forgetting(worked, variant)).toBeCloseTo(value, 12);
  });

  it.each([
    ["lopezPaz", (-0.3 + 0.1) / 2],
    ["allTasks", (-0.3 + 0.1 + 0) / 3],
    ["pairs", (0.1 - 0.3 + 0.1) / 3],
    ["positivePairs", 0],
  ] as const)("backward transfer, %s", (variant, value) => {
    expect(backwardTransfer(worked, variant)).toBeCloseTo(value, 12);
  });

  it("forward transfer, against the untrained model", () => {
    expect(forwardTransfer(worked, [0.1, 0.05, 0.1])).toBeCloseTo((0.05 + 0.2) / 2, 12);
    expect(forwardTransfer(worked, [0.1, 0.05, 0.1], "allTasks")).toBeCloseTo((0.05 + 0.2) / 3, 12);
    expect(forwardTransfer(worked, [], "pairs")).toBeCloseTo((0.1 + 0.2 + 0.3) / 3, 12);
    expect(forwardTransfer(worked, [])).toBeUndefined();
  });

  it("positive backward transfer stays", () => {
    expect(backwardTransfer([[0.5], [0.7, 0.6]], "positivePairs")).toBeCloseTo(0.2, 12);
  });

  it("names every variant in the summary", () => {
    const summary = summarize(worked, [0, 0.05, 0.1]);
    expect(Object.keys(summary)).toHaveLength(15);
    expect(summary["forgetting/columnMax"]).toBe(forgetting(worked, "columnMax"));
    expect(summary["backwardTransfer/pairs"]).toBe(backwardTransfer(worked, "pairs"));
    expect(summary["forwardTransfer/lopezPaz"]).toBeCloseTo(0.125, 12);
    expect(summarize(worked)["forwardTransfer/lopezPaz"]).toBeUndefined();
  });

  it("refuses a variant that is none, with the nearest name", () => {
    expect(() => forgetting(worked, "chaudry" as never)).toThrow(
      expect.objectContaining({ code: "E_CONFIG", hint: expect.stringContaining("chaudhry") }),
    );
    expect(() => backwardTransfer(worked, "lopez" as never)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});

describe("what a matrix does not define", () => {
  const all = (matrix: (number | null)[][]): unknown[] => Object.values(summarize(matrix, [0, 0, 0]));

  it("is undefined without tasks, and beyond the means with one", () => {
    expect(all([])).toEqual(new Array(15).fill(undefined));
    expect(all([[0.5]])).toEqual([0.5, 0.5, 0.5, ...new Array(12).fill(undefined)]);
  });

  it("is undefined where an accuracy it needs was not evaluated, and only there", () => {
    const lower = [[0.8], [0.9, 0.6], [0.5, 0.7, 0.9]];
    const summary = summarize(lower, [0, 0, 0]);
    const missing = Object.keys(summary).filter((key) => summary[key] === undefined);
    expect(missing).toEqual([
      ...["forgetting/earlierMax", "forgetting/allTasks"],
      ...["forwardTransfer/lopezPaz", "forwardTransfer/allTasks", "forwardTransfer/pairs"],
    ]);
    expect(forgetting(lower)).toBe(forgetting(worked));

    const gap = [[0.8], [null, 0.6], [0.5, 0.7, 0.9]];
    expect(averageAccuracy(gap)).toBe(averageAccuracy(worked));
    expect(averageIncrementalAccuracy(gap)).toBeUndefined();
    expect(forgetting(gap, "first")).toBe(forgetting(worked, "first"));
    expect(forgetting(gap, "chaudhry")).toBeUndefined();
    expect(backwardTransfer(gap, "pairs")).toBeUndefined();
    expect(averageAccuracy([[0.8], [Number.NaN, 0.6]])).toBeUndefined();
  });
});

describe("metrics of any matrix", () => {
  const matrices = fc
    .integer({ min: 2, max: 6 })
    .chain((T) =>
      fc.array(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: T, maxLength: T }), { minLength: T, maxLength: T }),
    );
  const at = (matrix: number[][], i: number, j: number): number => matrix[i]?.[j] as number;

  it("equal the published formulas written out", () => {
    fc.assert(
      fc.property(matrices, (R) => {
        const T = R.length;
        let acc = 0;
        let bwt = 0;
        let chaudhry = 0;
        let columnMax = 0;
        let pairs = 0;
        let incremental = 0;
        for (let j = 0; j < T; j++) acc += at(R, T - 1, j) / T;
        for (let j = 0; j < T - 1; j++) {
          bwt += (at(R, T - 1, j) - at(R, j, j)) / (T - 1);
          let best = Number.NEGATIVE_INFINITY;
          for (let l = j; l <= T - 2; l++) if (at(R, l, j) > best) best = at(R, l, j);
          chaudhry += (best - at(R, T - 1, j)) / (T - 1);
          columnMax += (Math.max(best, at(R, T - 1, j)) - at(R, T - 1, j)) / (T - 1);
        }
        for (let i = 0; i < T; i++) {
          let row = 0;
          for (let j = 0; j <= i; j++) row += at(R, i, j) / (i + 1);
          incremental += row / T;
          for (let j = 0; j < i; j++) pairs += (at(R, i, j) - at(R, j, j)) / ((T * (T - 1)) / 2);
        }
        expect(averageAccuracy(R)).toBeCloseTo(acc, 10);
        expect(averageIncrementalAccuracy(R)).toBeCloseTo(incremental, 10);
        expect(backwardTransfer(R)).toBeCloseTo(bwt, 10);
        expect(backwardTransfer(R, "pairs")).toBeCloseTo(pairs, 10);
        expect(forgetting(R)).toBeCloseTo(chaudhry, 10);
        expect(forgetting(R, "columnMax")).toBeCloseTo(columnMax, 10);
      }),
    );
  });

  it("stand to one another as they must", () => {
    fc.assert(
      fc.property(matrices, (R) => {
        const T = R.length;
        const value = (variant: Parameters<typeof forgetting>[1]): number => forgetting(R, variant) as number;
        expect(value("first")).toBeCloseTo(-(backwardTransfer(R) as number), 10);
        expect(value("first")).toBeLessThanOrEqual(value("chaudhry") + 1e-12);
        expect(value("chaudhry")).toBeLessThanOrEqual(value("columnMax") + 1e-12);
        expect(value("chaudhry")).toBeLessThanOrEqual(value("earlierMax") + 1e-12);
        expect(value("columnMax")).toBeGreaterThanOrEqual(0);
        expect(backwardTransfer(R, "allTasks")).toBeCloseTo(((backwardTransfer(R) as number) * (T - 1)) / T, 10);
        expect((averageAccuracy(R) as number) - (learningAccuracy(R) as number)).toBeCloseTo(backwardTransfer(R, "allTasks") as number, 10);
      }),
    );
  });
});

describe("accuracy over time", () => {
  it("joins what is recorded at one step and leaves the rest open", () => {
    const curve = accuracyCurve(3);
    curve.record(0, 0, 0.1);
    curve.record(10, 0, 0.9);
    curve.record(10, 2, 0);
    expect(curve.points()).toEqual([
      { step: 0, accuracies: [0.1, null, null] },
      { step: 10, accuracies: [0.9, null, 0] },
    ]);
  });

  it("hands out copies", () => {
    const curve = accuracyCurve(1);
    curve.record(0, 0, 0.5);
    (curve.points()[0]?.accuracies as number[])[0] = 9;
    expect(curve.points()).toEqual([{ step: 0, accuracies: [0.5] }]);
  });

  it("refuses what is no accuracy, no task, or the past, and keeps what it had", () => {
    const curve = accuracyCurve(2);
    curve.record(5, 0, 1);
    for (const accuracy of [Number.NaN, -0.1, 1.1])
      expect(() => curve.record(6, 0, accuracy)).toThrow(expect.objectContaining({ code: "E_DATA" }));
    expect(() => curve.record(6, 2, 0)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    for (const step of [4, Number.NaN]) expect(() => curve.record(step, 0, 0)).toThrow(expect.objectContaining({ code: "E_DATA" }));
    expect(curve.points()).toEqual([{ step: 5, accuracies: [1, null] }]);
  });

  it("averages over the tasks whose training has begun", () => {
    const boundaries = [10, 20];
    expect(seenAccuracy({ step: 10, accuracies: [0.8, 0] }, boundaries)).toBe(0.8);
    expect(seenAccuracy({ step: 11, accuracies: [0.8, 0] }, boundaries)).toBe(0.4);
    expect(seenAccuracy({ step: 11, accuracies: [0.8, null] }, boundaries)).toBeUndefined();
    const points = [
      { step: 5, accuracies: [0.6, null] },
      { step: 10, accuracies: [1, null] },
      { step: 20, accuracies: [0.2, 1] },
    ];
    expect(anytimeAccuracy(points, boundaries)).toBeCloseTo((0.6 + 1 + 0.6) / 3, 12);
    expect(anytimeAccuracy([], boundaries)).toBeUndefined();
  });
});
