import { beforeAll, describe, expect, it } from "vitest";
import { PalimpsestError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";
import { type Linear, openLinear } from "../../src/wasm/linear.ts";

let linear: Linear;
beforeAll(async () => {
  linear = await openLinear();
});

/** Returns [m × n] of numbers in (-1, 1). */
function random(m: number, n: number, seed = 1): Float64Array {
  const stream = new RandomStream(seed, "linear");
  return Float64Array.from({ length: m * n }, () => 2 * stream.uniform() - 1);
}

function transposed(a: Float64Array, m: number, n: number): Float64Array {
  return a.map((_, at) => a[(at % m) * n + Math.floor(at / m)] as number);
}

/** Sums from first to last, in plain loops. */
function product(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += (a[i * k + p] as number) * (b[p * n + j] as number);
      c[i * n + j] = sum;
    }
  }
  return c;
}

/** Returns BᵀB + shift·I of a random B. */
function definite(n: number, shift = 0.1, seed = 1): Float64Array {
  const b = random(n, n, seed);
  return product(transposed(b, n, n), b, n, n, n).map((value, at) => (at % (n + 1) === 0 ? value + shift : value));
}

function symmetric(n: number, seed = 1): Float64Array {
  const a = random(n, n, seed);
  const t = transposed(a, n, n);
  return a.map((value, at) => value + (t[at] as number));
}

function identity(n: number): Float64Array {
  return new Float64Array(n * n).map((_, at) => (at % (n + 1) === 0 ? 1 : 0));
}

function hilbert(n: number): Float64Array {
  return new Float64Array(n * n).map((_, at) => 1 / (Math.floor(at / n) + (at % n) + 1));
}

/** Returns columns [m × k] multiplied by values [k]. */
function scaled(a: Float64Array, values: Float64Array): Float64Array {
  return a.map((value, at) => value * (values[at % values.length] as number));
}

