import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { rotated } from "../../src/stream/domains.ts";
import { glyphNames, glyphs } from "../../src/stream/glyphs.ts";
import { clear, coverage, draw } from "../../src/stream/raster.ts";
import { glyphTable } from "../../src/stream/strokes.ts";

const still = { rotation: 0, scale: 0, shear: 0, translate: 0, elastic: 0, noise: 0 };
const fnv1a = (bytes: ArrayLike<number>): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash >>> 0;
};
const image = (set: { x: ArrayLike<number> }, i: number): number[] => Array.from({ length: 784 }, (_, k) => set.x[784 * i + k] as number);
const ink = (pixels: readonly number[]): number => pixels.reduce((sum, value) => sum + value, 0);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("glyphs", () => {
  it("draws these very bytes", () => {
    expect(fnv1a(glyphs({ count: 2_000, classes: 20, seed: 7 }).x)).toBe(0xf52f6999);
    const wild = { size: 33, invert: true, rotation: 180, noise: 0.3, elastic: 0.6 };
    expect(fnv1a(glyphs({ count: 200, classes: 20, seed: 2 ** 40 + 1, name: "test", ...wild }).x)).toBe(0xf01cfc2e);
  });

  it("uses no function of the host whose last bit differs between engines", () => {
    const inexact = [
      "sin",
      "cos",
      "tan",
      "asin",
      "acos",
      "atan",
      "atan2",
      "exp",
      "expm1",
      "log",
      "log2",
      "pow",
      "hypot",
      "cbrt",
      "random",
    ] as const;
    const spies = inexact.map((name) => vi.spyOn(Math, name));
    const set = glyphs({ count: 20, classes: 20 });
    rotated({ train: set, test: set }, { tasks: 3 });
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });

  it("holds the classes in turn, as many as asked", () => {
    const set = glyphs({ count: 25, classes: 12 });
    expect(set).toMatchObject({ name: "glyphs/train", shape: [28, 28], classes: 12, count: 25 });
    expect([...set.y]).toEqual(Array.from({ length: 25 }, (_, i) => i % 12));
    expect(glyphNames()).toHaveLength(20);
    expect(glyphNames().slice(0, 10)).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  });

  it("draws image i from the seed, the name and i alone", () => {
    const long = glyphs({ count: 60, seed: 3 });
    const short = glyphs({ count: 20, seed: 3 });
    expect(short.x).toEqual(long.x.subarray(0, 20 * 784));
    const images = [long, glyphs({ count: 60, seed: 4 }), glyphs({ count: 60, seed: 3, name: "test" })].flatMap((set) =>
      Array.from({ length: 60 }, (_, i) => fnv1a(image(set, i))),
    );
    expect(new Set(images).size).toBe(180);
  });

  it("keeps every glyph whole in the picture, with dark margins", () => {
    const set = glyphs({ count: 200, classes: 20, noise: 0 });
    for (let i = 0; i < 200; i++) {
      const pixels = image(set, i);
      expect(Math.max(...pixels)).toBeGreaterThan(150);
      expect(pixels.filter((value) => value > 0).length).toBeGreaterThan(40);
      expect(ink(pixels) / 255).toBeLessThan(784 / 2);
    }
  });

  it("changes with each factor in the way it is named for", () => {
    const base = image(glyphs({ count: 1, ...still }), 0);
    for (const factor of ["rotation", "scale", "shear", "translate", "elastic", "noise"] as const) {
      const moved = image(glyphs({ count: 1, ...still, [factor]: factor === "rotation" ? 40 : 0.3 }), 0);
      expect(moved, factor).not.toEqual(base);
    }
    expect(image(glyphs({ count: 1, ...still, invert: true }), 0)).toEqual(base.map((value) => 255 - value));
    expect(ink(image(glyphs({ count: 1, ...still, thickness: 4 }), 0))).toBeGreaterThan(1.3 * ink(base));
    // A zero that is only shifted holds the same ink.
    const shifted = image(glyphs({ count: 1, ...still, translate: 0.1 }), 0);
    expect(ink(shifted) / ink(base)).toBeCloseTo(1, 1);
  });

  it("adds noise of the deviation asked for", () => {
    const mean = glyphs({ count: 40, ...still });
    const noisy = glyphs({ count: 40, ...still, noise: 0.05 });
    // Where there is half ink neither end of the range cuts the noise.
    const grains = Array.from(noisy.x, (value, k) => [value, mean.x[k] as number] as const)
      .filter(([, m]) => m > 60 && m < 195)
      .map(([v, m]) => v - m);
    const average = grains.reduce((a, b) => a + b, 0) / grains.length;
    const deviation = Math.sqrt(grains.reduce((sum, grain) => sum + (grain - average) ** 2, 0) / grains.length);
    expect(grains.length).toBeGreaterThan(1000);
    expect(Math.abs(average)).toBeLessThan(1.5);
    expect(Math.abs(deviation / (0.05 * 255) - 1)).toBeLessThan(0.08);
  });

  it("can be told apart: the nearest mean of other images names most of them", () => {
    const train = glyphs({ count: 2_000, classes: 20, seed: 1 });
    const test = glyphs({ count: 400, classes: 20, seed: 1, name: "test" });
    const means = Array.from({ length: 20 }, (_, label) =>
      Array.from({ length: 784 }, (_, k) => {
        let sum = 0;
        for (let i = label; i < train.count; i += 20) sum += train.x[784 * i + k] as number;
        return sum / 100;
      }),
    );
    let right = 0;
    for (let i = 0; i < test.count; i++) {
      const pixels = image(test, i);
      const distances = means.map((m) => pixels.reduce((sum, value, k) => sum + (value - (m[k] as number)) ** 2, 0));
      if (distances.indexOf(Math.min(...distances)) === i % 20) right++;
    }
    expect(right / test.count).toBeGreaterThan(0.7);
    expect(right / test.count).toBeLessThan(0.99);
  });

  it.each([
    [{ count: 0 }, "count"],
    [{ count: 5, classes: 21 }, "classes"],
    [{ count: 5, size: 4 }, "size"],
    [{ count: 5, seed: -1 }, "seed"],
    [{ count: 5, noise: Number.NaN }, "noise"],
    [{ count: 5, scale: 1 }, "scale"],
    [{ count: 5, thickness: 0 }, "thickness"],
    [{ count: 5, invert: 1 as never }, "invert"],
    [{ count: 5, name: 3 as never }, "name"],
    [{ count: 5, rotate: 3 }, "rotation"],
  ])("refuses %o", (options, named) => {
    expect(() => glyphs(options)).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }));
  });
});

