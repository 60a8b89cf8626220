import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Line, lineChart } from "../../src/metrics/chart.ts";
import { html } from "../../src/metrics/markup.ts";
import type { RunRecord } from "../../src/metrics/record.ts";
import { htmlReport } from "../../src/metrics/report.ts";
import { downsample, ticks } from "../../src/metrics/series.ts";

const run = (changes: Partial<RunRecord> = {}): RunRecord => ({
  name: "replay",
  options: { memory: 500, hidden: [128] },
  backend: "wasm",
  seed: 7,
  tasks: ["classes 0, 1", "classes 2, 3"],
  matrix: [
    [0.98, null],
    [0.76, 0.93],
  ],
  curve: [
    { step: 0, accuracies: [0.5, 0] },
    { step: 100, accuracies: [0.98, 0] },
    { step: 200, accuracies: [0.76, 0.93] },
  ],
  boundaries: [100, 200],
  training: Array.from({ length: 200 }, (_, i) => ({ step: i + 1, loss: 2 / (1 + i), learningRate: 0.1 })),
  summary: { steps: 12345, stateHash: "abc", time: undefined },
  ...changes,
});
/** Returns the names of the elements of a document, or fails where a tag is not closed in its turn. */
const elements = (document: string): string[] => {
  const open: string[] = [];
  const names: string[] = [];
  for (const [, closing, name = "", attributes = "", self] of document.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:\s[^<>]*?)?)(\/?)>/g)) {
    if (closing === "/") {
      expect(open.pop()).toBe(name);
      continue;
    }
    names.push(name);
    expect(attributes.replace(/\s[a-zA-Z-]+="[^"<>]*"/g, "")).toBe("");
    if (self !== "/" && !["meta", "br"].includes(name)) open.push(name);
  }
  expect(open).toEqual([]);
  return names;
};

