import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeFigure, metrics } from "../../src/metrics/catalog.ts";
import type { Fact } from "../../src/metrics/facts.ts";
import type { Figure } from "../../src/metrics/figure.ts";
import { figureValue } from "../../src/metrics/figure.ts";
import { type FigureOptions, figuresOf } from "../../src/metrics/figures.ts";
import { gapsOf } from "../../src/metrics/gap.ts";
import { factLog } from "../../src/metrics/log.ts";
import { timelineOf } from "../../src/metrics/timeline.ts";
import { workedLog } from "./metricslog.ts";

const options: FigureOptions = {
  ...{ joint: [0.9, 0.9, 0.9], windows: [2, 10], beta: 2, window: 3, fading: 0.5 },
  experts: [
    [0.5, 0.7, 0.9],
    [0.5, 0.7, 0.9],
    [0.5, 0.7, 0.9],
  ],
};
const find = (figures: readonly Figure[], name: string): Figure => {
  const found = figures.filter(({ metric, variant }) => `${metric}/${variant}` === name);
  expect(found, name).toHaveLength(1);
  return found[0] as Figure;
};
const reason = (figures: readonly Figure[], name: string): string | undefined => {
  const found = find(figures, name);
  return "undefined" in found ? found.undefined : undefined;
};
const logOf = (...facts: readonly Fact[]) => {
  const log = factLog();
  for (const fact of facts) log.append(fact);
  return log;
};

describe("figures of a run worked by hand", () => {
  const figures = figuresOf(workedLog(), options);
  // After step 4: .8 .2 .1; after 8: .8 .9 .3; after 12: .6 .8 1; untrained: .1 0 .1.
  it.each([
    ["averageAccuracy/", (0.6 + 0.8 + 1) / 3],
    ["averageIncrementalAccuracy/", (0.8 + (0.8 + 0.9) / 2 + (0.6 + 0.8 + 1) / 3) / 3],
    ["learningAccuracy/", (0.8 + 0.9 + 1) / 3],
    ["forgetting/chaudhry", (0.2 + 0.1) / 2],
    ["forgetting/first", (0.2 + 0.1) / 2],
    ["forgetting/allTasks", (0.2 + 0.1 + 0) / 3],
    ["backwardTransfer/lopezPaz", -(0.2 + 0.1) / 2],
    ["backwardTransfer/pairs", (0 - 0.2 - 0.1) / 3],
    ["forwardTransfer/lopezPaz", (0.2 - 0 + 0.3 - 0.1) / 2],
    ["forwardTransfer/allTasks", (0.2 - 0 + 0.3 - 0.1) / 3],
    ["forwardTransfer/pairs", (0.2 + 0.1 + 0.3) / 3],
    ["intransigence/joint", (0.1 + 0 - 0.1) / 3],
  ])("of the matrix: %s", (name, value) => expect(figureValue(find(figures, name))).toBeCloseTo(value, 12));

  it.each([
    // Of a alone: .4 .6 .8 .8; of a and b: .5 .5 .75 .85; of all three: 19, 23, 22 and 24 thirtieths.
    ["anytimeAccuracy/", (2.6 + 2.6 + 88 / 30) / 12],
    // a falls to .3 at step 6, b to .6 at step 9.
    ["minAccuracy/oldTasks", (0.3 + 0.6) / 2],
    ["worstCaseAccuracy/end", (0.3 + 0.6 + 1) / 3],
    // Of neighbours: a .8 → .5, b .9 → .6, c never; within ten: a .8 → .3.
    ["windowedForgetting/w2", (0.3 + 0.3 + 0) / 3],
    ["windowedForgetting/w10", (0.5 + 0.3 + 0) / 3],
    // a .1 → .4 (and .3 → .6), b .2 → .5, c .3 → .6; within ten .1 → .8, .2 → .9, .3 → 1.
    ["windowedPlasticity/w2", (0.3 + 0.3 + 0.3) / 3],
    ["windowedPlasticity/w10", (0.7 + 0.7 + 0.7) / 3],
    // After 0, 1 and 2 updates: a .1 .4 .6, b .2 .5 .7, c .3 .6 .8.
    ["learningCurveArea/withStart@2", (1.1 + 1.4 + 1.7) / 9],
    ["learningCurveArea/updates@2", (1 + 1.2 + 1.4) / 6],
    // At step 4 a has .8 and falls to .3; at step 8 b has .9 and falls to .6, a has .8 and falls to .5.
    ["stabilityGap/lastTask", (0.5 + 0.3) / 2],
    ["stabilityGap/oldTasks", (0.5 + 0.3 + 0.3) / 3],
    // a is back at step 8, b at step 11.
    ["recoveryTime/full", (4 + 3) / 2],
    ["recoveryTime/95%", (4 + 3) / 2],
  ])("over time: %s", (name, value) => expect(figureValue(find(figures, name))).toBeCloseTo(value, 12));

  it.each([
    // a: .8 − .8 and .6 − .8; b: .8 − .9.
    ["performanceMaintenance/mrlep", (-0.1 - 0.1) / 2],
    ["performanceMaintenance/mrtlp", (-0.1 - 0.1) / 2],
    // a for b: 0 → .2; a for c: .1 → .1; b for c: .1 → .3. The first has no ratio.
    ["transferForward/contrast", (1 + 0 + 0.2 / 0.4) / 3],
    ["transferForward/ratio", (1 + 3) / 2],
    // b for a: .8 → .8; c for a: .8 → .6; c for b: .9 → .8.
    ["transferBackward/contrast", (0 - 0.2 / 1.4 - 0.1 / 1.7) / 3],
    ["transferBackward/ratio", (1 + 0.6 / 0.8 + 0.8 / 0.9) / 3],
    // First three of each: .4 + .6 + .8, .5 + .7 + .9, .6 + .8 + .8, against .5 + .7 + .9.
    ["relativePerformance/expert", (1.8 + 2.1 + 2.2) / (3 * 2.1)],
    // Highest: .8 at the third, .9 at the third, 1 at the fourth; the expert's is .9 at its third.
    ["sampleEfficiency/expert", (0.8 / 0.9 + 1 + (1 / 0.9) * (2 / 3)) / 3],
    ["stepsPerSecond/", 500],
  ])("of lifelong learning and cost: %s", (name, value) => expect(figureValue(find(figures, name))).toBeCloseTo(value, 12));

  it("names each figure once", () => {
    const names = figures.map(({ metric, variant }) => `${metric}/${variant}`);
    expect(new Set(names).size).toBe(names.length);
    for (const one of figures) expect("value" in one).not.toBe("undefined" in one);
  });

  it("finds the falls", () => {
    expect(gapsOf(timelineOf(workedLog()))).toEqual([
      { task: 0, step: 4, before: 0.8, low: 0.3, lowStep: 6, recovered: 8 },
      { task: 0, step: 8, before: 0.8, low: 0.5, lowStep: 11, recovered: undefined },
      { task: 1, step: 8, before: 0.9, low: 0.6, lowStep: 9, recovered: 11 },
    ]);
  });
});