function largest(a: Float64Array): number {
  return a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function expectClose(a: Float64Array, b: ArrayLike<number>, tolerance: number): void {
  expect(a.length).toBe(b.length);
  const apart = largest(a.map((value, at) => value - (b[at] as number)));
  expect(apart).toBeLessThanOrEqual(tolerance);
}

/** Sizes about the edges of leaves, tiles and blocks. */
const sizes = [1, 2, 3, 7, 8, 9, 16, 63, 64, 65, 130, 200];

describe("multiply", () => {
  it.each([
    [1, 1, 1],
    [2, 8, 8],
    [3, 5, 7],
    [1, 300, 9],
    [130, 1, 17],
    [64, 128, 8],
    [129, 257, 23],
  ])("is the plain sum, bit for bit: %i × %i × %i", (m, k, n) => {
    const [a, b] = [random(m, k), random(k, n, 2)];
    expect(linear.multiply(a, b, m, k, n)).toEqual(product(a, b, m, k, n));
  });
});

describe("cholesky", () => {
  it("is the closed form of a small matrix", () => {
    const a = Float64Array.of(4, 12, -16, 12, 37, -43, -16, -43, 98);
    expect([...linear.cholesky(a, 3)]).toEqual([2, 0, 0, 6, 1, 0, -8, 5, 3]);
  });

  it.each(sizes)("gives the matrix back: %i", (n) => {
    const a = definite(n);
    const l = linear.cholesky(a, n);
    expectClose(product(l, transposed(l, n, n), n, n, n), a, (n + 1) * 2 ** -52 * largest(a));
    expect(l.filter((value, at) => at % n > Math.floor(at / n) && value !== 0)).toHaveLength(0);
  });

  it("is that of tridiag(-1, 2, -1): Lᵢᵢ² = (i + 1)/i", () => {
    const n = 150;
    const a = new Float64Array(n * n).map((_, at) => [2, -1][Math.abs(Math.floor(at / n) - (at % n))] ?? 0);
    const l = linear.cholesky(a, n);
    for (let i = 0; i < n; i++) expect((l[i * (n + 1)] as number) ** 2).toBeCloseTo((i + 2) / (i + 1), 12);
  });

  it("names the pivot that is not positive", () => {
    const broken = definite(100);
    broken[70 * 101] = -3;
    const failed = (call: () => unknown) => {
      try {
        call();
      } catch (error) {
        return error as PalimpsestError;
      }
      throw new Error("nothing was refused");
    };
    for (const call of [
      () => linear.cholesky(broken, 100),
      () => linear.solve(broken, 100, random(100, 2), 2),
      () => linear.boxQp(broken, random(100, 1), 100, 0),
    ]) {
      const error = failed(call);
      expect(error).toBeInstanceOf(PalimpsestError);
      expect(error.code).toBe("E_DATA");
      expect(error.message).toContain("pivot 70");
      expect(error.context.value).toBeLessThan(0);
    }
    expect(failed(() => linear.cholesky(new Float64Array(4), 2)).message).toContain("pivot 0 of its factor above 0, got 0");
  });
});

describe("solve", () => {
  it.each(sizes.map((n) => [n, (n % 11) + 1] as const))("leaves no residual: %i, %i right-hand sides", (n, m) => {
    const [a, b] = [definite(n), random(n, m, 2)];
    const x = linear.solve(a, n, b, m);
    expectClose(product(a, x, n, n, m), b, 4 * n * 2 ** -53 * largest(a) * largest(x));
  });

  it("finds what a well-conditioned system was made of", () => {
    const n = 180;
    const [a, x] = [definite(n, n), random(n, 3, 2)];
    expectClose(linear.solve(a, n, product(a, x, n, n, 3), 3), x, 1e-13);
  });

  it("solves with Hilbert's matrix of 8 to a small residual, and as well as its condition 1.5e10 lets it", () => {
    const x = Float64Array.from({ length: 8 }, (_, i) => i - 3);
    const b = product(hilbert(8), x, 8, 8, 1);
    const found = linear.solve(hilbert(8), 8, b, 1);
    expectClose(product(hilbert(8), found, 8, 8, 1), b, 1e-14);
    expectClose(found, x, 1e-5);
  });

  it("leaves its arguments as they were", () => {
    const [a, b] = [definite(20), random(20, 2)];
    const copies = [a.slice(), b.slice()];
    linear.solve(a, 20, b, 2);
    expect([a, b]).toEqual(copies);
  });
});

describe("eigen", () => {
  it("is the closed form of tridiag(-1, 2, -1): 2 - 2·cos(kπ/(n + 1))", () => {
    const n = 50;
    const a = new Float64Array(n * n).map((_, at) => [2, -1][Math.abs(Math.floor(at / n) - (at % n))] ?? 0);
    const known = Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos(((n - k) * Math.PI) / (n + 1)));
    expectClose(linear.eigen(a, n).values, known, 1e-14);
  });

  it.each([...sizes, 257])("is orthonormal and gives the matrix back: %i", (n) => {
    const a = symmetric(n);
    const { values, vectors } = linear.eigen(a, n);
    const rows = transposed(vectors, n, n);
    expectClose(product(rows, vectors, n, n, n), identity(n), 1e-13);
    expectClose(product(scaled(vectors, values), rows, n, n, n), a, 1e-13 * largest(values));
    expect([...values]).toEqual([...values].sort((x, y) => y - x));
  });

  it.each<[string, Float64Array, number[]]>([
    ["0", new Float64Array(9), [0, 0, 0]],
    ["the identity", identity(3), [1, 1, 1]],
    ["of rank one", new Float64Array(9).fill(2), [6, 0, 0]],
    ["already diagonal", Float64Array.of(-1, 0, 0, 0, 5, 0, 0, 0, 2), [5, 2, -1]],
    ["of repeated values", Float64Array.of(2, 1, 1, 1, 2, 1, 1, 1, 2), [4, 1, 1]],
    ["huge", Float64Array.of(1e300, 0, 0, 0, 1e300, 1e300, 0, 1e300, 1e300), [2e300, 1e300, 0]],
    ["tiny", Float64Array.of(1e-300, 0, 0, 0, 1e-300, 1e-300, 0, 1e-300, 1e-300), [2e-300, 1e-300, 0]],
    ["graded", Float64Array.of(1, 1e-170, 0, 1e-170, 1e-170, 1e-180, 0, 1e-180, 1e-200), [1, 1e-170, 1e-200]],
  ])("takes a matrix that is %s", (_what, a, known) => {
    const { values, vectors } = linear.eigen(a, 3);
    const most = Math.max(...known.map(Math.abs));
    expectClose(values, known, 1e-15 * 4 * most);
    expectClose(product(transposed(vectors, 3, 3), vectors, 3, 3, 3), identity(3), 1e-15 * 4);
  });
});

