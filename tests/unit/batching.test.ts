import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as batching from "../../src/optim/batching.ts";
import { RandomStream } from "../../src/random.ts";
import { adaptiveBatchTests, multigridKineticsSlowfast, multigridShortCycle } from "./published.ts";

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, relative = 1e-7): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number];
    expect(Math.abs(a - e), `[${i}]: ${a} against ${e}`).toBeLessThanOrEqual(Math.max(relative * Math.abs(e), 1e-12));
  }
}

/** Rows whose entries are uniform about 1. */
function rowsOf(count: number, length: number, seed = 3): number[][] {
  const random = new RandomStream(seed, "gradients");
  return Array.from({ length: count }, () => Array.from({ length }, () => 0.5 + random.uniform()));
}

describe("tests of a batch's size", () => {
  const { perSampleGrads, eta, theta, nu, result } = adaptiveBatchTests;
  const seen = batching.dispersion(perSampleGrads);

  it("measure the published dispersion", () => {
    const { count, meanSquare, variance, innerVariance, orthogonalVariance } = seen;
    expectClose(
      [count, meanSquare, variance, innerVariance as number, orthogonalVariance as number],
      [result.b, result.gradNormSq, result.varL1, result.innerVar, result.orthVar],
    );
  });

  it("ask for the published sizes", () => {
    for (const [test, size] of [
      ["norm", result.nextBNormTest],
      ["innerProduct", result.nextBInnerProduct],
      ["augmented", result.nextBAugmented],
    ] as const) {
      const { start, next } = batching.batchTest({ test, batchSize: 4, eta, theta, nu });
      const { state, batchSize } = next(start(), seen);
      expect([batchSize, state.samples]).toEqual([size, 4]);
    }
    // With few rows to begin with, the larger of inner product (2.76) and orthogonality (3.60) decides.
    const { start, next } = batching.batchTest({ test: "augmented", batchSize: 1, eta, theta, nu });
    expect(next(start(), seen).batchSize).toBe(4);
  });

  it("never shrink a batch, stop at the cap, and skip what they cannot judge", () => {
    const test = { test: "norm", batchSize: 8, maxBatchSize: 100 } as const;
    const { start, next } = batching.batchTest(test);
    expect(next(start(), { count: 8, meanSquare: 1, variance: 1e-9 }).batchSize).toBe(8);
    expect(next(start(), { count: 1, meanSquare: 1, variance: 5 }).batchSize).toBe(8);
    expect(next(start(), { count: 8, meanSquare: 0, variance: 0 }).batchSize).toBe(100);
    const capped = next(start(), { count: 8, meanSquare: 1, variance: 1e9 }).state;
    expect(capped).toEqual({ batchSize: 100, samples: 8 });
    expect(next(capped, { count: 100, meanSquare: 1, variance: Number.MAX_VALUE }).state).toEqual({ batchSize: 100, samples: 108 });
  });

  it("resume from JSON", () => {
    const { start, next, resume } = batching.batchTest({ test: "innerProduct", batchSize: 2 });
    let [straight, resumed] = [start(), start()];
    for (let i = 2; i < 40; i++) {
      const moments = batching.dispersion(rowsOf(i, 5, i));
      straight = next(straight, moments).state;
      resumed = next(resume(JSON.parse(JSON.stringify(resumed))), moments).state;
      expect(resumed).toEqual(straight);
    }
    expect(straight.batchSize).toBeGreaterThan(2);
  });

  it("take tensors one by one where told their sizes", () => {
    const rows = rowsOf(6, 7);
    const whole = batching.dispersion(rows, [3, 4]);
    const parts = [batching.dispersion(rows.map((row) => row.slice(0, 3))), batching.dispersion(rows.map((row) => row.slice(3)))];
    for (const name of ["meanSquare", "variance", "innerVariance", "orthogonalVariance"] as const) {
      expectClose([whole[name] as number], [(parts[0]?.[name] as number) + (parts[1]?.[name] as number)], 1e-13);
    }
    expect(whole.innerVariance).not.toBeCloseTo(batching.dispersion(rows).innerVariance as number, 6);
  });

  it("split the rows' variance into what lies along the mean and what is orthogonal to it", () => {
    const { variance, innerVariance, orthogonalVariance, meanSquare } = batching.dispersion(rowsOf(9, 5));
    expectClose([(innerVariance as number) / meanSquare + (orthogonalVariance as number)], [variance], 1e-13);
  });

  it("know the rows' variance from micro-batches", () => {
    const rows = rowsOf(24, 4);
    const expected = batching.dispersion(rows);
    const micro = [rows.slice(0, 4), rows.slice(4, 14), rows.slice(14)].map((part) => {
      const mean = [0, 1, 2, 3].map((j) => part.reduce((sum, row) => sum + (row[j] as number), 0) / part.length);
      const variance = mean.map((m, j) => part.reduce((sum, row) => sum + ((row[j] as number) - m) ** 2, 0) / part.length);
      return { count: part.length, mean, variance };
    });
    const found = batching.accumulated(micro);
    expectClose([found.count, found.meanSquare, found.variance], [24, expected.meanSquare, expected.variance], 1e-13);
    const single = batching.accumulated(rows.map((mean) => ({ count: 1, mean })));
    expectClose([single.variance], [expected.variance], 1e-13);
  });

  it("estimate it without bias where only means are known", () => {
    let sum = 0;
    for (let seed = 0; seed < 400; seed++) {
      const rows = rowsOf(16, 3, seed);
      const means = [0, 4, 8, 12].map((at) =>
        [0, 1, 2].map((j) => rows.slice(at, at + 4).reduce((s, row) => s + (row[j] as number) / 4, 0)),
      );
      sum += batching.accumulated(means.map((mean) => ({ count: 4, mean }))).variance / 400;
    }
    // Three entries of variance 1/12; the estimate's deviation over 400 runs is 0.006.
    expect(Math.abs(sum - 0.25)).toBeLessThan(0.02);
  });
});

