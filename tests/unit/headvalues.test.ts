/** Heads from sums, against published numbers and against formulas computed another way. */
import { describe, expect, it } from "vitest";
import { fecam, lda, ncm, pseudoFeatures, slda } from "../../src/strategy/index.ts";
import { add, drawn, expectNear, type Headed, learned, mean, type Row, select, spread } from "./headed.ts";
import { plain } from "./plainlinear.ts";

const five: Row[] = [
  [0, 1, 0],
  [0, 2, 1],
  [1, 0, 2],
  [1, -1, 1],
  [0, 1, 1],
];

/** The weights and biases of two classes of which two features are scored. */
function lines(head: Headed): { w: number[][]; b: number[] } {
  const [b = [], x = [], y = []] = head.scores([0, 0], [1, 0], [0, 1]);
  return { w: [0, 1].map((c) => [(x[c] ?? 0) - (b[c] ?? 0), (y[c] ?? 0) - (b[c] ?? 0)]), b };
}

describe("nearest class mean", () => {
  it("is nearest to (4/3, 2/3) or (−½, 3/2)", () => {
    const x = [2, 3];
    const cosine = (m: readonly [number, number]) => (2 * m[0] + 3 * m[1]) / (Math.hypot(2, 3) * Math.hypot(...m));
    const distance = (m: readonly [number, number]) => -((2 - m[0]) ** 2) - (3 - m[1]) ** 2;
    const means = [
      [4 / 3, 2 / 3],
      [-0.5, 1.5],
    ] as const;
    expectNear(learned(ncm(), five).scores(x)[0] ?? [], means.map(cosine), 1e-15);
    expectNear(learned(ncm({ metric: "euclidean" }), five).scores(x)[0] ?? [], means.map(distance), 1e-14);
    expect(learned(ncm(), five).scores([0, 0])).toEqual([[0, 0]]);
  });
});

describe("streaming discriminant analysis", () => {
  it("as published has the published covariance, weights and scores", () => {
    const head = learned(slda({ legacyFirstSample: true }), five);
    const [a = 0, b = 0, , c = 0] = (head.numbers.products ?? []).map((value) => value / 5);
    expectNear([a, b, c], [0.29, 0.21, 0.823333], 5e-7);
    const { w, b: bias } = lines(head);
    expectNear(w.flat(), [4.918455, -0.444653, -3.731372, 2.773434], 5e-7);
    expectNear(bias, [-3.130752, -3.012919], 5e-7);
    expectNear(head.scores([1, 0])[0] ?? [], [1.787703, -6.744291], 1e-6);
  });

  it("has the covariance within classes", () => {
    const { w, b } = lines(learned(slda(), five));
    const inverse = (s: number, t: number) => [s / (s * s - t * t), -t / (s * s - t * t)] as const;
    const [p, q] = inverse(0.9999 * 0.23333333333333334 + 1e-4, 0.9999 * 0.16666666666666666);
    const means = [4 / 3, 2 / 3, -0.5, 1.5] as const;
    const expected = [p * means[0] + q * means[1], q * means[0] + p * means[1], p * means[2] + q * means[3], q * means[2] + p * means[3]];
    expectNear(w.flat(), expected, 1e-11);
    expectNear(
      b,
      [
        -0.5 * (means[0] * (expected[0] ?? 0) + means[1] * (expected[1] ?? 0)),
        -0.5 * (means[2] * (expected[2] ?? 0) + means[3] * (expected[3] ?? 0)),
      ],
      1e-11,
    );
  });

  it.each([0, 10_000])("has that which Welford's recursion gathers, also %d from the origin", (origin) => {
    const rows = drawn(200, 4, 3).map(([label, ...x]): Row => [label, ...x.map((value) => Math.fround(value + origin))]);
    const means = [0, 1, 2].map(() => new Float64Array(4));
    const counts = [0, 0, 0];
    const scatter = new Float64Array(16);
    for (const [label, ...x] of rows) {
      const m = means[label] ?? new Float64Array(4);
      const before = x.map((value, i) => (counts[label] === 0 ? 0 : value - (m[i] ?? 0)));
      counts[label] = (counts[label] ?? 0) + 1;
      for (let i = 0; i < 4; i++) m[i] = (m[i] ?? 0) + ((x[i] ?? 0) - (m[i] ?? 0)) / (counts[label] ?? 1);
      for (let i = 0; i < 16; i++) {
        const after = (x[i % 4] ?? 0) - (m[i % 4] ?? 0);
        scatter[i] = (scatter[i] ?? 0) + (before[Math.floor(i / 4)] ?? 0) * after;
      }
    }
    const covariance = scatter.map((value, i) => (0.9 * value) / 200 + (i % 5 === 0 ? 0.1 : 0));
    const head = learned(slda({ shrinkage: 0.1 }), rows, 3);
    const x = [origin + 0.5, origin - 0.25, origin, origin + 1];
    const expected = means.map((m) => {
      const w = plain.solve(covariance, 4, m, 1);
      return w.reduce((sum, value, i) => sum + value * ((x[i] ?? 0) - 0.5 * (m[i] ?? 0)), 0);
    });
    // What all classes' scores have in common, 1e9 so far out, decides nothing.
    const above = (all: readonly number[]) => all.map((score) => score - (all[0] ?? 0));
    expectNear(above(head.scores(x)[0] ?? []), above(expected), origin === 0 ? 1e-10 : 1e-4);
  });
});

