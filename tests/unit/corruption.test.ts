import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";
import * as streams from "../../src/stream/index.ts";

const kinds: readonly streams.Corruption[] = ["noise", "blur", "contrast", "brightness", "occlusion", "pixelate"];
const random = new RandomStream(1, "images");
const bytes = (count: number, shape: readonly number[]): streams.Dataset => {
  const row = shape.reduce((a, b) => a * b, 1);
  return streams.arrays(
    Uint8Array.from({ length: count * row }, () => random.below(256)),
    new Uint32Array(count),
    { shape: [...shape], classes: 1 },
  );
};
const grey = (count: number, value: number): streams.Dataset =>
  streams.arrays(new Float32Array(count * 400).fill(value), new Uint32Array(count), { shape: [20, 20], classes: 1 });
const pixels = (set: streams.Dataset): number[] => [...streams.readRows(set, 0, set.count).x];
const seen = (set: streams.Dataset, kind: streams.Corruption, severity: number, seed = 0): number[] =>
  pixels(streams.corrupted(set, { kind, severity, seed }));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]): number => {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** 2));
};
const all = async (stream: AsyncIterable<streams.Batch>): Promise<streams.Batch[]> => {
  const got: streams.Batch[] = [];
  for await (const batch of stream) got.push(batch);
  return got;
};

describe("corruptions", () => {
  const set = bytes(4, [6, 8]);

  it.each(kinds)("leave bytes as they are at severity 0, and within their range at any: %s", (kind) => {
    expect(seen(set, kind, 0)).toEqual(pixels(set));
    expect(seen(set, kind, 1e-9)).toEqual(pixels(set));
    for (const severity of [0.3, 1]) {
      const worse = seen(set, kind, severity);
      expect(worse).not.toEqual(pixels(set));
      // Uint8Array would wrap round.
      expect(Math.abs(mean(worse) - mean(pixels(set)))).toBeLessThan(kind === "brightness" || kind === "occlusion" ? 256 : 25);
    }
    for (const value of seen(grey(2, 0.9), kind, 0.7)) expect(value >= 0 && value <= 1).toBe(true);
  });

  it.each(kinds)("do to a row what its stored number has it, in whatever set and order: %s", (kind) => {
    const worse = streams.corrupted(set, { kind, severity: 0.5, seed: 4 });
    const again = streams.corrupted(streams.select(set, [3, 1]), { kind, severity: 0.5, seed: 4 });
    expect(pixels(again)).toEqual([...pixels(streams.select(worse, [3])), ...pixels(streams.select(worse, [1]))]);
    const random = kind === "noise" || kind === "occlusion";
    expect(seen(grey(2, 0.5), kind, 0.2, 1).join() === seen(grey(2, 0.5), kind, 0.2, 2).join()).toBe(!random);
    // Over another view too.
    const turned = streams.rotated({ train: set, test: set }, { tasks: 2, step: 180 }).tasks[1]?.train as streams.Dataset;
    const both = streams.corrupted(turned, { kind, severity: 0.5, seed: 4 });
    expect(pixels(streams.select(both, [2]))).toEqual(pixels(both).slice(96, 144));
    if (kind === "noise") expect(pixels(both).slice(0, 48)).not.toEqual(pixels(both).slice(48, 96));
  });

  it("noise has its deviation", () => {
    const values = seen(grey(50, 0.5), "noise", 0.2);
    // Over 20 000 pixels the mean is within 0.003 and the variance within 4 %.
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(0.003);
    expect(Math.abs(variance(values) / 0.01 - 1)).toBeLessThan(0.04);
  });

  it("blur is the mean of what is near", () => {
    const point = new Float32Array(400);
    point[20 * 10 + 10] = 1;
    const image = seen(streams.arrays(point, [0], { shape: [20, 20] }), "blur", 0.5);
    // Radius 2.5: five whole weights and a half either side, six in all.
    const weight = (d: number): number => (Math.abs(d) <= 2 ? 1 : Math.abs(d) === 3 ? 0.5 : 0) / 6;
    for (let p = 0; p < 400; p++) expect(image[p]).toBeCloseTo(weight(Math.floor(p / 20) - 10) * weight((p % 20) - 10), 6);
    for (const value of seen(grey(1, 0.25), "blur", 1)) expect(value).toBeCloseTo(0.25, 6);
  });

  it("contrast, brightness, occlusion and pixelation are what they say", () => {
    const image = pixels(streams.select(set, [0]));
    const m = mean(image);
    const first = (kind: streams.Corruption, severity: number) => seen(streams.select(set, [0]), kind, severity);
    expect(first("contrast", 0.5)).toEqual(image.map((value) => Math.floor(m + (value - m) / 2 + 0.5)));
    expect(first("brightness", 0.2)).toEqual(image.map((value) => Math.min(255, value + 51)));
    const dark = seen(grey(200, 1), "occlusion", 0.25);
    for (let i = 0; i < 200; i++) {
      const holes = dark.slice(400 * i, 400 * i + 400).flatMap((value, p) => (value === 0 ? [p] : []));
      expect(holes.length).toBe(100);
      expect(Math.floor((holes[99] as number) / 20) - Math.floor((holes[0] as number) / 20)).toBe(9);
    }
    expect(new Set(Array.from({ length: 200 }, (_, i) => dark.slice(400 * i, 400 * i + 400).indexOf(0))).size).toBeGreaterThan(60);
    const blocks = first("pixelate", 1);
    for (const top of [0, 3]) {
      for (const left of [0, 3, 6]) {
        const places = [0, 1, 2].flatMap((row) =>
          [0, 1, 2].filter((column) => left + column < 8).map((column) => (top + row) * 8 + left + column),
        );
        for (const p of places) expect(blocks[p]).toBe(Math.floor(mean(places.map((place) => image[place] as number)) + 0.5));
      }
    }
    expect(new Set(seen(set, "occlusion", 1))).toEqual(new Set([0]));
  });

  it("treat channels alike", () => {
    const flat = bytes(1, [6, 8]);
    const three = streams.arrays(Uint8Array.from(pixels(flat).flatMap((value) => [value, value, value])), [0], { shape: [6, 8, 3] });
    for (const kind of ["blur", "contrast", "brightness", "occlusion", "pixelate"] as const) {
      expect(seen(three, kind, 0.6)).toEqual(seen(flat, kind, 0.6).flatMap((value) => [value, value, value]));
    }
  });

  it("take values of another range", () => {
    const standard = streams.arrays(new Float32Array(400).fill(-1), [0], { shape: [20, 20] });
    const dark = streams.corrupted(standard, { kind: "brightness", severity: 0.5, range: [-1, 3] });
    expect(new Set(pixels(dark))).toEqual(new Set([1]));
  });

  it("refuse what cannot be", () => {
    for (const [options, code, named] of [
      [{ kind: "fog", severity: 0.5 }, "E_CONFIG", "kind"],
      [{ kind: "blur", severity: 1.5 }, "E_CONFIG", "severity"],
      [{ kind: "blur" }, "E_CONFIG", "severity"],
      [{ kind: "blur", severity: 1, range: [1, 1] }, "E_CONFIG", "range"],
      [{ kind: "blur", severity: 1, range: 3 }, "E_CONFIG", "range"],
      [{ kind: "blur", severity: 1, size: 3 }, "E_CONFIG", "size"],
    ] as const) {
      const make = () => streams.corrupted(set, options as never);
      expect(make).toThrow(expect.objectContaining({ code, message: expect.stringContaining(named) }));
    }
    expect(() => streams.corrupted(bytes(1, [6]), { kind: "blur", severity: 1 })).toThrow(expect.objectContaining({ code: "E_SHAPE" }));
  });
});

