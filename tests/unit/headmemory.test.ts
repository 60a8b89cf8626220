/** Heads that weigh the newest rows: the Kalman filter and the memory of nearest rows. */
import { describe, expect, it } from "vitest";
import { exp } from "../../src/natural.ts";
import { adopt, kalman, knn } from "../../src/strategy/index.ts";
import { drawn, expectNear, headed, learned, type Row } from "./headed.ts";
import { plain } from "./plainlinear.ts";

const softmax = (scores: readonly number[]) => {
  const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
};

describe("the Kalman filter", () => {
  it("has the published mean and variance after each row", () => {
    const head = learned(kalman({ gamma: 0.9, noise: 0.5 }), [[0, 1]], 1);
    expectNear([head.numbers.means?.[0] ?? 0, head.numbers.covariance?.[0] ?? 0], [0.666667, 0.333333], 5e-7);
    head.push([[0, 2]]);
    expectNear([head.numbers.means?.[0] ?? 0, head.numbers.covariance?.[0] ?? 0], [0.521368, 0.098291], 5e-7);
  });

  it("without drift is ridge regression with λ = noise/prior", () => {
    const rows = drawn(50, 4, 3);
    const head = learned(kalman({ gamma: 1, noise: 0.3, prior: 2, samples: 0 }), rows, 3);
    const [gram, targets] = [new Float64Array(16), new Float64Array(12)];
    for (const [label, ...x] of rows) {
      for (let i = 0; i < 16; i++) gram[i] = (gram[i] ?? 0) + (x[Math.floor(i / 4)] ?? 0) * (x[i % 4] ?? 0);
      for (let i = 0; i < 4; i++) targets[i * 3 + label] = (targets[i * 3 + label] ?? 0) + (x[i] ?? 0);
    }
    for (let i = 0; i < 16; i += 5) gram[i] = (gram[i] ?? 0) + 0.15;
    const eye = Float64Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    expectNear(head.scores([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]).flat(), plain.solve(gram, 4, targets, 3), 1e-9);
    const covariance = plain.solve(gram, 4, eye, 4).map((value) => 0.3 * value);
    expectNear(head.numbers.covariance ?? [], covariance, 1e-12);
  });

  it("keeps a covariance that is positive definite, and no more than that of the prior", () => {
    const head = headed(kalman({ gamma: 1, noise: 1e-9 }), 6, 2);
    const [rows, same] = [drawn(400, 6, 2), drawn(1, 6, 1)];
    for (let i = 0; i < 400; i++) head.push([...rows.slice(i, i + 1), ...same]);
    const covariance = head.numbers.covariance ?? new Float64Array();
    expect(() => plain.cholesky(covariance, 6)).not.toThrow();
    for (let i = 0; i < 36; i++) expect(covariance[i]).toBe(covariance[(i % 6) * 6 + Math.floor(i / 6)]);
    const extreme = headed(kalman({ gamma: 1, noise: 1e-15, samples: 0 }), 6, 2);
    for (const [label, ...x] of rows) extreme.push([[label, ...x.map((value) => 100 * value)]]);
    for (const score of extreme.scores([1, 2, 3, 4, 5, 6]).flat()) expect(Math.abs(score)).toBeLessThan(100);
    expect(() => plain.cholesky(extreme.numbers.covariance ?? new Float64Array(), 6)).not.toThrow();
    const still = headed(kalman({ gamma: 0.5, noise: 0.1, prior: 3 }), 2, 1);
    for (let i = 0; i < 50; i++) still.push([[0, 1, 0]]);
    expect(still.numbers.covariance?.[3]).toBeCloseTo(3, 12);
  });

  it("tells the mean of what drawn weights would say", () => {
    const rows: Row[] = drawn(12, 2, 2);
    const x = [1.5, -0.5] as const;
    const options = { gamma: 0.95, noise: 0.4, prior: 2, scale: 3 };
    const head = learned(kalman({ ...options, samples: 4096 }), rows);
    const [p = 0, q = 0, , r = 0] = head.numbers.covariance ?? [];
    const forecast = (value: number, share: number) => 0.9025 * value + 0.0975 * 2 * share;
    const variance = x[0] ** 2 * forecast(p, 1) + 2 * x[0] * x[1] * forecast(q, 0) + x[1] ** 2 * forecast(r, 1);
    const means = [0, 1].map((c) => 0.95 * (x[0] * (head.numbers.means?.[2 * c] ?? 0) + x[1] * (head.numbers.means?.[2 * c + 1] ?? 0)));
    // Two logits of equal variance differ by a normal number of twice that variance.
    let [sum, weight] = [0, 0];
    for (let z = -8; z <= 8; z += 0.01) {
      const density = Math.exp(-0.5 * z * z);
      sum += density / (1 + Math.exp(-3 * ((means[0] ?? 0) - (means[1] ?? 0) + z * Math.sqrt(2 * variance))));
      weight += density;
    }
    const probabilities = (head.scores([...x])[0] ?? []).map(exp);
    expectNear(probabilities, [sum / weight, 1 - sum / weight], 0.02);
    expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expectNear(
      learned(kalman({ ...options, samples: 0 }), rows).scores([...x])[0] ?? [],
      means.map((m) => 3 * m),
      1e-12,
    );
  });

  it("is less sure of rows unlike those it saw", () => {
    const rows: Row[] = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? [0, 1, 0] : [1, -1, 0]));
    const head = learned(kalman({ scale: 4, samples: 512 }), rows);
    const [near = [], far = []] = head.scores([1, 0], [1, 20]);
    expect(softmax(near)[0]).toBeGreaterThan(0.9);
    expect(softmax(far)[0]).toBeLessThan(0.7);
  });
});