describe("htmlReport", () => {
  it("is one well-formed document that asks for nothing outside itself and runs nothing", () => {
    for (const runs of [run(), [run()], [run({ name: "naive" }), run()]]) {
      const document = htmlReport(runs);
      expect(document.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
      const names = elements(document);
      expect(names).not.toContain("script");
      expect(names).not.toContain("img");
      expect(names).not.toContain("link");
      expect(document).not.toMatch(/https?:|url\(|@import|\bon[a-z]+="/);
      expect(document).not.toMatch(/NaN|Infinity|undefined|\[object/);
    }
  });

  it("shows each run's pictures and numbers, and definitions by name", () => {
    const document = htmlReport([run({ name: "naive", options: { memory: 0 } }), run()]);
    const names = elements(document);
    expect(names.filter((name) => name === "figure")).toHaveLength(1 + 2 * 4);
    for (const text of [
      "Accuracy on each task",
      "Training loss",
      "Learning rate",
      "Forgetting (Chaudhry)",
      "Backward transfer (Lopez-Paz)",
    ]) {
      expect(document).toContain(text);
    }
    expect(document).toContain("after classes 2, 3, on classes 0, 1: 76.0 %");
    expect(document).toContain("after classes 0, 1, on classes 2, 3: not evaluated");
    expect(document).toContain("84.5 %");
    expect(document).toContain("forgetting 22.0 % (Chaudhry)");
    expect(document).toContain("−22.0 %");
    expect(document).toContain("12\u2009345");
    expect(document).toContain('<tr class="differs"><th scope="row">memory</th>');
    expect(document).toContain('<tr><th scope="row">seed</th>');
    expect(document.match(/class="boundary"/g)).toHaveLength(1 + 2 * 3);
  });

  it("escapes whatever a name or an option holds", () => {
    const hostile = `<script>alert("1")</script>&'\u0000`;
    const document = htmlReport(
      run({
        name: hostile,
        tasks: [hostile, hostile],
        backend: hostile,
        options: { [hostile]: { deep: hostile } },
        summary: { [hostile]: hostile },
      }),
    );
    expect(elements(document)).not.toContain("script");
    expect(document).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39; ");
    expect(document).not.toContain("\u0000");
  });

  it("stays small and keeps its spikes however long the run was", () => {
    const training = Array.from({ length: 200_000 }, (_, i) => ({ step: i + 1, loss: i === 123_456 ? 50 : 1, learningRate: 0.1 }));
    const document = htmlReport(run({ training, boundaries: [100_000, 200_000] }));
    expect(document.length).toBeLessThan(100_000);
    expect(document).toMatch(/>50<\/text>/);
  });

  it("leaves out what is not a number, and says so", () => {
    const training = [1, Number.NaN, Number.POSITIVE_INFINITY, 2].map((loss, i) => ({ step: i + 1, loss, learningRate: 0.1 }));
    const document = htmlReport(run({ training, summary: {}, options: {} }));
    expect(document).toContain("their loss not finite: 2");
    expect(document).not.toMatch(/NaN|Infinity/);
  });

  it("bears runs that have only begun", () => {
    const empty = htmlReport(run({ matrix: [], curve: [], boundaries: [], training: [], summary: {} }));
    expect(elements(empty)).toContain("figure");
    expect(empty).not.toMatch(/NaN|Infinity|undefined/);
    expect(empty).toContain("<b>–</b>");
  });

  it("refuses to report nothing", () => {
    expect(() => htmlReport([])).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});

describe("lineChart", () => {
  const chart = { title: "t", description: "d", x: [0, 10], y: [0, 1], format: String, boundaries: [4] } as const;
  const paths = (lines: readonly Line[]): string[] =>
    [...lineChart({ ...chart, lines }).markup.matchAll(/<path class="([^"]*)" d="([^"]*)"/g)].map(([, name, d]) => `${name}: ${d}`);

  it("draws a line through its points, faint until it matters, with colours in turn and then dashes", () => {
    const points = [
      { x: 0, y: 0 },
      { x: 5, y: 1 },
      { x: 10, y: 0.5 },
    ];
    const drawn = paths([
      { label: "a", points },
      { label: "b", points, from: 5 },
      { label: "c", points: [], color: 9 },
    ]);
    expect(drawn).toContain("stroke s0 d0: M52 224L320 14L588 119");
    expect(drawn).toContain("stroke s1 d0 faint: M52 224L320 14");
    expect(drawn).toContain("stroke s1 d0: M320 14L588 119");
    expect(drawn).toContain("stroke s1 d1: M0 4H22");
    expect(drawn).toContain("boundary: M266.4 14V224");
  });

  it("draws more points than fit as their mean in a band", () => {
    const points = Array.from({ length: 5360 }, (_, i) => ({ x: i / 536, y: i % 2 }));
    const drawn = paths([{ label: "a", points }]);
    expect(drawn.find((path) => path.startsWith("band s0"))).toMatch(/^band s0 d0: M52\.5 14L.*L52\.5 224Z$/);
    expect(drawn.find((path) => path.startsWith("stroke s0"))).toMatch(/^stroke s0 d0: M52\.5 119L/);
  });
});

describe("html", () => {
  it("escapes text, keeps markup, joins lists, drops undefined", () => {
    expect(html`<b>${"<&>\"'"}${html`<i>${1}</i>`}${["a", html`<br>`]}${undefined}</b>`.markup).toBe(
      "<b>&lt;&amp;&gt;&quot;&#39;<i>1</i>a<br></b>",
    );
  });
});

describe("downsample", () => {
  it("keeps order, extremes and every point's weight, in no more buckets than allowed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        (values, limit) => {
          const buckets = downsample(
            values.map((y, x) => ({ x, y })),
            limit,
          );
          expect(buckets.length).toBe(Math.min(limit, values.length));
          expect(Math.max(...buckets.map(({ high }) => high))).toBe(Math.max(...values));
          expect(Math.min(...buckets.map(({ low }) => low))).toBe(Math.min(...values));
          for (const [k, bucket] of buckets.entries()) {
            expect(bucket.y).toBeGreaterThanOrEqual(bucket.low - 1e-9);
            expect(bucket.y).toBeLessThanOrEqual(bucket.high + 1e-9);
            if (k > 0) expect(bucket.x).toBeGreaterThan(buckets[k - 1]?.x as number);
          }
          if (values.length <= limit) expect(buckets.map(({ y }) => y)).toEqual(values);
        },
      ),
    );
  });
});

describe("ticks", () => {
  it("are round, evenly spaced and within the range", () => {
    expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks(0, 0.033, 5)).toEqual([0, 0.01, 0.02, 0.03]);
    expect(ticks(0, 60_000, 6)).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
    expect(ticks(3, 3, 5)).toEqual([3]);
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), (high) => {
        const values = ticks(0, high, 5);
        expect(values.length).toBeGreaterThanOrEqual(3);
        expect(values.length).toBeLessThanOrEqual(7);
        expect(values[0]).toBe(0);
        expect(values.at(-1)).toBeLessThanOrEqual(high * (1 + 1e-9));
      }),
    );
  });
});
