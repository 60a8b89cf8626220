import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as planners from "../../src/optim/planners.ts";
import { autolrsForecast, lastIterateBound, lrAnnealingScalingLaw, multiPowerLaw, refinedSchedule } from "./published.ts";

/** Expects numbers to agree to a tolerance relative to the expected one. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, relative = 1e-7): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number];
    expect(Math.abs(a - e), `[${i}]: ${a} against ${e}`).toBeLessThanOrEqual(Math.max(relative * Math.abs(e), 1e-12));
  }
}

/** Multipliers of published runs of T updates. */
function ratesOf(schedule: string, T: number): number[] {
  const n = Math.floor(0.2 * (T + 1));
  const cooled = (part: (i: number) => number) => (t: number) => (t < T + 1 - n ? 1 : 1 - part((t - (T + 1 - n) + 1) / n));
  const shapes: Record<string, (t: number) => number> = {
    constant: () => 1,
    "wsd_linear_0.2": cooled((p) => p),
    "wsd_sqrt_0.2": cooled(Math.sqrt),
    linear: (t) => 1 - t / T,
    cosine: (t) => 0.5 * (1 + Math.cos((Math.PI * t) / T)),
  };
  return Array.from({ length: T }, (_, t) => (shapes[schedule] as (t: number) => number)(t));
}

function harmonic(n: number): number {
  return Array.from({ length: n }, (_, i) => 1 / (n - i)).reduce((sum, term) => sum + term, 0);
}

describe("the last iterate's bound", () => {
  it.each(lastIterateBound.cases)("agrees with the published one: $schedule, $T updates", async ({ T, schedule, ...expected }) => {
    const { t1, t2, t3, bestRate, bestBound } = await planners.bound({ rates: ratesOf(schedule, T) });
    expectClose([t1, t2, t3, bestRate, bestBound], [expected.term1, expected.term2, expected.term3, expected.optBaseLr, expected.optBound]);
  });

  it("is that of a constant rate: harmonic numbers", async () => {
    for (const [T, G, D] of [
      [1, 1, 1],
      [7, 2, 3],
      [5000, 0.5, 10],
    ] as const) {
      const { t1, t2, t3 } = await planners.bound({ rates: new Array(T).fill(1), gradientNorm: G, distance: D });
      expectClose([t1, t2, t3], [D ** 2 / (2 * T), G ** 2 / 2, (G ** 2 / 2) * harmonic(T - 1)], 1e-13);
    }
  });

  it("lies below the closed form of a constant rate with a linear cooldown", async () => {
    for (const [T, first] of [
      [50, 30],
      [400, 320],
      [3000, 2990],
    ] as const) {
      const rates = Array.from({ length: T }, (_, t) => (t + 1 < first ? 1 : 1 - (t + 1 - first) / (T + 1 - first)));
      const { bestBound } = await planners.bound({ rates });
      const inner =
        2 / 3 +
        (T + 2 * first) / (3 * (T + first)) +
        harmonic(T + first - 2) -
        harmonic(T - first + 1) -
        ((T - first) * (first - 1)) / (3 * (T - first + 2) * (T + first)) +
        1 / (T - first) ** 2 +
        harmonic(T - first - 1) / (T - first + 1);
      const closed = Math.sqrt((4 * inner) / (T + first));
      expect(bestBound).toBeLessThanOrEqual(closed);
      expect(bestBound).toBeGreaterThan(0.7 * closed);
    }
  });

  it("is what the double sums of its definition give, for any rates and norms", async () => {
    const value = fc.double({ min: 0.01, max: 10, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 30 }), async (steps) => {
        const rates = steps.map(([rate]) => rate);
        const norms = steps.map(([, norm]) => norm);
        const sum = (from: number, term: (t: number) => number) => rates.slice(from).reduce((total, _, i) => total + term(from + i), 0);
        const rate = (t: number) => rates[t] as number;
        const square = (t: number) => (rate(t) * (norms[t] as number)) ** 2;
        const expected = [1 / (2 * sum(0, rate)), sum(0, square) / (2 * sum(0, rate)), 0];
        for (let k = 0; k < rates.length - 1; k++) {
          expected[2] = (expected[2] as number) + ((rate(k) / sum(k + 1, rate)) * sum(k, square)) / sum(k, rate) / 2;
        }
        const found = await planners.bound({ rates, gradientNorm: norms });
        expectClose([found.t1, found.t2, found.t3], expected, 1e-12);
        expect(planners.boundAt(found, found.bestRate)).toBeCloseTo(found.bestBound, 10);
        expect(planners.boundAt(found, 1.01 * found.bestRate)).toBeGreaterThan(found.bestBound);
        expect(planners.boundAt(found, 0.99 * found.bestRate)).toBeGreaterThan(found.bestBound);
      }),
    );
  });

  it("moves a rate to another cooldown as published", async () => {
    for (const { T, kind, cooldown, gammaCOverGamma1 } of lastIterateBound.lrTransfer) {
      expectClose([await planners.transfer({ steps: T, from: 1, to: cooldown, shape: kind as "linear" | "sqrt" })], [gammaCOverGamma1]);
    }
  });

  it("extends a run as published", async () => {
    for (const expected of lastIterateBound.horizonExtension) {
      const { cooldown, secondStage, rate } = await planners.extend({ steps: 4000, to: 4000 * expected.t1OverT0 });
      // Published to four digits.
      expect(Math.abs(cooldown - expected.cooldownFractionSameLr)).toBeLessThan(6e-5);
      expect(Math.abs(secondStage - expected.secondStageLrFactorSameLr)).toBeLessThan(6e-5);
      expectClose([rate], [expected.optLrIfCooldownKept02OverLr0]);
    }
    expect(await planners.extend({ steps: 100, to: 100 })).toMatchObject({ rate: 1 });
  });
});