describe("the nearest rows", () => {
  /** A row of a label whose cosine with (1, 0) is given. */
  const at = (label: number, cosine: number, length = 1): Row => [label, length * cosine, length * Math.sqrt(1 - cosine * cosine)];

  it("vote with the published weights", () => {
    const votes = (neighbours: number) => {
      const head = learned(knn({ neighbours }), [at(0, 0.9, 7), at(1, 0.8), at(2, 0.1, 0.01)], 3);
      return (head.scores([3, 0])[0] ?? []).map(exp);
    };
    expectNear(votes(100), [0.730879, 0.268875, 0.000245], 1e-6);
    const head = learned(knn(), [at(0, 0.9), at(1, 0.8), at(1, 0.1)]);
    expectNear((head.scores([1, 0])[0] ?? []).map(exp), [0.730879, 0.26912], 1e-6);
    expectNear(votes(2), [0.731059, 0.268941, 1e-12], 1e-6);
    expectNear(votes(1), [1, 1e-12, 1e-12], 1e-6);
  });

  it("of equal nearness are taken in the order of classes, and a row of zeros is near to none", () => {
    const head = learned(knn({ neighbours: 1 }), [at(1, 0.5), at(0, 0.5), [2, 0, 0]], 3);
    expectNear((head.scores([1, 0])[0] ?? []).map(exp), [1, 1e-12, 1e-12], 1e-6);
    expect(head.scores([0, 0]).flat().every(Number.isFinite)).toBe(true);
  });

  it("are the newest of each class", () => {
    const rows = drawn(50, 3, 2);
    const options = { perClass: 4, neighbours: 3 };
    const newest = [0, 1].flatMap((c) => rows.filter(([label]) => label === c).slice(-4));
    const asked = drawn(5, 3, 2, 8).map(([, ...x]) => x);
    expectNear(
      learned(knn(options), rows)
        .scores(...asked)
        .flat(),
      learned(knn(options), newest)
        .scores(...asked)
        .flat(),
      1e-12,
    );
  });

  it("are taken out one for one, and room is made of it", () => {
    const rows = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6].map((cosine) => at(0, cosine));
    const kept = (given: readonly Row[], gone: readonly Row[], more: readonly Row[] = []) => {
      const head = learned(knn({ perClass: 4 }), given, 1);
      head.remove(gone);
      head.push(more);
      const { counts, keys } = head.numbers;
      return Array.from({ length: Math.min(4, counts?.[0] ?? 0) }, (_, i) => Math.round(10 * (keys?.[2 * i] ?? 0)) / 10);
    };
    expect(kept(rows, [at(0, 0.4)])).toEqual([0.3, 0.5, 0.6]);
    expect(kept(rows, [at(0, 0.4)], [at(0, 0.7), at(0, 0.8)])).toEqual([0.8, 0.5, 0.6, 0.7]);
    expect(kept(rows, [at(0, 0.1), at(0, 0.9)])).toEqual([0.5, 0.6, 0.3, 0.4]);
    expect(kept([at(0, 0.2), at(0, 0.2)], [at(0, 0.2)])).toEqual([0.2]);
  });

  it("may be rows without labels, few, sure and apart", () => {
    const options = { perClass: 2, adopted: 2, neighbours: 3 };
    const head = learned(knn(options), [at(0, 1), at(0, 0.99), at(1, 0)]);
    const known = structuredClone(head.numbers);
    const take = (cosine: number, threshold?: number) =>
      adopt(options, head.numbers, Float32Array.from(at(0, cosine).slice(1)), 1, head.services, threshold);
    expect([take(0.98), take(0.97), take(0.96), take(0.01)]).toEqual([1, 1, 1, 1]);
    expect(head.numbers.guesses).toEqual(Float64Array.of(3, 1));
    expect([...(head.numbers.guessed ?? [])].map((x) => Math.round(100 * x) / 100).filter((_, i) => i % 2 === 0)).toEqual([
      0.96, 0.97, 0.01, 0,
    ]);
    for (const name of ["counts", "keys"]) expect(head.numbers[name]).toEqual(known[name]);
    expect(take(0.5, 0.9999)).toBe(0);
    expect(head.scores([1, 0])).not.toEqual(learned(knn(options), [at(0, 1), at(0, 0.99), at(1, 0)]).scores([1, 0]));
    const none = headed(knn(options), 2, 2);
    expect(adopt(options, none.numbers, Float32Array.of(1, 0), 1, none.services)).toBe(0);
    expect(() => adopt({}, none.numbers, Float32Array.of(1, 0), 1, none.services)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});
