import { detectors } from "palimpsest";
import { describe, expect, it } from "vitest";
import type { PalimpsestError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";
import { cutThreshold } from "../../src/strategy/adwin.ts";
import type { Detector, Signal } from "../../src/strategy/host.ts";

const { adwin, bocpd, cusum, ddm, detectorFrom, lossDeviation, pageHinkley } = detectors;

const start = (detector: Detector): Record<string, Float64Array> =>
  Object.fromEntries(Object.entries(detector.numbers).map(([name, length]) => [name, new Float64Array(length)]));
const run = (detector: Detector, values: readonly number[], numbers = start(detector)): (Signal | undefined)[] =>
  values.map((value) => detector.push(numbers, value));
/** Returns the indices of values with which a signal came. */
const told = (detector: Detector, values: readonly number[], signal: Signal = "drift"): number[] =>
  run(detector, values).flatMap((given, i) => (given === signal ? [i] : []));
const repeat = (count: number, value: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => value(i));

const bits = (seed: number, count: number, rate: (i: number) => number): number[] => {
  const random = new RandomStream(seed, "bits");
  return repeat(count, (i) => (random.uniform() < rate(i) ? 1 : 0));
};
const normal = (seed: number, count: number): number[] => {
  const random = new RandomStream(seed, "normal");
  return repeat(count, () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform()));
};
/** Errors whose rate changes every `length` values. */
const shifting = (seed: number, count: number, length: number): number[] => {
  const random = new RandomStream(seed, "rates");
  const rates = repeat(Math.ceil(count / length), () => random.uniform());
  return bits(seed, count, (i) => rates[Math.floor(i / length)] as number);
};
const refusal = (run: () => unknown): PalimpsestError => {
  try {
    run();
  } catch (error) {
    return error as PalimpsestError;
  }
  throw new Error("nothing was refused");
};

const all: readonly Detector[] = [
  cusum({ mean: 0.3, slack: 0.1, threshold: 2 }),
  pageHinkley({ threshold: 5 }),
  ddm(),
  adwin(),
  bocpd({ hazard: 1e-3, length: 64 }),
  lossDeviation({ window: 30 }),
];

describe("every detector", () => {
  it.each(all)("$name continues from a copy of its numbers, and from its config, as if it had never stopped", (detector) => {
    const values = shifting(3, 3000, 250);
    const whole = run(detector, values);
    expect(whole.filter((signal) => signal === "drift").length).toBeGreaterThan(2);
    const numbers = start(detector);
    const first = run(detector, values.slice(0, 1337), numbers);
    const copy = Object.fromEntries(Object.entries(numbers).map(([name, held]) => [name, held.slice()]));
    const again = detectorFrom(detector.name, JSON.parse(JSON.stringify(detector.config)));
    expect(again.config).toEqual(detector.config);
    expect(again.watches).toBe(detector.watches);
    expect([...first, ...run(again, values.slice(1337), copy)]).toEqual(whole);
  });

  it.each(all)("$name refuses what is not finite, and keeps its numbers", (detector) => {
    const numbers = start(detector);
    run(detector, [0, 1, 0], numbers);
    const before = structuredClone(numbers);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300]) {
      expect(refusal(() => detector.push(numbers, value))).toMatchObject({ code: "E_DATA", hint: expect.stringContaining("ell ") });
    }
    expect(numbers).toEqual(before);
  });

  it.each(all.filter(({ name }) => name !== "adwin"))("$name begins anew after an alarm", (detector) => {
    const values = shifting(5, 2000, 200);
    const index = run(detector, values).indexOf("drift");
    expect(index).toBeGreaterThan(0);
    const rest = values.slice(index + 1);
    expect(run(detector, values).slice(index + 1)).toEqual(run(detector, rest));
  });

  it.each(all)("$name keeps finite numbers for the largest values it takes", (detector) => {
    const largest = detector.name === "ddm" || detector.name === "bocpd" ? 1 : 3.4e38;
    const numbers = start(detector);
    run(detector, [...repeat(200, (i) => (i % 3 === 0 ? -largest * (largest > 1 ? 1 : 0) : largest)), ...repeat(200, () => 0)], numbers);
    for (const values of Object.values(numbers)) expect(values.every(Number.isFinite)).toBe(true);
  });

  it("is known by its name, and the nearest is named where it is not", () => {
    expect(refusal(() => detectorFrom("adwim", {}))).toMatchObject({ code: "E_UNSUPPORTED", hint: 'Did you mean "adwin"?' });
    expect(refusal(() => detectorFrom("constructor", {})).code).toBe("E_UNSUPPORTED");
    expect(refusal(() => detectorFrom("adwin", { sigma: 1 })).code).toBe("E_CONFIG");
  });

  it.each([
    ["cusum", {}, "mean"],
    ["cusum", { mean: 0, slack: -1 }, "slack"],
    ["cusum", { mean: 0, watches: "accuracy" }, "watches"],
    ["pageHinkley", { alpha: 1.5 }, "alpha"],
    ["ddm", { warning: 3, drift: 2 }, "drift"],
    ["adwin", { delta: 0 }, "delta"],
    ["adwin", { buckets: 0 }, "buckets"],
    ["bocpd", { hazard: 1 }, "hazard"],
    ["bocpd", { length: 1 }, "length"],
    ["lossDeviation", { window: 1 }, "window"],
  ])("%s refuses %o", (name, config, option) => {
    expect(refusal(() => detectorFrom(name, config))).toMatchObject({ code: "E_CONFIG", message: expect.stringContaining(option) });
  });
});