describe("refinement", () => {
  const { gradNorms: norms, sgdL2Power2: squares, adamL1Power1: plain } = refinedSchedule;

  it("agrees with the published schedules", async () => {
    expectClose(await planners.refine({ norms, optimizer: "sgd" }), squares.smoothedNormalized);
    expectClose(await planners.refine({ norms, optimizer: "sgd", smoothing: 0 }), squares.unsmoothedNormalized);
    expectClose(await planners.refine({ norms }), plain.smoothedNormalized);
    expectClose(await planners.refine({ norms, smoothing: 0 }), plain.unsmoothedNormalized);
  });

  it("gives linear decay for even norms, to any number of updates", async () => {
    const even = new Float32Array(50).fill(3);
    expectClose(
      await planners.refine({ norms: even }),
      Array.from(even, (_, t) => (49 - t) / 49),
      1e-13,
    );
    expectClose(
      await planners.refine({ norms: even, steps: 200 }),
      Array.from({ length: 200 }, (_, t) => Math.max(49 - t / 4, 0) / 49),
      1e-13,
    );
    expect(await planners.refine({ norms: [2] })).toEqual([1]);
    expect(await planners.refine({ norms: [2], steps: 3 })).toEqual([1, 1, 1]);
  });

  it("smooths by the running median of sorted windows, and stays in [0, 1] where norms are 0 or not finite", async () => {
    const smoothing = 0.3;
    const awkward = Array.from({ length: 200 }, (_, i) => ((i * 7919) % 101 === 0 ? 0 : ((i * 7919) % 101) * 10 ** ((i % 9) - 4)));
    const half = Math.floor(Math.floor(smoothing * 200) / 2);
    const typical = [...awkward].filter((norm) => norm > 0).sort((a, b) => a - b);
    const floor = 1e-12 * (typical[typical.length >> 1] as number);
    const weights = awkward.map((_, t) => {
      const window = Array.from({ length: 2 * half + 1 }, (_, j) => t + j - half);
      const values = window.map((i) => awkward[Math.max(i < 200 ? i : 398 - i, 0)] as number).sort((a, b) => a - b);
      return 1 / Math.max(values[half] as number, floor);
    });
    const shape = weights.map((weight, t) => weight * weights.slice(t + 1).reduce((sum, later) => sum + later, 0));
    const largest = Math.max(...shape);
    const broken = awkward.flatMap((norm, i) => (i % 50 === 0 ? [Number.NaN, norm, Number.POSITIVE_INFINITY] : [norm]));
    expectClose(
      await planners.refine({ norms: broken, smoothing }),
      shape.map((value) => value / largest),
      1e-11,
    );
    for (const value of await planners.refine({ norms: [0, 1e-300, 1e300, 0, 1e-300, 5], optimizer: "sgd", smoothing: 0 })) {
      expect(value >= 0 && value <= 1).toBe(true);
    }
  });
});

