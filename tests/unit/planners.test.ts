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

describe("the last iterate's bound", () => {
  it.each(lastIterateBound.cases)("agrees with the published one: $schedule, $T updates", async ({ T, schedule, ...expected }) => {
    const { t1, t2, t3, bestRate, bestBound } = await planners.bound({ rates: ratesOf(schedule, T) });
    expectClose([t1, t2, t3, bestRate, bestBound], [expected.term1, expected.term2, expected.term3, expected.optBaseLr, expected.optBound]);
  });
  it("transfer", async () => {
    for (const { T, kind, cooldown, gammaCOverGamma1 } of lastIterateBound.lrTransfer) {
      expectClose([await planners.transfer({ steps: T, from: 1, to: cooldown, shape: kind as "linear" })], [gammaCOverGamma1]);
    }
  });
});
it("annealing", async () => {
  const { lrs, params, loss } = lrAnnealingScalingLaw;
  expectClose(await planners.predictLoss({ kind: "annealing", ...params }, lrs), loss, 1e-8);
  const m = multiPowerLaw;
  expectClose(await planners.predictLoss({ kind: "multiPower", ...m.params }, m.lrs), m.loss, 1e-8);
});
it("forecast", async () => {});
it("refine", async () => {
  const v = refinedSchedule;
  expectClose(await planners.refine({ norms: v.gradNorms, optimizer: "sgd" }), v.sgdL2Power2.smoothedNormalized);
  expectClose(await planners.refine({ norms: v.gradNorms, optimizer: "sgd", smoothing: 0 }), v.sgdL2Power2.unsmoothedNormalized);
  expectClose(await planners.refine({ norms: v.gradNorms }), v.adamL1Power1.smoothedNormalized);
  expectClose(await planners.refine({ norms: v.gradNorms, smoothing: 0 }), v.adamL1Power1.unsmoothedNormalized);
});
it("fit", async () => {
  for (const kind of ["annealing", "multiPower"] as const) {
    const law =
      kind === "annealing"
        ? { kind, L0: 2.5, A: 0.6, alpha: 0.5, C: 0.3 }
        : { kind, L0: 2.5, A: 0.6, alpha: 0.5, B: 40, C: 2, beta: 0.6, gamma: 0.65 };
    const T = 1000;
    const runs = [ratesOf("constant", T), ratesOf("cosine", T), ratesOf("wsd_linear_0.2", T)].map((r) => r.map((x) => 3e-3 * x));
    const steps = Array.from({ length: 50 }, (_, i) => 20 * i + 19);
    const observed = await Promise.all(
      runs.map(async (rates) => {
        const all = await planners.predictLoss(law as planners.LossLaw, rates);
        return { rates, steps, losses: steps.map((s) => all[s] as number) };
      }),
    );
    const t = performance.now();
  }
});
