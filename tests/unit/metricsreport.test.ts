import { describe, expect, it } from "vitest";
import { areaChart } from "../../src/metrics/areas.ts";
import { lineChart } from "../../src/metrics/chart.ts";
import { compareRuns, comparisonReport } from "../../src/metrics/compare.ts";
import type { Fact } from "../../src/metrics/facts.ts";
import { factLog } from "../../src/metrics/log.ts";
import { beginOf, recordOf, seenIn } from "../../src/metrics/record.ts";
import { htmlReport } from "../../src/metrics/report.ts";
import { tenths, workedLog } from "./metricslog.ts";

const hostile = `<script>alert("1")</script>&'`;

function fullLog(name = "worked", layer = "hidden") {
  const log = workedLog({ name });
  const probe = { rows: 8, units: 4, dead: 1, dormant: 2, tau: 0.01, approximateRank: 3, absoluteRank: 3, stableRank: 1.5 };
  const facts: readonly Fact[] = [
    { kind: "plasticity", step: 12, layers: [{ ...probe, layer, effectiveRank: 2.5, weightMagnitude: 0.1 }] },
    { kind: "memory", step: 12, tasks: { "0": 3, "1": 5 }, classes: { [layer]: 8 } },
    { kind: "drift", step: 12, detector: layer, signal: "drift" },
    { kind: "plasticity", step: 13, layers: [{ ...probe, layer, effectiveRank: null }] },
    { kind: "memory", step: 13, tasks: { "0": 2, "1": 6 } },
    { kind: "step", step: 14, task: 2, loss: null, rate: 0.1 },
  ];
  for (const fact of facts) log.append(fact);
  return log;
}