describe("loss laws", () => {
  it("predict the published losses", async () => {
    const annealing = lrAnnealingScalingLaw;
    expectClose(await planners.predictLoss({ kind: "annealing", ...annealing.params }, annealing.lrs), annealing.loss);
    expectClose(await planners.predictLoss({ kind: "multiPower", ...multiPowerLaw.params }, multiPowerLaw.lrs), multiPowerLaw.loss);
  });

  it("count a warm-up at the rate it leads to, and rates of 0 before it as the first above", async () => {
    const law: planners.LossLaw = { kind: "annealing", L0: 1, A: 1, alpha: 0.5, C: 0.5 };
    expect(await planners.predictLoss(law, [0, 0.25, 0.5, 0.5], { warmup: 2 })).toEqual(
      await planners.predictLoss(law, [0.5, 0.5, 0.5, 0.5]),
    );
    expect(await planners.predictLoss(law, [0, 0, 4])).toEqual([1.5, 1.5, 1.5]);
  });

  it("take a rate of 0 at the end: the whole fall counts", async () => {
    const law: planners.LossLaw = { kind: "multiPower", L0: 1, A: 0, alpha: 1, B: 0.5, C: 2, beta: 0.5, gamma: 0.5 };
    const [, last] = await planners.predictLoss(law, [1, 0]);
    expect(last).toBe(0.5);
  });

  const laws: Record<string, planners.LossLaw> = {
    annealing: { kind: "annealing", L0: 2.5, A: 0.6, alpha: 0.5, C: 0.3 },
    multiPower: { kind: "multiPower", L0: 2.5, A: 0.6, alpha: 0.5, B: 40, C: 2, beta: 0.6, gamma: 0.65 },
  };

  /** Losses of a law at 3e-3 of a schedule, each tenth of the run and at its start. */
  async function observe(law: planners.LossLaw, schedule: string, T: number): Promise<planners.ObservedRun> {
    const rates = ratesOf(schedule, T).map((rate) => 3e-3 * rate);
    const all = await planners.predictLoss(law, rates);
    const steps = Array.from({ length: 20 }, (_, i) => Math.floor((i * (T - 1)) / 19));
    return { rates, steps, losses: steps.map((step) => all[step] as number) };
  }

  it.each(Object.keys(laws))("find the parameters of a synthetic curve again, and with them another schedule's: %s", async (kind) => {
    const law = laws[kind] as planners.LossLaw;
    const runs = [await observe(law, "constant", 300), await observe(law, "wsd_linear_0.2", 300)];
    if (kind === "multiPower") runs.push(await observe(law, "linear", 300));
    const found = (await planners.fitLaw(law.kind, runs)) as unknown as Record<string, number>;
    for (const [name, value] of Object.entries(law)) {
      if (name !== "kind") expect(Math.abs((found[name] as number) / (value as number) - 1), name).toBeLessThan(1e-6);
    }
    const rates = ratesOf("cosine", 900).map((rate) => 2e-3 * rate);
    expectClose(await planners.predictLoss(found as unknown as planners.LossLaw, rates), await planners.predictLoss(law, rates), 1e-9);
  });

  it("are not led astray by outliers", async () => {
    const law = laws.annealing as planners.LossLaw;
    const runs = [await observe(law, "constant", 300), await observe(law, "cosine", 300)];
    const spoilt = runs.map((run) => ({ ...run, losses: Array.from(run.losses).map((loss, i) => (i % 7 === 3 ? 1.5 * loss : loss)) }));
    const found = (await planners.fitLaw("annealing", spoilt)) as planners.AnnealingLaw;
    expectClose([found.L0, found.A, found.alpha, found.C], [2.5, 0.6, 0.5, 0.3], 2e-3);
  });

  it("hold parameters at 0 that would fall below", async () => {
    const rates = ratesOf("cosine", 100);
    // A loss that rises where the rate falls asks for C < 0.
    const losses = rates.map((rate, t) => 2 + 1 / Math.sqrt(t + 1) + 0.1 * (1 - rate));
    const found = (await planners.fitLaw("annealing", [{ rates, losses }])) as planners.AnnealingLaw;
    expect(found.C).toBe(0);
    expect(Math.min(found.L0, found.A, found.alpha)).toBeGreaterThanOrEqual(0);
  });
});

