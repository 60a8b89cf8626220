/** Heads by ridge regression, against published numbers, the recursion of the paper, and the regression of the rows themselves. */
import { describe, expect, it } from "vitest";
import { ranpac, ridge } from "../../src/strategy/index.ts";
import { projection } from "../../src/strategy/projection.ts";
import { add, drawn, expectNear, headed, learned, mean, type Row, select, spread } from "./headed.ts";
import { plain } from "./plainlinear.ts";

describe("random features", () => {
  it("are relu(f·W), W standard normal from the seed", () => {
    const [size, width] = [20, 300];
    const of = (seed: number, x: Float64Array) => projection(width, seed).apply(x, x.length / size, size, plain);
    const eye = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
    const negative = of(
      5,
      eye.map((value) => -value),
    );
    const weights = of(5, eye).map((value, i) => value - (negative[i] ?? 0));
    expect(weights.reduce((sum, w) => sum + w, 0) / weights.length).toBeCloseTo(0, 1.2);
    expect(weights.reduce((sum, w) => sum + w * w, 0) / weights.length).toBeCloseTo(1, 1.2);
    expect(weights.reduce((sum, w) => sum + w ** 4, 0) / weights.length / 3).toBeCloseTo(1, 0.7);
    const x = Float64Array.from({ length: 3 * size }, (_, i) => (i % 7) - 3);
    expectNear(
      of(5, x),
      plain.multiply(x, weights, 3, size, width).map((value) => Math.max(0, value)),
      1e-12,
    );
    expect(of(6, x)).not.toEqual(of(5, x));
  });
  const rows = drawn(41, 3, 3);
  const [width, classes] = [10, 3];
  const mapped = (given: readonly Row[]) =>
    projection(width, 0).apply(Float32Array.from(given.flatMap(([, ...x]) => x)), given.length, 3, plain);
  /** (HᵀH + λI)⁻¹HᵀY from the rows themselves. */
  function solution(given: readonly Row[], lambda: number): Float64Array {
    const h = mapped(given);
    const [gram, targets] = [new Float64Array(width * width), new Float64Array(width * classes)];
    for (const [row, [label]] of given.entries()) {
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < width; j++)
          gram[i * width + j] = (gram[i * width + j] ?? 0) + (h[row * width + i] ?? 0) * (h[row * width + j] ?? 0);
        targets[i * classes + label] = (targets[i * classes + label] ?? 0) + (h[row * width + i] ?? 0);
      }
    }
    for (let i = 0; i < gram.length; i += width + 1) gram[i] = (gram[i] ?? 0) + lambda;
    return plain.solve(gram, width, targets, classes);
  }
  const x = Float32Array.of(0.5, -1, 2);
  const answer = (lambda: number) => plain.multiply(mapped([[0, ...x]]), solution(rows, lambda), 1, width, classes);

  it("are regressed onto classes, in one batch or in two", () => {
    for (const strategy of [ranpac({ width, lambda: 3 }), ridge({ width, gamma: 3 })]) {
      const two = headed(strategy, 3, classes);
      for (const part of [rows.slice(0, 17), rows.slice(17)]) two.push(part);
      expectNear(two.scores([...x])[0] ?? [], answer(3), 1e-9);
      expectNear(learned(strategy, rows, classes).scores([...x])[0] ?? [], answer(3), 1e-9);
    }
  });

  it("are regressed with the λ that answers every fifth row best", () => {
    const [seen, held] = [rows.filter((_, i) => i % 5 !== 4), rows.filter((_, i) => i % 5 === 4)];
    const errors = Array.from({ length: 17 }, (_, i) => {
      const answers = plain.multiply(mapped(held), solution(seen, 10 ** (i - 8)), held.length, width, classes);
      return answers.reduce((sum, value, k) => sum + (value - (held[Math.floor(k / classes)]?.[0] === k % classes ? 1 : 0)) ** 2, 0);
    });
    const best = errors.indexOf(Math.min(...errors)) - 8;
    expect(best).toBeGreaterThan(-8);
    expect(best).toBeLessThan(8);
    expectNear(learned(ranpac({ width, lambda: "auto" }), rows, classes).scores([...x])[0] ?? [], answer(10 ** best), 1e-9);
    expect(ranpac({ lambda: "auto" }).fold?.remove).toBeUndefined();
  });

  it("that depend on each other rule out a λ too small for them, and few rows choose none", () => {
    const flat: Row[] = Array.from({ length: 20 }, (_, i) => [i % 2, 1e6, 1e6]);
    expect(
      learned(ranpac({ width: 30, lambda: "auto" }), flat)
        .scores([1e6, 1e6])
        .flat()
        .every(Number.isFinite),
    ).toBe(true);
    const few = rows.slice(0, 4);
    expect(learned(ranpac({ width, lambda: "auto" }), few, 3).scores([...x])).toEqual(
      learned(ranpac({ width, lambda: 1 }), few, 3).scores([...x]),
    );
  });
});