describe("cusum", () => {
  const change = [...repeat(20, () => 0), ...repeat(20, () => 1)];
  it("alarms where the published sum does", () => {
    expect(told(cusum({ mean: 0 }), change)).toEqual([28, 37]);
  });

  it("runs as long without an alarm as Siegmund's approximation says", () => {
    // ARL₀ ≈ (e^{2kb} − 2kb − 1)/(2k²) with b = h + 1.166, for k = ½ and h = 4: 335.
    const b = 4 + 1.166;
    const expected = (Math.exp(b) - b - 1) / 0.5;
    const found = 200_000 / told(cusum({ mean: 0 }), normal(1, 200_000)).length;
    expect(found / expected).toBeGreaterThan(0.9);
    expect(found / expected).toBeLessThan(1.1);
  });
});

describe("pageHinkley", () => {
  it("alarms where scikit-multiflow's does", () => {
    expect(told(pageHinkley(), [...repeat(100, () => 0), ...repeat(100, () => 1)])).toEqual([166]);
  });

  it("has no alarm before the minimum", () => {
    const huge = repeat(60, (i) => i * 100);
    expect(told(pageHinkley({ minimum: 30 }), huge)[0]).toBe(28);
    expect(told(pageHinkley({ minimum: 1, alpha: 1 }), huge)[0]).toBe(2);
  });

  it("does as sums over the whole past do", () => {
    const values = shifting(8, 4000, 400);
    const expected: number[] = [];
    let past: number[] = [];
    let sum = 0;
    for (const [i, value] of values.entries()) {
      past.push(value);
      sum = Math.max(0, 0.9999 * sum + value - past.reduce((a, b) => a + b) / past.length - 0.005);
      if (past.length < 29 || sum <= 5) continue;
      expected.push(i);
      [past, sum] = [[], 0];
    }
    expect(expected.length).toBeGreaterThan(4);
    expect(told(pageHinkley({ threshold: 5 }), values)).toEqual(expected);
  });

  it("does not alarm on 100,000 values with 5 % errors", () => {
    expect(
      told(
        pageHinkley(),
        bits(2, 100_000, () => 0.05),
      ),
    ).toEqual([]);
  });
});