describe("svd", () => {
  /** Expects factors of a matrix, singular values in order. */
  function expectFactors(a: Float64Array, m: number, n: number): Float64Array {
    const k = Math.min(m, n);
    const { u, values, vt } = linear.svd(a, m, n);
    expectClose(product(transposed(u, m, k), u, k, m, k), identity(k), 1e-13);
    expectClose(product(vt, transposed(vt, k, n), k, n, k), identity(k), 1e-13);
    expectClose(product(scaled(u, values), vt, m, k, n), a, 1e-14 * (largest(values) || 1));
    expect([...values]).toEqual([...values].sort((x, y) => y - x));
    expect(values.every((value) => value >= 0)).toBe(true);
    return values;
  }

  it.each([
    [1, 1],
    [1, 5],
    [5, 1],
    [3, 2],
    [2, 3],
    [8, 8],
    [60, 17],
    [17, 60],
    [97, 96],
    [300, 40],
    [40, 300],
  ])("is orthonormal and gives the matrix back: %i × %i", (m, n) => {
    expectFactors(random(m, n), m, n);
  });

  it("has the square roots of the eigenvalues of AᵀA", () => {
    const a = random(30, 12);
    const { values } = linear.eigen(product(transposed(a, 30, 12), a, 12, 30, 12), 12);
    expectClose(linear.svd(a, 30, 12).values, values.map(Math.sqrt), 1e-13);
  });

  it("completes the factors of what has no full rank", () => {
    expect([...expectFactors(new Float64Array(12), 4, 3)]).toEqual([0, 0, 0]);
    const thin = product(random(20, 2), random(2, 9, 2), 20, 2, 9);
    expectClose(expectFactors(thin, 20, 9).slice(2), new Float64Array(7), 1e-14);
    const gaps = random(9, 6).map((value, at) => (at % 3 === 0 ? 0 : value));
    expect([...expectFactors(gaps, 9, 6).slice(4)]).toEqual([0, 0]);
    expectFactors(transposed(gaps, 9, 6), 6, 9);
  });

  it("finds small values as well as large ones: Hilbert's matrix of 8, of condition 1.5e10", () => {
    const values = expectFactors(hilbert(8), 8, 8);
    // det H₈ is the reciprocal of a whole number, OEIS A005249.
    const inverse = 3.653568471257345e32;
    expect(values.reduce((all, value) => all * value, inverse)).toBeCloseTo(1, 5);
    const columns = linear.svd(Float64Array.of(1, 1e-20, 1, -1e-20), 2, 2).values;
    expect((columns[1] as number) / (Math.SQRT2 * 1e-20)).toBeCloseTo(1, 14);
  });

  it("takes numbers whose squares overflow or vanish", () => {
    for (const scale of [1e300, 1e-300]) {
      const { values } = linear.svd(Float64Array.of(3 * scale, 0, 0, 4 * scale), 2, 2);
      expectClose(values, [4 * scale, 3 * scale], 1e-15 * scale);
    }
    const graded = random(6, 5).map((value, at) => value * ([1, 1e-60, 1e-130, 1e-150, 1e-310][at % 5] as number));
    expectFactors(graded, 6, 5);
    expectFactors(transposed(graded, 6, 5), 5, 6);
  });
});