/** The recursion of the paper, in which W and R = (XᵀX + γI)⁻¹ are all that is kept. */
function recursive(
  batches: readonly (readonly Row[])[],
  size: number,
  classes: number,
  gamma: number,
): { w: Float64Array; r: Float64Array } {
  let r = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 / gamma : 0));
  let w = new Float64Array(size * classes);
  const flip = (a: Float64Array, m: number, n: number) => a.map((_, i) => a[(i % m) * n + Math.floor(i / m)] ?? 0);
  for (const batch of batches) {
    const b = batch.length;
    const x = Float64Array.from(batch.flatMap(([, ...own]) => own));
    const xr = plain.multiply(x, r, b, size, size);
    const inner = plain.multiply(xr, flip(x, b, size), b, size, b).map((value, i) => value + (i % (b + 1) === 0 ? 1 : 0));
    const kxr = plain.solve(inner, b, xr, size);
    const change = plain.multiply(flip(xr, b, size), kxr, size, b, size);
    r = r.map((value, i) => value - (change[i] ?? 0));
    const missing = plain
      .multiply(x, w, b, size, classes)
      .map((value, i) => (batch[Math.floor(i / classes)]?.[0] === i % classes ? 1 : 0) - value);
    const gain = plain.multiply(r, plain.multiply(flip(x, b, size), missing, size, b, classes), size, size, classes);
    w = w.map((value, i) => value + (gain[i] ?? 0));
  }
  return { w, r };
}

describe("analytic learning", () => {
  const first: Row[] = [
    [0, 1, 0],
    [1, 1, 1],
  ];
  const second: Row[] = [
    [1, 0, 2],
    [0, 2, 1],
  ];

  it("has the published weights after each batch", () => {
    const head = learned(ridge({ gamma: 0.1 }), first);
    expectNear(head.scores([1, 0], [0, 1]).flat(), [0.839695, 0.076336, -0.763359, 0.839695], 5e-7);
    head.push(second);
    expectNear(head.scores([1, 0], [0, 1]).flat(), [0.542361, -0.1028, -0.1028, 0.542361], 5e-7);
    const { w, r } = recursive([first, second], 2, 2, 0.1);
    expectNear(r.subarray(0, 2), [0.216235, -0.106345], 5e-7);
    expectNear(head.scores([1, 0], [0, 1]).flat(), w, 1e-9);
  });

  it("has the weights of the recursion, whose columns grow with classes", () => {
    const rows = drawn(90, 6, 5).toSorted((a, b) => a[0] - b[0]);
    const batches = [0, 1, 2, 3, 4, 5].map((i) => rows.slice(15 * i, 15 * i + 15));
    const eye = Array.from({ length: 6 }, (_, i) => Array.from({ length: 6 }, (_, j) => (i === j ? 1 : 0)));
    const { w } = recursive(batches, 6, 5, 0.1);
    let head = headed(ridge(), 6, 1);
    for (const batch of batches) {
      head = head.grown(Math.max(...batch.map(([label]) => label)) + 1);
      head.push(batch);
    }
    expectNear(head.scores(...eye).flat(), w, 1e-9);
  });
});

describe("pseudo-rows", () => {
  const rows = drawn(40, 3, 3).filter(([label], i) => label === 0 || i < 12);
  const eye = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  /** The weights when each class has as many more rows of its mean and spread as the largest has more than it. */
  function levelled(noise: number): Float64Array {
    const most = Math.max(...[0, 1, 2].map((c) => select(rows, c).length));
    let gram: number[] = eye.flat();
    const targets = new Float64Array(9);
    for (const c of [0, 1, 2]) {
      const own = select(rows, c);
      const m = mean(own);
      const more = most - own.length;
      const variances = spread(own).map((value, i) => (i % 4 === 0 ? (noise ** 2 * value) / (own.length - 1) : 0));
      gram = add(
        gram,
        spread(own, [0, 0, 0]).map((value, i) => value + more * ((m[Math.floor(i / 3)] ?? 0) * (m[i % 3] ?? 0) + (variances[i] ?? 0))),
      );
      for (const [i, value] of m.entries()) targets[i * 3 + c] = value * most;
    }
    return plain.solve(Float64Array.from(gram), 3, targets, 3);
  }

  it.each([
    [0, 100, 1e-9],
    [0, 2, 1e-9],
    [1, 60_000, 0.01],
    [0.5, 60_000, 0.01],
  ])("make up for what classes lack: noise %d, at most %d drawn", (noise, pseudo, bound) => {
    // More rows drawn than any class lacks, for the law of large numbers: the whole stream comes many times.
    const times = pseudo === 60_000 ? 500 : 1;
    const head = headed(ridge({ gamma: times, pseudo, noise }), 3, 3);
    for (let i = 0; i < times; i++) head.push(rows);
    const before = structuredClone(head.numbers);
    expectNear(head.scores(...eye).flat(), levelled(noise), bound);
    expect(head.numbers).toEqual(before);
  });

  it("are none where classes are even", () => {
    const even: Row[] = [0, 1, 2].flatMap((c) =>
      select(rows, c)
        .slice(0, 2)
        .map((x): Row => [c, ...x]),
    );
    expect(learned(ridge({ pseudo: 9 }), even, 3).scores(...eye)).toEqual(learned(ridge(), even, 3).scores(...eye));
  });
});