describe("ddm", () => {
  it("warns and alarms where the published one does", () => {
    const errors = [...repeat(200, (i) => (i % 10 === 0 ? 1 : 0)), ...repeat(100, (i) => (i % 2 === 0 ? 1 : 0))];
    expect(told(ddm(), errors, "warning")[0]).toBe(210);
    expect(told(ddm(), errors)[0]).toBe(222);
  });

  it("does as counts over the whole past do", () => {
    const values = shifting(9, 6000, 300);
    const expected: (Signal | undefined)[] = [];
    let past: number[] = [];
    let best: readonly [number, number] | undefined;
    for (const value of values) {
      past.push(value);
      const p = past.reduce((a, b) => a + b) / past.length;
      const s = Math.sqrt((p * (1 - p)) / past.length);
      let signal: Signal | undefined;
      if (past.length >= 29) {
        if (best === undefined || p + s <= best[0] + best[1]) best = [p, s];
        if (p + s > best[0] + 2 * best[1]) signal = "warning";
        if (p + s > best[0] + 3 * best[1]) signal = "drift";
        if (signal === "drift") [past, best] = [[], undefined];
      }
      expected.push(signal);
    }
    expect(expected).toContain("warning");
    expect(expected).toContain("drift");
    expect(run(ddm(), values)).toEqual(expected);
  });

  it("alarms at most once in 20,000 values where nothing changes", () => {
    for (const rate of [0.05, 0.1, 0.3])
      expect(
        told(
          ddm(),
          bits(4, 60_000, () => rate),
        ).length,
      ).toBeLessThanOrEqual(3);
  });

  it("alarms at the first error after none, and takes shares of errors but nothing outside of 0 … 1", () => {
    expect(told(ddm(), [...repeat(50, () => 0), 1])).toEqual([50]);
    expect(
      run(
        ddm(),
        repeat(100, () => 0.5),
      ).every((signal) => signal === undefined),
    ).toBe(true);
    expect(refusal(() => ddm().push(start(ddm()), 1.5)).message).toContain("from 0 to 1, got 1.5");
  });
});