describe("what is not defined says why", () => {
  it("where no expert, no reference, no comparison was given", () => {
    const figures = figuresOf(workedLog());
    expect(reason(figures, "intransigence/joint")).toBe("there is no jointly trained reference");
    expect(reason(figures, "relativePerformance/expert")).toBe("there is no single-task expert");
    expect(reason(figures, "performanceRecovery/theilSen")).toBe("no task was learned three times");
    expect(reason(figures, "learningCurveArea/updates@10")).toMatch(/each of its first 10 updates/);
    expect(reason(figures, "cumulativeAccuracy/end")).toMatch(/classes of earlier tasks/);
    expect(reason(figures, "negativeFlipRate/pooled")).toMatch(/not compared/);
    expect(reason(figures, "kappa/cohen")).toMatch(/before it was learned/);
    expect(reason(figures, "evaluationShare/")).toBe("evaluations were not timed");
  });

  it("forward, where classes never seen are masked", () => {
    const figures = figuresOf(workedLog({ masked: true }));
    for (const name of ["forwardTransfer/lopezPaz", "forwardTransfer/pairs", "transferForward/contrast"]) {
      expect(reason(figures, name)).toMatch(/masked/);
    }
    expect(figureValue(find(figures, "backwardTransfer/lopezPaz"))).toBeCloseTo(-0.15, 12);
  });

  it("of one task, of none, and of a matrix with a hole", () => {
    const one = figuresOf(workedLog({ rows: [[0, 1, 2, 3, 4]] }));
    expect(reason(one, "forgetting/chaudhry")).toBe("there are fewer than two tasks");
    expect(figureValue(find(one, "averageAccuracy/"))).toBe(0.4);
    expect(figureValue(find(one, "worstCaseAccuracy/end"))).toBe(0.4);
    const none = figuresOf(factLog());
    expect(none.every((figure) => figureValue(figure) === undefined)).toBe(true);
    expect(reason(none, "averageAccuracy/")).toBe("no task is over");
    const hole = figuresOf(
      logOf(
        { kind: "boundary", step: 1, task: 0 },
        { kind: "evaluation", step: 1, task: 0, probe: true, tasks: [{ task: 0, rows: 2, correct: 1 }] },
      ),
    );
    expect(reason(hole, "averageAccuracy/")).toMatch(/not evaluated/);
  });

  it("where a switch was not recovered from", () => {
    const rows = [
      [0, 9, 9, 9, 9, 5, 5, 5, 5],
      [0, 0, 0, 0, 0, 9, 9, 9, 9],
    ];
    expect(reason(figuresOf(workedLog({ rows })), "recoveryTime/full")).toBe("1 of 1 switches were not recovered from");
  });

  it("refuses options it does not know", () => {
    expect(() => figuresOf(factLog(), { bta: 3 } as never)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    expect(() => figuresOf(factLog(), { fading: 0 })).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});

describe("time lines", () => {
  it("put tasks in the order in which they were learned, and prefer whole evaluations", () => {
    const ask = (step: number, correct: readonly number[], probe = false): Fact => ({
      ...{ kind: "evaluation", step, task: 0, probe },
      tasks: correct.map((count, task) => ({ task, rows: 10, correct: count })),
    });
    const timeline = timelineOf(
      logOf(
        { kind: "boundary", step: 3, task: 1 },
        ask(3, [1, 8]),
        ask(3, [2, 9], true),
        { kind: "boundary", step: 5, task: 0 },
        ask(5, [7, 6]),
      ),
    );
    expect(timeline.tasks).toEqual(["task 1", "task 0"]);
    expect(timeline.matrix).toEqual([
      [0.8, 0.1],
      [0.6, 0.7],
    ]);
    expect(timeline.curve[0]).toEqual({ step: 3, accuracies: [0.8, 0.1] });
    expect(timeline.baseline).toEqual([null, null]);
  });

  it("of tasks that come again have no matrix figures, but recovery: here it takes 2, 1 and 0 evaluations", () => {
    const log = factLog();
    let step = 0;
    for (const [round, curve] of [[9], [1, 2, 9], [1, 9], [9]].entries()) {
      for (const correct of curve) log.append({ kind: "evaluation", step: ++step, task: 0, tasks: [{ task: 0, rows: 10, correct }] });
      log.append({ kind: "boundary", step, task: 0 });
      log.append({ kind: "evaluation", step: ++step, task: 1, tasks: [{ task: 1, rows: 10, correct: round }] });
      log.append({ kind: "boundary", step, task: 1 });
    }
    const figures = figuresOf(log);
    expect(reason(figures, "averageAccuracy/")).toBe("a task was learned more than once");
    // Task 0: slope −1; task 1 rises each time and has its mark at once: slope 0.
    expect(figureValue(find(figures, "performanceRecovery/theilSen"))).toBeCloseTo((1 + 0) / 2, 12);
  });
});

describe("figures of other facts", () => {
  it("cumulative, worked by hand", () => {
    const b = [[8], [9, 17], [7, 15, 24]];
    const log = logOf(
      ...b.flatMap((row, t): Fact[] => [
        { kind: "boundary", step: t + 1, task: t },
        {
          ...{ kind: "evaluation", step: t + 1, task: t, tasks: [] },
          cumulative: row.map((correct, k) => ({ task: k, rows: 10 * (k + 1), correct })),
        },
      ]),
    );
    const figures = figuresOf(log);
    expect(figureValue(find(figures, "cumulativeAccuracy/end"))).toBeCloseTo((0.7 + 0.75 + 0.8) / 3, 12);
    expect(figureValue(find(figures, "cumulativeForgetting/end"))).toBeCloseTo((0.9 - 0.7 + (0.85 - 0.75)) / 2, 12);
  });

  it("prequential, worked by hand", () => {
    const log = logOf(
      { kind: "prequential", index: 0, correct: [1, 0], labels: [0, 0], predictions: [0, 1] },
      { kind: "prequential", index: 2, correct: [1, 1, 1, 0], labels: [1, 1, 0, 1], predictions: [1, 1, 0, 0] },
    );
    const figures = figuresOf(log, { window: 3, fading: 0.5 });
    const value = (name: string) => figureValue(find(figures, name));
    expect(value("prequentialAccuracy/whole")).toBeCloseTo(4 / 6, 12);
    expect(value("prequentialAccuracy/window@3")).toBeCloseTo(2 / 3, 12);
    // Right answers weigh 1/32, 1/8, 1/4, 1/2 of the last one's 1; all together 63/32.
    expect(value("prequentialAccuracy/fading@0.5")).toBeCloseTo((1 / 32 + 1 / 8 + 1 / 4 + 1 / 2) / (63 / 32), 12);
    // Of the five rows with one before them two keep its label, and three are answered rightly.
    expect(value("prequentialAccuracy/previousLabel")).toBeCloseTo(2 / 5, 12);
    expect(value("kappa/temporal")).toBeCloseTo((3 / 5 - 2 / 5) / (1 - 2 / 5), 12);
    // Three of six labels and of six answers are 0.
    expect(value("kappa/cohen")).toBeCloseTo((2 / 3 - 1 / 2) / (1 - 1 / 2), 12);
    const constant = figuresOf(logOf({ kind: "prequential", index: 0, correct: [1, 1], labels: [3, 3], predictions: [3, 3] }));
    expect(reason(constant, "kappa/temporal")).toBe("the reference is always right");
    expect(reason(figuresOf(logOf({ kind: "prequential", index: 0, correct: [1] })), "kappa/cohen")).toBe("labels were not logged");
  });

  it("flips, cost and plasticity", () => {
    const layer = { layer: "1", rows: 4, units: 8, dead: 2, dormant: 3, tau: 0.01, effectiveRank: 2.5, approximateRank: 3 };
    const figures = figuresOf(
      logOf(
        { kind: "flips", step: 1, task: 0, rows: 10, wrong: 4, flipped: [3] },
        { kind: "flips", step: 2, task: 0, rows: 10, wrong: 1, flipped: ["x"] },
        { kind: "plasticity", step: 2, layers: [{ ...layer, absoluteRank: null, stableRank: 1.5, weightMagnitude: 0.25 }] },
        { kind: "cost", step: 2, steps: 50, ms: 200, evaluationMs: 10, bytes: { state: 4096 } },
      ),
    );
    const value = (name: string) => figureValue(find(figures, name));
    expect(value("negativeFlipRate/pooled")).toBe(2 / 20);
    expect(value("negativeFlipImpact/pooled")).toBe(2 / 5);
    expect(value("stepsPerSecond/")).toBe(250);
    expect(value("evaluationShare/")).toBe(0.05);
    expect(value("bytes/state")).toBe(4096);
    expect(value("deadUnits/1")).toBe(0.25);
    expect(value("dormantUnits/1, τ 0.01")).toBe(0.375);
    expect(reason(figures, "approximateRank/1, values")).toBe("no unit is active");
  });
});

describe("lifelong learning", () => {
  /** Two tasks with these curves while they are learned, and what each has at the end of the other's training. */
  const two = (a: readonly number[], b: readonly number[], end: number) => {
    const log = factLog();
    let step = 0;
    for (const [task, curve] of [a, b].entries()) {
      for (const correct of curve) {
        const last = ++step === a.length + b.length;
        const counts = task === 0 ? [correct, 0] : [last ? end : 500, correct];
        log.append({ kind: "evaluation", step, task, tasks: counts.map((count, j) => ({ task: j, rows: 1000, correct: count })) });
      }
      log.append({ kind: "boundary", step, task });
    }
    return log;
  };

  it("maintains what was known right after training, or in the last tenth of it", () => {
    // Of twenty evaluations the last two: (.8 + .9) / 2.
    const curve = [...new Array<number>(18).fill(300), 800, 900];
    const figures = figuresOf(two(curve, curve, 600));
    expect(figureValue(find(figures, "performanceMaintenance/mrlep"))).toBeCloseTo(0.6 - 0.9, 12);
    expect(figureValue(find(figures, "performanceMaintenance/mrtlp"))).toBeCloseTo(0.6 - 0.85, 12);
  });

  it("is efficient by smoothed curves", () => {
    const rising = Array.from({ length: 20 }, (_, i) => (i < 10 ? 50 * i : 500 + 10 * ((7 * i) % 10)));
    const expert = rising.map((count) => count / 1000);
    // The same moving average as numpy's convolution of the mirrored curve with four quarters, cut to its length.
    const padded = [...expert.slice(1, 4).reverse(), ...expert, ...expert.slice(-4, -1).reverse()];
    const smooth = expert.map((_, k) => padded.slice(k + 1, k + 5).reduce((sum, value) => sum + value, 0) / 4);
    const first = smooth.indexOf(Math.max(...smooth));
    const sharp = [0, 0, 1];
    const figures = figuresOf(two(rising, rising, 600), { experts: [expert, sharp] });
    // As its own expert it is as good; against one that knows all at its third evaluation, its height over the other's and 2 over its own place.
    expect(figureValue(find(figures, "sampleEfficiency/expert"))).toBeCloseTo((1 + Math.max(...smooth) * (2 / first)) / 2, 12);
  });

  it("is not efficient where a curve falls, stays low, or begins at its height", () => {
    const of = (curve: readonly number[], expert: readonly number[]) =>
      find(figuresOf(two(curve, curve, 0), { experts: [expert, expert] }), "sampleEfficiency/expert");
    expect(figureValue(of([900, 500, 300], [0.1, 0.9]))).toBe(0);
    expect(figureValue(of([50, 100, 150], [0.1, 0.9]))).toBe(0);
    expect(of([500, 500, 500], [0.1, 0.5])).toMatchObject({ undefined: "a curve is highest where it begins" });
    expect(of([500, 500, 500], [0, 0])).toMatchObject({ undefined: "an expert knows nothing" });
    expect(of([500, 500, 500], [])).toMatchObject({ undefined: "there is no single-task expert" });
  });
});

describe("the catalog", () => {
  it("knows every metric, and no other", () => {
    const layer = { layer: "1", rows: 4, units: 8, dead: 2, dormant: 3, tau: 0.01, effectiveRank: 2.5, approximateRank: 3 };
    const log = logOf(
      { kind: "plasticity", step: 1, layers: [{ ...layer, absoluteRank: null, stableRank: 1.5 }] },
      { kind: "cost", step: 1, steps: 1, ms: 1, bytes: { state: 1 } },
    );
    expect([...new Set(figuresOf(log).map(({ metric }) => metric))].toSorted()).toEqual(metrics.toSorted());
    expect(describeFigure({ metric: "forgetting", variant: "first" }).name).toBe("Forgetting (first)");
    expect(describeFigure({ metric: "mine", variant: "" })).toEqual({ name: "mine", better: 0, unit: "number", definition: "" });
  });
});

describe("laws", () => {
  const run = fc
    .integer({ min: 2, max: 4 })
    .chain((T) => fc.array(fc.array(fc.nat(10), { minLength: 4 * T + 1, maxLength: 4 * T + 1 }), { minLength: T, maxLength: T }));

  it("nothing is lost, gained or recovered from where accuracy never changes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 10 }), (T, level) => {
        const rows = Array.from({ length: T }, () => new Array<number>(4 * T + 1).fill(level));
        const figures = figuresOf(workedLog({ rows }), { beta: 4 });
        for (const one of figures) {
          if (/^(forgetting|backwardTransfer|windowed|stabilityGap|recoveryTime|performanceMaintenance)/.test(one.metric)) {
            expect(figureValue(one), `${one.metric}/${one.variant}`).toBeCloseTo(0, 12);
          }
          if (/^(average|learning|anytime|min|worst)/.test(one.metric)) expect(figureValue(one)).toBeCloseTo(level / 10, 12);
          if (one.metric === "transferBackward") expect(figureValue(one)).toBeCloseTo(one.variant === "ratio" ? 1 : 0, 12);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("worst cases are no better than the end, and wider windows see no less", () => {
    fc.assert(
      fc.property(run, (rows) => {
        const figures = figuresOf(workedLog({ rows: rows.slice(0, 3) }), { windows: [2, 4, 100], beta: 2 });
        const value = (name: string): number => figureValue(find(figures, name)) as number;
        expect(value("worstCaseAccuracy/end")).toBeLessThanOrEqual(value("averageAccuracy/") + 1e-12);
        for (const metric of ["windowedForgetting", "windowedPlasticity"]) {
          expect(value(`${metric}/w2`)).toBeLessThanOrEqual(value(`${metric}/w4`) + 1e-12);
          expect(value(`${metric}/w4`)).toBeLessThanOrEqual(value(`${metric}/w100`) + 1e-12);
        }
      }),
      { numRuns: 50 },
    );
  });
});