/** Fails where the document is not well formed, or holds what is no element of a report. */
function check(document: string): void {
  const open: string[] = [];
  for (const [, closing, name = "", attributes = "", self] of document.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:\s[^<>]*?)?)(\/?)>/g)) {
    if (closing === "/") expect(open.pop()).toBe(name);
    else {
      expect(attributes.replace(/\s[a-zA-Z-]+="[^"<>]*"/g, "")).toBe("");
      if (self !== "/" && !["meta", "br"].includes(name)) open.push(name);
    }
  }
  expect(open).toEqual([]);
  expect(document).not.toMatch(/<script|<img|<link|https?:|url\(|@import|\bon[a-z]+="|NaN|Infinity|undefined|\[object/);
}

describe("a report of a log", () => {
  it("shows plasticity, memory, falls and drifts, and why a figure is not defined", () => {
    const document = htmlReport(recordOf(fullLog()));
    check(document);
    expect(document.match(/<figure>/g)).toHaveLength(1 + 4 + 3 + 2);
    for (const text of [
      "Units that are dead, and dormant",
      "Effective rank of activations",
      "Weight magnitude",
      "What the memory holds, by task",
      "What the memory holds, by class",
      "stability gap of a: 50.0 % at step 6, back after 4 steps",
      "stability gap of b: 30.0 % at step 9, back after 3 steps",
      "drift of hidden at step 12",
      "Stability gap (last task)",
      "Windowed forgetting (w10)",
      "Dormant units (hidden, τ 0.01)",
      "there is no single-task expert: Performance relative to an expert (expert), Sample efficiency (expert)",
      "their loss not finite: 1",
    ]) {
      expect(document).toContain(text);
    }
    expect(document.match(/class="fall /g)).toHaveLength(2);
  });

  it("says of a figure that one run lacks why it does", () => {
    const lasting = recordOf(workedLog({ name: "lasting" }));
    const masked = recordOf(workedLog({ name: "masked", masked: true }));
    const document = htmlReport([lasting, masked]);
    check(document);
    expect(document).toContain("–<small>classes never seen are masked, so accuracy before training means nothing</small>");
  });

  it("bears logs that have only begun, and tasks that come again", () => {
    const begun = factLog();
    begun.append([...workedLog()][0] as Fact);
    check(htmlReport(recordOf(begun)));
    for (const [i, task] of [0, 1, 0, 2].entries()) {
      const tasks = [0, 1, 2].map((asked) => ({ task: asked, rows: 10, correct: asked === task ? 9 : asked === 2 && i < 3 ? 0 : 5 }));
      begun.append({ kind: "evaluation", step: 5 * i + 5, task, tasks });
      begun.append({ kind: "boundary", step: 5 * i + 5, task });
    }
    const record = recordOf(begun);
    expect(record.tasks.map((_, task) => beginOf(record, task))).toEqual([0, 5, 15]);
    // The third task counts from its own training on, not from the third boundary: (.9 + .5) / 2 until then.
    expect(record.curve.map((point) => seenIn(record, point))).toEqual([0.9, 0.7, 0.7, (0.5 + 0.5 + 0.9) / 3]);
    check(htmlReport(record));
    expect(htmlReport(record)).toContain("4 · c");
    expect(htmlReport(record)).toContain("a task was learned more than once");
    expect(() => recordOf(factLog())).toThrow(expect.objectContaining({ code: "E_DATA" }));
  });

  it("escapes whatever facts hold", () => {
    const document = htmlReport(recordOf(fullLog(hostile, hostile)));
    check(document);
    expect(document).toContain("&lt;script&gt;");
  });
});

describe("strategies compared", () => {
  const runs = (name: string, shifts: readonly number[]) =>
    shifts.map((shift, seed) =>
      recordOf(workedLog({ name, seed, rows: tenths.map((row) => row.map((count, i) => (i > 8 ? Math.max(0, count - shift) : count))) })),
    );
  const groups = { naive: runs("naive", [1, 3]), replay: runs("replay", [0, 1, 2]), alone: runs("alone", [0]) };

  it("have mean and standard deviation of each figure, worked by hand", () => {
    const found = compareRuns(groups).find(({ metric }) => metric === "averageAccuracy")?.strategies;
    // At the end .6 .8 1, less a shift for each: .8, .7, .6 for 0, 1, 2; .7 and .5 for 1 and 3.
    expect(found?.replay).toMatchObject({ defined: 3, runs: 3 });
    expect(found?.replay?.mean).toBeCloseTo(0.7, 12);
    expect(found?.replay?.sd).toBeCloseTo(0.1, 12);
    expect(found?.naive?.mean).toBeCloseTo(0.6, 12);
    expect(found?.naive?.sd).toBeCloseTo(Math.sqrt(0.02), 12);
    expect(found?.alone).toEqual({ defined: 1, runs: 1, mean: expect.closeTo(0.8, 12), sd: undefined });
  });

  it("have no mean of what not every run defines", () => {
    const found = compareRuns(groups).find(({ metric, variant }) => metric === "recoveryTime" && variant === "full")?.strategies;
    // b is back at .9 in the third task's training only where nothing was shifted.
    expect(found?.replay).toEqual({ defined: 1, runs: 3, mean: undefined, sd: undefined });
    expect(found?.alone?.mean).toBeCloseTo(3.5, 12);
  });

  it("make one document with one picture and one table", () => {
    const document = comparisonReport({ ...groups, [hostile]: runs(hostile, [0, 1]) });
    check(document);
    expect(document.match(/<figure>/g)).toHaveLength(1);
    expect(document.match(/<table>/g)).toHaveLength(1);
    expect(document).toContain("70.0 % ± 10.0 %");
    expect(document).toContain("–<small>defined in 1 of 3 runs</small>");
    expect(document).toContain("3 runs, seeds 0, 1, 2");
    expect(document).toContain("1 run, seed 0");
    // Of four strategies three have a spread to be drawn.
    expect(document.match(/class="band /g)).toHaveLength(3);
    for (const wrong of [{}, { naive: [] }]) {
      expect(() => comparisonReport(wrong)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    }
  });
});

describe("pictures", () => {
  const frame = { title: "t", description: "d", x: [0, 10] as const, boundaries: [] };

  it("stack amounts to scale", () => {
    const points = [
      { step: 0, amounts: { a: 1, b: 1 } },
      { step: 10, amounts: { a: 1, b: 3 } },
    ];
    const { markup } = areaChart({ ...frame, points });
    // From 52 to 588 across, from 224 up to 14 for four rows.
    expect([...markup.matchAll(/class="area (s\d)" d="([^"]*)"/g)].map(([, name, d]) => `${name} ${d}`)).toEqual([
      "s0 M52 171.5L588 171.5L588 224L52 224Z",
      "s1 M52 119L588 14L588 171.5L52 171.5Z",
    ]);
  });

  it("put the smaller of too many kinds together, and thin out too many points", () => {
    const amounts = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`class ${i}`, i + 1]));
    const { markup } = areaChart({ ...frame, points: Array.from({ length: 1000 }, (_, i) => ({ step: i / 100, amounts })) });
    expect(markup.match(/class="area /g)).toHaveLength(16);
    expect(markup).toContain("<title>others</title>");
    expect(markup).toContain("<title>class 39</title>");
    expect(markup.length).toBeLessThan(200_000);
    check(areaChart({ ...frame, points: [] }).markup);
  });

  it("draw a spread around a line", () => {
    const points = [
      { x: 0, y: 0.5 },
      { x: 10, y: 0.5 },
    ];
    const { markup } = lineChart({ ...frame, y: [0, 1], format: String, lines: [{ label: "a", points, spread: [0, 0.1] }] });
    expect(markup).toContain('class="band s0 d0" d="M52 119L588 98L588 140L52 119Z"');
  });
});