describe("adwin", () => {
  it("cuts by the published thresholds", () => {
    expect(cutThreshold(100, 100, 0.25, 0.002)).toBeCloseTo(0.417971, 6);
    expect(cutThreshold(50, 20, 0.25, 0.002)).toBeCloseTo(1.062369, 6);
  });

  /** Buckets as lists of their values, oldest first; everything is computed from these values. */
  const model = (values: readonly number[], { delta = 0.002, buckets = 5, clock = 32, rows = 32 } = {}) => {
    const window: number[][] = [];
    const drifts: number[] = [];
    const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
    for (const [i, value] of values.entries()) {
      window.push([value]);
      for (let size = 1; ; size *= 2) {
        const same = window.filter((bucket) => bucket.length === size);
        if (same.length <= buckets) break;
        const at = window.indexOf(same[0] as number[]);
        if (size === 2 ** (rows - 1)) window.splice(at, 1);
        else window.splice(at, 2, [...(same[0] as number[]), ...(same[1] as number[])]);
      }
      if ((i + 1) % clock !== 0) continue;
      const differs = () => {
        const held = window.flat();
        if (held.length <= 10) return false;
        const mean = sum(held) / held.length;
        const variance = sum(held.map((x) => (x - mean) ** 2)) / held.length;
        return window.some((_, cut) => {
          const [older, newer] = [window.slice(0, cut).flat(), window.slice(cut).flat()];
          if (older.length < 5 || newer.length < 5) return false;
          const harmonic = 1 / (older.length - 4) + 1 / (newer.length - 4);
          const log = Math.log((2 * Math.log(held.length)) / delta);
          const apart = Math.abs(sum(older) / older.length - sum(newer) / newer.length);
          return apart > Math.sqrt(2 * harmonic * variance * log) + (2 / 3) * harmonic * log;
        });
      };
      const before = window.length;
      while (differs()) window.shift();
      if (window.length < before) drifts.push(i);
    }
    return { drifts, sizes: window.map((bucket) => bucket.length), sums: window.map(sum) };
  };
  /** Returns what a window holds, oldest bucket first. */
  const held = (detector: Detector, values: readonly number[], buckets = 5) => {
    const numbers = start(detector);
    const drifts = run(detector, values, numbers).flatMap((signal, i) => (signal === "drift" ? [i] : []));
    const rows = [...(numbers.held as Float64Array).entries()].reverse();
    const sizes = rows.flatMap(([row, count]) => repeat(count, () => 2 ** row));
    const sums = rows.flatMap(([row, count]) => [
      ...(numbers.sums as Float64Array).slice(row * (buckets + 1), row * (buckets + 1) + count),
    ]);
    return { drifts, sizes, sums };
  };

  it.each([1, 2, 3, 4])("does as lists of values do, on errors of stream %i", (seed) => {
    const values = shifting(seed, 2000, 270);
    const expected = model(values);
    expect(expected.drifts.length).toBeGreaterThan(1);
    expect(held(adwin(), values)).toEqual(expected);
  });

  it("does so with other options, and on losses", () => {
    const random = new RandomStream(6, "loss");
    const values = repeat(1500, (i) => Math.round((random.uniform() + (Math.floor(i / 500) % 2)) * 1024) / 1024);
    const options = { delta: 0.05, buckets: 2, clock: 7 };
    const expected = model(values, options);
    expect(expected.drifts.length).toBeGreaterThan(1);
    expect(held(adwin({ ...options, watches: "loss" }), values, 2)).toEqual(expected);
  });

  it("forgets the oldest values where the largest buckets are full", () => {
    const values = bits(7, 700, () => 0.4);
    const expected = model(values, { rows: 4 });
    expect(expected.sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(75);
    expect(held(adwin({ rows: 4 }), values)).toEqual(expected);
  });

  it("does not alarm on 100,000 values where nothing changes", () => {
    for (const rate of [0.05, 0.5])
      expect(
        told(
          adwin(),
          bits(3, 100_000, () => rate),
        ),
      ).toEqual([]);
  });

  it("keeps the newer part of its window after an alarm", () => {
    const { drifts, sizes } = held(
      adwin(),
      bits(1, 640, (i) => (i < 320 ? 0.1 : 0.9)),
    );
    expect(drifts[0]).toBeLessThan(400);
    const width = sizes.reduce((a, b) => a + b);
    expect(width).toBeGreaterThan(240);
    expect(width).toBeLessThan(400);
  });

  it("finds small changes after values that are far too large", () => {
    const values = [...repeat(320, () => 1e30), ...bits(2, 640, (i) => (i < 320 ? 0.1 : 0.9))];
    expect(told(adwin(), values).some((index) => index > 640)).toBe(true);
  });
});

describe("bocpd", () => {
  const change = [...repeat(60, () => 0), ...repeat(60, () => 1)];
  /** Returns the numbers of values seen at each restart. */
  const restarts = (options: Parameters<typeof bocpd>[0], values: readonly number[]) => told(bocpd(options), values).map((i) => i + 1);

  it("restarts where the official code does", () => {
    for (const length of [16, 64, 1024]) {
      expect(restarts({ hazard: 1 / 120, length }, change)).toEqual([62]);
      expect(restarts({ hazard: 1 / 1000, length }, change)).toEqual([63]);
      expect(
        restarts(
          { hazard: 1 / 200, length },
          repeat(200, (i) => i % 2),
        ),
      ).toEqual([]);
    }
  });

  /** Every forecaster since the last restart, each from its own values. */
  const model = (values: readonly number[], hazard: number, categories = 2) => {
    const found: number[] = [];
    let first = 0;
    let weights = [1];
    for (const [i, value] of values.entries()) {
      weights = weights.map((weight, s) => {
        const past = values.slice(first + s, i);
        return ((1 - hazard) * weight * (past.filter((x) => x === value).length + 1)) / (past.length + categories);
      });
      weights.push(hazard);
      const total = weights.reduce((a, b) => a + b);
      weights = weights.map((weight) => weight / total);
      if (Math.max(...weights) === weights[0]) continue;
      found.push(i);
      [first, weights] = [i + 1, [1]];
    }
    return found;
  };

  it.each([1, 2, 3])("does as the full recursion does, on stream %i", (seed) => {
    const values = shifting(seed, 1500, 210);
    const expected = model(values, 1e-3);
    expect(expected.length).toBeGreaterThan(3);
    for (const length of [1024, 256]) expect(told(bocpd({ hazard: 1e-3, length }), values)).toEqual(expected);
  });

  it("tells large changes one value later at most with few forecasters, and small ones a few", () => {
    for (const [low, high, late] of [
      [0.05, 0.4, 2],
      [0.2, 0.3, 10],
    ] as const) {
      const values = bits(1, 8000, (i) => (Math.floor(i / 2000) % 2 === 0 ? low : high));
      const [all = [], few = []] = [8000, 256].map((length) => told(bocpd({ length }), values));
      expect(all.length).toBe(3);
      expect(few.length).toBe(3);
      for (const [i, index] of few.entries()) expect(Math.abs(index - (all[i] as number))).toBeLessThan(late);
    }
  });

  it("watches several categories", () => {
    const random = new RandomStream(4, "categories");
    const values = repeat(900, (i) => (Math.floor(i / 150) + (random.uniform() < 0.7 ? 0 : random.below(4))) % 4);
    const expected = model(values, 1e-3, 4);
    expect(expected.length).toBeGreaterThan(3);
    expect(told(bocpd({ hazard: 1e-3, categories: 4 }), values)).toEqual(expected);
    expect(refusal(() => bocpd({ categories: 4 }).push(start(bocpd({ categories: 4 })), 4)).message).toContain("from 0 to 3, got 4");
  });

  it("has about a false alarm in 3/γ values where nothing changes", () => {
    const alarms = [0.1, 0.3, 0.5].map(
      (rate) =>
        told(
          bocpd({ hazard: 1e-3, length: 64 }),
          bits(5, 40_000, () => rate),
        ).length,
    );
    const total = alarms.reduce((a, b) => a + b);
    expect(total).toBeGreaterThan(15);
    expect(total).toBeLessThan(80);
  });
});

describe("lossDeviation", () => {
  it("does not alarm on a constant loss, whatever it is", () => {
    for (const loss of [0, 0.1, 1 / 3, 0.7 + 0.1, 1e-30])
      expect(
        told(
          lossDeviation(),
          repeat(2000, () => loss),
        ),
      ).toEqual([]);
  });

  it("alarms at the second step of ten deviations, by the deviation of raw losses", () => {
    // One loss of the change stands among 10,000 when the second comes: it moves mean and deviation by less than 1 %.
    const base = repeat(10_000, (i) => (i % 2 === 0 ? 1 : 3));
    const options = { window: 10_000, statistics: "raw" } as const;
    const numbers = start(lossDeviation(options));
    run(lossDeviation(options), base, numbers);
    const level = () => (numbers.smoothed as Float64Array)[0] as number;
    // The smoothed loss is brought to the mean, 2, as the source supposes it to be.
    expect(lossDeviation(options).push(numbers, level() + (2 - level()) / 0.2)).toBeUndefined();
    expect(level()).toBeCloseTo(2, 12);
    expect(lossDeviation(options).push(numbers, 12)).toBeUndefined();
    expect(level() - 2).toBeCloseTo(2, 12);
    expect(0.8 * (level() - 2) + 2).toBeCloseTo(3.6, 12);
    expect(lossDeviation(options).push(numbers, 12)).toBe("drift");
    expect(lossDeviation({ ...options, deviations: 3.7 }).push(numbers, 12)).toBeUndefined();
  });

  it.each([
    ["smoothed", 2],
    ["raw", 1],
  ] as const)("does as lists of %s values do", (statistics, deviations) => {
    const noise = normal(2, 3000);
    const values = noise.map((x, i) => Math.abs(x) + 3 * Math.floor(i / 500));
    const expected: number[] = [];
    let list: number[] = [];
    let level: number | undefined;
    for (const [i, value] of values.entries()) {
      level = level === undefined ? value : 0.2 * value + 0.8 * level;
      const last = list.slice(-40);
      const mean = last.reduce((a, b) => a + b, 0) / last.length;
      const deviation = Math.sqrt(last.reduce((a, x) => a + (x - mean) ** 2, 0) / last.length);
      if (list.length >= 25 && level > mean + deviations * deviation) {
        expected.push(i);
        [list, level] = [[], undefined];
      } else list.push(statistics === "raw" ? value : level);
    }
    expect(expected.length).toBeGreaterThan(3);
    expect(told(lossDeviation({ window: 40, warmup: 25, deviations, statistics }), values)).toEqual(expected);
  });

  it("alarms once in some hundreds of noisy losses by the smoothed deviation, and not by the raw one", () => {
    const values = normal(3, 50_000);
    const found = told(lossDeviation(), values).length;
    expect(found).toBeGreaterThan(40);
    expect(found).toBeLessThan(160);
    expect(told(lossDeviation({ statistics: "raw" }), values)).toEqual([]);
  });
});