describe("discriminant analysis of all rows' covariance", () => {
  it("has the published weights and biases", () => {
    const { w, b } = lines(learned(lda(), five));
    expectNear(w.flat(), [0.639606, 0.551046, -0.110701, 0.98155], 5e-7);
    expectNear(b, [-0.610086, -0.763838], 5e-7);
  });
});

describe("distances by each class's covariance", () => {
  const rows = drawn(30, 2, 2).map(([label, x = 0, y = 0]): Row => [label, x, Math.fround(y + (label === 0 ? x : -x))]);
  const unit = (x: readonly number[]) => x.map((value) => value / Math.hypot(...x));
  const tukey = (x: readonly number[]) => x.map((value) => Math.sign(value) * Math.sqrt(Math.abs(value)));

  it.each([
    ["as they are", 1, (x: readonly number[]) => x],
    ["of roots", 0.5, tukey],
  ] as const)("are Mahalanobis distances of shrunk correlations, features %s", (_name, power, map) => {
    const head = learned(fecam({ alpha1: 0.7, alpha2: 0.3, power }), rows);
    const expected = [0, 1].map((c) => {
      const own = select(rows, c).map((x) => [...map(x)]);
      const [a = 0, b = 0, , d = 0] = spread(own).map((value) => value / (own.length - 1));
      const [p, q, r] = [a + 0.35 * (a + d), b + 0.3 * b, d + 0.35 * (a + d)];
      const rho = q / Math.sqrt(p * r);
      const delta = add(
        unit(map([0.3, -2])),
        unit(mean(own)).map((value) => -value),
      );
      const [u = 0, v = 0] = delta;
      return -(u * u - 2 * rho * u * v + v * v) / (1 - rho * rho);
    });
    expectNear(head.scores([Math.fround(0.3), -2])[0] ?? [], expected, 1e-4);
  });

  it("are Euclidean when shrinkage leaves nothing else, and for a class of one row", () => {
    const euclid = (x: readonly number[], m: readonly number[]) =>
      -add(
        unit(x),
        unit(m).map((value) => -value),
      ).reduce((sum, d) => sum + d * d, 0);
    const shrunk = learned(fecam({ alpha1: 1e9, alpha2: 0 }), rows).scores([1, 2])[0] ?? [];
    expectNear(
      shrunk,
      [0, 1].map((c) => euclid([1, 2], mean(select(rows, c)))),
      1e-5,
    );
    expectNear(learned(fecam(), [[1, 3, 4]]).scores([1, 2])[0] ?? [], [Number.NEGATIVE_INFINITY, euclid([1, 2], [3, 4])], 1e-12);
  });

  it("are there for features that are all one, dead, or fewer rows than features", () => {
    const same: Row[] = [1, 2, 3].map((x) => [0, x, x, x]);
    const dead: Row[] = [1, 2, 3].map((x) => [0, x, 0, 0]);
    for (const each of [same, dead, drawn(3, 3, 1), same.slice(0, 1)]) {
      for (const options of [{}, { alpha1: 1, alpha2: 1 }, { alpha1: 1e-6 }]) {
        expect(learned(fecam(options), each, 1).scores([1, 2, 4]).flat().every(Number.isFinite)).toBe(true);
      }
    }
  });
});

describe("translated features", () => {
  const rows = drawn(40, 3, 3);
  const numbers = learned(ncm(), [...rows, [3, 1, 2, 3], [3, 1, 2, 5]], 5).numbers;
  const given = Float32Array.from(rows.flatMap(([, ...x]) => x));
  const labels = Uint32Array.from(rows, ([label]) => label);

  it("have the mean of the old class and the covariance of the donor", () => {
    const { donor, features } = pseudoFeatures(numbers, 3, given, labels);
    const moved = Array.from({ length: features.length / 3 }, (_, i) => [...features.slice(3 * i, 3 * i + 3)]);
    expectNear(mean(moved), [1, 2, 4], 1e-14);
    expectNear(spread(moved), spread(select(rows, donor)), 1e-12);
  });

  it("come from the class most like it", () => {
    const far = Float32Array.of(10, 20, 40, 1, 3, 4);
    expect(pseudoFeatures(numbers, 3, far, [0, 1]).donor).toBe(0);
    expect(pseudoFeatures(numbers, 3, far, [0, 1], { metric: "euclidean" })).toEqual({ donor: 1, features: Float64Array.of(1, 2, 4) });
    expect(pseudoFeatures(numbers, 3, Float32Array.of(1, 1, 1, 1, 1, 1), [2, 1]).donor).toBe(1);
  });

  it("need rows that fit and a class that was seen", () => {
    for (const [code, call] of [
      ["E_DATA", () => pseudoFeatures(numbers, 4, given, labels)],
      ["E_DATA", () => pseudoFeatures(numbers, 99, given, labels)],
      ["E_DATA", () => pseudoFeatures(numbers, 3, [], [])],
      ["E_SHAPE", () => pseudoFeatures(numbers, 3, given, labels.subarray(1))],
      ["E_CONFIG", () => pseudoFeatures(numbers, 3, given, labels, { metric: "l1" as "cosine" })],
    ] as const)
      expect(call).toThrow(expect.objectContaining({ code }));
  });
});