it("no order of magnitude spoils the vectors of eigen or svd", () => {
  const stream = new RandomStream(5, "graded");
  for (let i = 0; i < 1500; i++) {
    const n = 2 + (i % 9);
    const a = Float64Array.from({ length: n * n }, () => (stream.uniform() < 0.5 ? -1 : 1) * 10 ** -stream.below(300));
    for (let at = 0; at < n * n; at++) a[at] = a[Math.min(at, (at % n) * n + Math.floor(at / n))] as number;
    const { values, vectors } = linear.eigen(a, n);
    const rows = transposed(vectors, n, n);
    expectClose(product(rows, vectors, n, n, n), identity(n), 1e-14);
    expectClose(product(scaled(vectors, values), rows, n, n, n), a, 1e-14 * largest(a) * n);
    const { u, vt, values: lengths } = linear.svd(a, n, n);
    expectClose(product(transposed(u, n, n), u, n, n, n), identity(n), 1e-14);
    expectClose(product(vt, transposed(vt, n, n), n, n, n), identity(n), 1e-14);
    expectClose(product(scaled(u, lengths), vt, n, n, n), a, 1e-14 * largest(a) * n);
  }
});

describe("power", () => {
  it("gives a bound from below that rises to the largest value", () => {
    const w = Float64Array.of(3, 0, 0, 0.5);
    expect(linear.power(w, 2, 2, { iterations: 1 }).value).toBeCloseTo(2.960323, 6);
    expect(linear.power(w, 2, 2).value).toBe(linear.power(w, 2, 2, { v: Float64Array.of(7, 7) }).value);
    expect(linear.power(w, 2, 2, { iterations: 30 }).value).toBeCloseTo(3, 14);
  });

  it("finds the first pair of the svd, at once or in steps", () => {
    const a = random(40, 25);
    const exact = linear.svd(a, 40, 25);
    const { value, u, v } = linear.power(a, 40, 25, { iterations: 3000 });
    expect(value).toBeCloseTo(exact.values[0] as number, 12);
    const sign = Math.sign((v[0] as number) * (exact.vt[0] as number));
    expectClose(
      v.map((x) => sign * x),
      exact.vt.slice(0, 25),
      1e-10,
    );
    expectClose(
      product(a, v, 40, 25, 1),
      u.map((x) => x * value),
      1e-10,
    );

    const first = linear.power(a, 40, 25, { iterations: 2 });
    const { value: stepped } = linear.power(a, 40, 25, { v: first.v, iterations: 3 });
    expect(stepped).toBeCloseTo(linear.power(a, 40, 25, { iterations: 5 }).value, 13);
  });

  it("is 0 where nothing comes through", () => {
    const { value, u } = linear.power(Float64Array.of(1, -1), 1, 2);
    expect([value, ...u]).toEqual([0, 0]);
  });
});