describe("multigrid", () => {
  const kinetics = { length: 32, size: 224, drops: [0, 94, 154, 196], epochs: 239 };

  it("gives the published schedule", () => {
    const { schedule, lrSteps, relLrs, maxEpoch, avgBatchFactor } = multigridKineticsSlowfast;
    const { stages, rates, epochs, batches } = batching.multigrid(kinetics);
    expect(stages.map(({ drop, batch, length, size, end }) => [drop, [batch, length, size], end])).toEqual(schedule);
    expect(rates.map(({ start }) => start)).toEqual(lrSteps);
    expectClose(
      rates.map(({ rate }) => rate),
      relLrs,
    );
    expect(epochs).toBe(maxEpoch);
    expectClose(batches, avgBatchFactor);
  });

  it("cycles through the published batches", () => {
    const { crop, defaultCrop, baseBatch, batchSizes } = multigridShortCycle;
    const cycle = batching.shortCycle({ batchSize: baseBatch, size: crop, fullSize: defaultCrop });
    expect(cycle.map(({ batchSize }) => batchSize)).toEqual(batchSizes);
    expect(cycle.map(({ size }) => size)).toEqual([112, 158, 224]);
  });

  it("keeps the cost of an update within a quarter, for other inputs too", () => {
    const { stages } = batching.multigrid({
      length: 128,
      size: 64,
      drops: [0, 10],
      epochs: 12,
      shapes: [
        [0.125, 0.5],
        [0.5, 1],
        [1, 1],
      ],
    });
    for (const { batch, length, size } of stages) expect(Math.abs((batch * length * size * size) / (128 * 64 * 64) - 1)).toBeLessThan(0.25);
    expect(stages.map(({ drop }) => drop)).toEqual([0, 0, 0, 1]);
    expect(batching.multigrid({ length: 1, size: 1, drops: [0, 1], epochs: 2 }).stages.every(({ batch }) => batch === 1)).toBe(true);
  });
});

describe("ghost batches", () => {
  it("are as many as fit, at most a row apart in size, over all rows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 64 }), (count, size) => {
        const bounds = batching.ghostGroups(count, size);
        const sizes = bounds.slice(1).map((end, i) => end - (bounds[i] as number));
        expect([bounds[0], bounds.at(-1)]).toEqual([0, count]);
        expect(sizes.length).toBe(Math.max(Math.floor(count / size), 1));
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(Math.min(...sizes)).toBeGreaterThanOrEqual(Math.min(size, count));
      }),
    );
  });
});

describe("refusals", () => {
  const refused: [code: string, message: RegExp, make: () => unknown][] = [
    ["E_CONFIG", /option "test" has no such choice/, () => batching.batchTest({ test: "inner" as never, batchSize: 1 })],
    [
      "E_CONFIG",
      /option "maxBatchSize" is out of range; expected a whole number ≥ 9, got 8/,
      () => batching.batchTest({ test: "norm", batchSize: 9, maxBatchSize: 8 }),
    ],
    [
      "E_CONFIG",
      /option "eta" is out of range; expected a finite number > 0, got 0/,
      () => batching.batchTest({ test: "norm", batchSize: 9, eta: 0 }),
    ],
    [
      "E_CONFIG",
      /option "drops\[0\]" is out of range; expected a finite number ≤ 0, got 1/,
      () => batching.multigrid({ length: 1, size: 1, drops: [1, 2], epochs: 9 }),
    ],
    ["E_CONFIG", /option "drops\[1\]" is out of range/, () => batching.multigrid({ length: 1, size: 1, drops: [0, 0], epochs: 9 })],
    [
      "E_CONFIG",
      /option "epochs" is out of range; expected a finite number > 2, got 2/,
      () => batching.multigrid({ length: 1, size: 1, drops: [0, 2], epochs: 2 }),
    ],
    [
      "E_CONFIG",
      /option "shapes" is no list of shapes/,
      () => batching.multigrid({ length: 1, size: 1, drops: [0, 2], epochs: 3, shapes: [] }),
    ],
    ["E_CONFIG", /option "fullSize" is out of range/, () => batching.shortCycle({ batchSize: 1, size: 8, fullSize: 4 })],
    ["E_CONFIG", /option "size" is out of range/, () => batching.ghostGroups(8, 0)],
    ["E_DATA", /gradients do not match/, () => batching.dispersion([[1, 2], [1]])],
    ["E_DATA", /gradients do not match; expected at least one, each of 3 numbers, got 1 of 2/, () => batching.dispersion([[1, 2]], [1, 2])],
    ["E_DATA", /"gradients\[0\]\[1\]" cannot be used; expected a finite number, got NaN/, () => batching.dispersion([[1, Number.NaN]])],
    ["E_DATA", /micro-batches do not match/, () => batching.accumulated([])],
    [
      "E_DATA",
      /some micro-batches have no variance/,
      () =>
        batching.accumulated([
          { count: 1, mean: [1] },
          { count: 1, mean: [1], variance: [0] },
        ]),
    ],
  ];

  it.each(refused)("%s %s", (code, message, make) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code }));
  });

  it("of moments that a test needs and were not given", () => {
    const { start, next } = batching.batchTest({ test: "augmented", batchSize: 2 });
    const seen = { count: 2, meanSquare: 1, variance: 1, innerVariance: 1 };
    expect(() => next(start(), seen)).toThrow(/observation "orthogonalVariance" cannot be used; expected a finite number ≥ 0, got nothing/);
  });
});