describe("the pen", () => {
  it("keeps every stroke in the unit square, in pieces short enough to bend", () => {
    for (const { name, strokes } of glyphTable()) {
      for (const stroke of strokes) {
        expect(stroke.length % 2, name).toBe(0);
        expect(stroke.length, name).toBeLessThanOrEqual(256);
        for (const value of stroke) expect(value > 0.1 && value < 0.9, name).toBe(true);
        for (let i = 2; i < stroke.length; i += 2) {
          const step = Math.hypot((stroke[i] as number) - (stroke[i - 2] as number), (stroke[i + 1] as number) - (stroke[i - 1] as number));
          expect(step, name).toBeLessThan(0.25);
        }
      }
    }
  });

  it("measures the distance to the nearest piece for every pixel within reach", () => {
    const coordinate = fc.double({ min: -4, max: 20, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(coordinate, coordinate), { minLength: 2, maxLength: 5 }),
        fc.double({ min: 0.5, max: 4, noNaN: true }),
        (corners, reach) => {
          const size = 16;
          const field = new Float64Array(size * size);
          clear(field);
          draw(field, size, Float64Array.from(corners.flat()), 2 * corners.length, reach);
          for (let p = 0; p < field.length; p++) {
            const [x, y] = [(p % size) + 0.5, Math.floor(p / size) + 0.5];
            // The slow way: the nearest of many points along every piece.
            let nearest = Number.POSITIVE_INFINITY;
            for (let i = 1; i < corners.length; i++) {
              const [[x0, y0], [x1, y1]] = [corners[i - 1], corners[i]] as [[number, number], [number, number]];
              const squared = (x1 - x0) ** 2 + (y1 - y0) ** 2;
              const t = squared === 0 ? 0 : Math.min(1, Math.max(0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / squared));
              nearest = Math.min(nearest, Math.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0)));
            }
            const found = Math.sqrt(field[p] as number);
            if (nearest < reach) expect(found).toBeCloseTo(nearest, 9);
            else expect(found).toBeGreaterThanOrEqual(nearest - 1e-9);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("covers fully inside, not at all outside, and by half at the edge", () => {
    expect(coverage(0, 1.5)).toBe(1);
    expect(coverage(1, 1.5)).toBe(1);
    expect(coverage(1.5 * 1.5, 1.5)).toBeCloseTo(0.5, 12);
    expect(coverage(4, 1.5)).toBe(0);
    expect(coverage(Number.POSITIVE_INFINITY, 1.5)).toBe(0);
  });
});