describe("drift", () => {
  const set = grey(40, 0.2);
  const plain = () => streams.batches(set, { batchSize: 7, shuffle: false, task: 2 });

  it("makes rows worse over time, by their number in the stream", async () => {
    const severity = streams.course({ kind: "ramp", start: 10, length: 20, peak: 0.5 });
    const drifted = streams.drifting(plain(), { shape: [20, 20], kind: "brightness", severity });
    const batches = await all(drifted);
    expect(await all(drifted)).toEqual(batches);
    expect(batches.map(({ task, y }) => [task, y.length])).toEqual([...plain()].map(({ task, y }) => [task, y.length]));
    const first = batches.flatMap(({ x }) => [...x].filter((_, p) => p % 400 === 0));
    for (const [row, value] of first.entries()) expect(value).toBeCloseTo(0.2 + 0.5 * Math.max(0, Math.min(1, (row - 10) / 20)), 6);
    expect(pixels(set)[0]).toBe(Math.fround(0.2));
    // However the stream is cut, a row of a number is made worse in the same way.
    const noisy = async (batchSize: number) => {
      const stream = streams.batches(set, { batchSize, shuffle: false });
      return (await all(streams.drifting(stream, { shape: [20, 20], kind: "noise", severity, seed: 3 }))).flatMap(({ x }) => [...x]);
    };
    expect(await noisy(3)).toEqual(await noisy(40));
  });

  it("has its courses", () => {
    const at = (options: streams.CourseOptions, rows: readonly number[]) => rows.map(streams.course(options));
    expect(at({ kind: "step", start: 3, peak: 0.5 }, [0, 2, 3, 99])).toEqual([0, 0, 0.5, 0.5]);
    expect(at({ kind: "ramp", length: 4 }, [0, 1, 2, 4, 9])).toEqual([0, 0.25, 0.5, 1, 1]);
    expect(at({ kind: "wave", start: 8, length: 8, peak: 0.5 }, [0, 7, 8, 10, 12, 14, 16, 20])).toEqual([0, 0, 0, 0.25, 0.5, 0.25, 0, 0.5]);
  });

  it("refuses what cannot be", async () => {
    const options = { shape: [20, 20], kind: "noise" as const, severity: () => 0.1 };
    for (const [wrong, code, named] of [
      [{ shape: [400] }, "E_SHAPE", "images"],
      [{ shape: 400 }, "E_CONFIG", "shape"],
      [{ severity: 0.1 }, "E_CONFIG", "severity"],
      [{ kind: "snow" }, "E_CONFIG", "kind"],
      [{ speed: 1 }, "E_CONFIG", "speed"],
    ] as const) {
      const make = () => streams.drifting([], { ...options, ...wrong } as never);
      expect(make).toThrow(expect.objectContaining({ code, message: expect.stringContaining(named) }));
    }
    for (const [stream, changed] of [
      [plain(), { severity: () => 2 }],
      [plain(), { shape: [19, 20] }],
    ] as const) {
      await expect(all(streams.drifting(stream, { ...options, ...changed }))).rejects.toThrow(expect.objectContaining({ code: "E_DATA" }));
    }
    for (const [wrong, named] of [
      [{ kind: "jump" }, "kind"],
      [{ kind: "ramp" }, "length"],
      [{ kind: "step", length: 3 }, "length"],
      [{ kind: "wave", length: 0 }, "length"],
      [{ kind: "wave", length: 2, peak: 2 }, "peak"],
    ] as const) {
      const make = () => streams.course(wrong as never);
      expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }));
    }
  });
});