describe("boxQp", () => {
  /** Slopes Qv + c. */
  const slopes = (q: Float64Array, c: Float64Array, v: Float64Array, n: number) =>
    product(q, v, n, n, 1).map((value, i) => value + (c[i] as number));

  it("is what gradient episodic memory solves: γ = 0.5, ε = 1e-3", () => {
    const q = Float64Array.of(1.001, 0, 0, 1.001);
    const v = linear.boxQp(q, Float64Array.of(-1, 0.2), 2, 0.5);
    expectClose(v, [1 / 1.001, 0.5], 1e-15);
  });

  it("is the solution of the equations where no bound is met", () => {
    const [q, x] = [definite(30), random(30, 1, 2)];
    const c = product(q, x, 30, 30, 1).map((value) => -value);
    expectClose(linear.boxQp(q, c, 30, -2), x, 1e-10);
  });

  it.each([1, 2, 5, 20, 60, 100])("keeps to the conditions of an optimum: %i", (n) => {
    for (let seed = 1; seed <= (n > 50 ? 2 : 10); seed++) {
      for (const lower of [0, 0.5, -0.25]) {
        const [q, c] = [definite(n, 1e-3, seed), random(n, 1, seed + 100)];
        const v = linear.boxQp(q, c, n, lower);
        const rounding = 1e-13 * n * largest(q) * Math.max(1, largest(v));
        for (const [i, slope] of slopes(q, c, v, n).entries()) {
          const value = v[i] as number;
          expect(value).toBeGreaterThanOrEqual(lower);
          if (value > lower) expect(Math.abs(slope)).toBeLessThanOrEqual(rounding);
          else expect(slope).toBeGreaterThanOrEqual(-rounding);
        }
      }
    }
  });

  it("ends where many are nearly the same", () => {
    const [m, n] = [5, 40];
    const g = random(n, m);
    const q = product(g, transposed(g, n, m), n, m, n).map((value, at) => (at % (n + 1) === 0 ? value + 1e-10 : value));
    const c = product(g, random(m, 1, 3), n, m, 1);
    const v = linear.boxQp(q, c, n, 0.5);
    for (const [i, slope] of slopes(q, c, v, n).entries()) {
      expect(v[i] as number).toBeGreaterThanOrEqual(0.5);
      if ((v[i] as number) === 0.5) expect(slope).toBeGreaterThanOrEqual(-1e-9);
      else expect(Math.abs(slope)).toBeLessThanOrEqual(1e-9);
    }
  });
});

describe("what linear algebra refuses", () => {
  const one = Float64Array.of(1);
  it.each<[string, () => unknown, string]>([
    ["a size that is no size", () => linear.cholesky(one, 0), "linear.cholesky: n is no size; expected a whole number ≥ 1, got 0"],
    ["part of a row", () => linear.eigen(one, 1.5), "linear.eigen: n is no size"],
    ["too few numbers", () => linear.svd(one, 2, 3), "linear.svd: a has another length; expected 2 × 3 = 6, got 1"],
    ["another b", () => linear.solve(one, 1, one, 2), "linear.solve: b has another length"],
    ["another c", () => linear.boxQp(one, new Float64Array(2), 1, 0), "linear.boxQp: c has another length; expected 1, got 2"],
    ["no columns", () => linear.power(one, 1, -1), "linear.power: n is no size"],
  ])("%s", (_what, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: "E_SHAPE", message: expect.stringContaining(message) }));
  });

  it.each<[string, () => unknown, string]>([
    ["NaN", () => linear.multiply(Float64Array.of(1, Number.NaN), one, 2, 1, 1), "linear.multiply: a holds no number at [1]"],
    [
      "∞",
      () => linear.solve(one, 1, Float64Array.of(-Infinity), 1),
      "linear.solve: b holds no number at [0]; expected finite numbers, got -Infinity",
    ],
    ["a bound that is none", () => linear.boxQp(one, one, 1, -Infinity), "linear.boxQp: lower holds no number"],
    ["a direction that is none", () => linear.power(one, 1, 1, { v: new Float64Array(1) }), "linear.power: v is 0"],
  ])("%s", (_what, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: "E_DATA", message: expect.stringContaining(message) }));
  });

  it("options that are none", () => {
    expect(() => linear.power(one, 1, 1, { iterations: 0 })).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    const wrong = { iteration: 2 } as object;
    expect(() => linear.power(one, 1, 1, wrong)).toThrow(expect.objectContaining({ code: "E_CONFIG", hint: 'Did you mean "iterations"?' }));
  });
});