describe("a forecast", () => {
  it("agrees with the published one", async () => {
    const { losses, predIndex, ...expected } = autolrsForecast;
    const { a, b, c, loss } = await planners.forecast({ losses, at: predIndex });
    expectClose([a, b, c, loss], [expected.a, expected.b, expected.c, expected.predicted], 1e-6);
  });

  it("stays where losses stay, and falls no faster than it may", async () => {
    expect(await planners.forecast({ losses: new Array(20).fill(1.25), at: 500 })).toMatchObject({ loss: 1.25 });
    const line = await planners.forecast({ losses: Array.from({ length: 40 }, (_, i) => 2 - 0.01 * i), at: 80 });
    expect(line.b).toBeLessThan(0);
    expect(Math.abs(line.loss - 1.2)).toBeLessThan(0.01);
  });
});

describe("refusals", () => {
  const rates = [1, 1];
  const refused: [message: RegExp, make: () => Promise<unknown>][] = [
    [/planners\.bound: unknown option "rate"/, () => planners.bound({ rate: rates } as never)],
    [/option "rates" is no list of numbers/, () => planners.bound({ rates: [] })],
    [/"rates\[1\]" is out of range; expected a finite number > 0, got 0/, () => planners.bound({ rates: [1, 0] })],
    [/"rates\[0\]" is out of range; expected a finite number ≥ 0, got NaN/, () => planners.bound({ rates: [Number.NaN, 1] })],
    [/"gradientNorm" has another length; expected 2/, () => planners.bound({ rates, gradientNorm: [1] })],
    [/"gradientNorm" is 0 wherever/, () => planners.bound({ rates, gradientNorm: [0, 0] })],
    [/"distance" is out of range; expected a finite number > 0, got 0/, () => planners.bound({ rates, distance: 0 })],
    [/"to" is out of range; expected a finite number ≥ 0 ≤ 1, got 2/, () => planners.transfer({ steps: 9, from: 1, to: 2 })],
    [/"to" is out of range; expected a whole number ≥ 10/, () => planners.extend({ steps: 10, to: 9 })],
    [/"norms" is all 0/, () => planners.refine({ norms: [0, 0] })],
    [/"norms" is no list of numbers/, () => planners.refine({ norms: undefined as never })],
    [
      /"kind" has no such choice; expected one of annealing, multiPower/,
      () => planners.fitLaw("power" as never, [{ rates, losses: rates }]),
    ],
    [/"runs" is no list of runs/, () => planners.fitLaw("annealing", [])],
    [/unknown option "decay"; expected one of delta/, () => planners.fitLaw("multiPower", [], { decay: 0.5 })],
    [
      /runs\[0\]: option "losses\[1\]" is out of range; expected a finite number > 0/,
      () => planners.fitLaw("annealing", [{ rates, losses: [1, 0] }]),
    ],
    [/"losses" has another length; expected 2 like "rates", got 1/, () => planners.fitLaw("annealing", [{ rates, losses: [1] }])],
    [/too few losses; expected at least 4 for annealing, got 2/, () => planners.fitLaw("annealing", [{ rates, losses: [2, 1] }])],
    [/"law.C" is out of range/, () => planners.predictLoss({ kind: "annealing", L0: 1, A: 1, alpha: 1 } as never, rates)],
    [/"rates" is all 0/, () => planners.predictLoss({ kind: "annealing", L0: 1, A: 1, alpha: 1, C: 1 }, [0, 0])],
    [/"losses" is no list of numbers; expected at least 4/, () => planners.forecast({ losses: [1, 2, 3], at: 9 })],
  ];

  it.each(refused)("%s", async (message, make) => {
    await expect(make()).rejects.toMatchObject({ code: "E_CONFIG", message: expect.stringMatching(message) });
  });
});
