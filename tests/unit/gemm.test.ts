import { describe, expect, it } from "vitest";
import { compileAssembly } from "./assembly.ts";

interface Exports {
  matmul(
    form: number,
    m: number,
    n: number,
    k: number,
    a: number,
    lda: number,
    b: number,
    ldb: number,
    c: number,
    ldc: number,
    scratch: number,
  ): void;
  matmulScratch(form: number, m: number, n: number, k: number): number;
}

const { exports, memory } = await compileAssembly<Exports>(`export { matmul, matmulScratch } from "./matmul";`, 128);
const words = new Float32Array(memory.buffer);
const bits = new Uint32Array(memory.buffer);

const forms = ["NN", "NT", "TN"] as const;
const sizes = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257];
const CANARY = 0x7fc0dead;

/** A matrix in the memory: element (i, j) is word `at + i * ld + j`. */
interface Matrix {
  at: number;
  ld: number;
}

interface Problem {
  form: number;
  m: number;
  n: number;
  k: number;
  a: Matrix;
  b: Matrix;
  c: Matrix;
  scratch: number;
  end: number;
}

/** Lays out a problem from word 2051 on, everything but the operands filled with canaries; every row is followed by `gap` of them. */
function problem(form: number, m: number, n: number, k: number, gap: number, value: (i: number) => number): Problem {
  let at = 2051;
  const place = (rows: number, columns: number): Matrix => {
    const matrix = { at, ld: columns + gap };
    at += rows * matrix.ld + 5;
    return matrix;
  };
  const [aRows, aColumns] = form === 2 ? [k, m] : [m, k];
  const [bRows, bColumns] = form === 1 ? [n, k] : [k, n];
  const a = place(aRows, aColumns);
  const b = place(bRows, bColumns);
  const c = place(m, n);
  const scratch = Math.ceil(at / 4) * 4 + 4;
  const end = scratch + exports.matmulScratch(form, m, n, k) / 4;
  bits.fill(CANARY, 0, end + 64);
  let index = 0;
  for (const [matrix, rows, columns] of [[a, aRows, aColumns] as const, [b, bRows, bColumns] as const]) {
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) words[matrix.at + i * matrix.ld + j] = value(index++);
  }
  return { form, m, n, k, a, b, c, scratch, end };
}

/** Runs rows [i0, i1) and columns [j0, j1) of a problem. */
function run(p: Problem, i0 = 0, i1 = p.m, j0 = 0, j1 = p.n): void {
  const a = p.a.at + (p.form === 2 ? i0 : i0 * p.a.ld);
  const b = p.b.at + (p.form === 1 ? j0 * p.b.ld : j0);
  const c = p.c.at + i0 * p.c.ld + j0;
  exports.matmul(p.form, i1 - i0, j1 - j0, p.k, a * 4, p.a.ld, b * 4, p.b.ld, c * 4, p.c.ld, p.scratch * 4);
}

/** Returns the factors of term `q` of element (i, j) as word numbers. */
function factors(p: Problem, i: number, j: number, q: number): [number, number] {
  return [
    p.form === 2 ? p.a.at + q * p.a.ld + i : p.a.at + i * p.a.ld + q,
    p.form === 1 ? p.b.at + j * p.b.ld + q : p.b.at + q * p.b.ld + j,
  ];
}

/** Returns how many elements of c differ from the documented sum, and how many canaries before, between and behind are gone. */
function check(p: Problem, before: Uint32Array): { wrong: number; overwritten: number } {
  let wrong = 0;
  const expected = before.slice();
  const sum = new Float32Array(1);
  const sumBits = new Uint32Array(sum.buffer);
  const float = new Float32Array(before.buffer);
  for (let i = 0; i < p.m; i++) {
    for (let j = 0; j < p.n; j++) {
      sum[0] = 0;
      let [x, y] = factors(p, i, j, 0);
      const [xNext, yNext] = factors(p, i, j, 1);
      const xStep = xNext - x;
      const yStep = yNext - y;
      for (let q = 0; q < p.k; q++) {
        sum[0] += Math.fround((float[x] as number) * (float[y] as number));
        x += xStep;
        y += yStep;
      }
      const at = p.c.at + i * p.c.ld + j;
      if (bits[at] !== sumBits[0]) wrong++;
      expected[at] = bits[at] as number;
    }
  }
  let overwritten = 0;
  for (let at = 0; at < p.end + 64; at++) {
    if ((at < p.scratch || at >= p.end) && bits[at] !== expected[at]) overwritten++;
  }
  return { wrong, overwritten };
}

/** Spread over four decades with both signs, so that the order of a sum shows in its bits. */
function mixed(i: number): number {
  return Math.fround(Math.sin(i * 12.9898) * 10 ** (((i * 7) % 5) - 2));
}

function snapshot(p: Problem): Uint32Array {
  return bits.slice(0, p.end + 64);
}

describe.each(forms)("matmul %s", (name) => {
  const form = forms.indexOf(name);

  it("gives the bits of the sum in ascending k, and writes nothing but c, at every size in every place", () => {
    const failures: string[] = [];
    for (const gap of [0, 3]) {
      for (let i = 0; i < sizes.length; i++) {
        for (const [u, v] of [
          [3, 5],
          [11, 9],
          [17, 1],
        ] as const) {
          const m = sizes[i] as number;
          const n = sizes[(i * 7 + u) % sizes.length] as number;
          const k = sizes[(i * 13 + v) % sizes.length] as number;
          const p = problem(form, m, n, k, gap, mixed);
          const before = snapshot(p);
          run(p);
          const { wrong, overwritten } = check(p, before);
          if (wrong + overwritten > 0) failures.push(`${m}×${n}×${k} gap ${gap}: ${wrong} wrong, ${overwritten} overwritten`);
        }
      }
    }
    expect(failures).toEqual([]);
  });

  it("does so at all small sizes", () => {
    const failures: string[] = [];
    for (let m = 0; m <= 5; m++) {
      for (const n of [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33]) {
        for (let k = 0; k <= 9; k++) {
          const p = problem(form, m, n, k, 1, mixed);
          const before = snapshot(p);
          run(p);
          const { wrong, overwritten } = check(p, before);
          if (wrong + overwritten > 0) failures.push(`${m}×${n}×${k}: ${wrong} wrong, ${overwritten} overwritten`);
        }
      }
    }
    expect(failures).toEqual([]);
  });

  it("stays within the bound of its header, in 64-bit floats", () => {
    const [m, n, k] = [5, 21, 1000];
    const p = problem(form, m, n, k, 2, mixed);
    run(p);
    const unit = 2 ** -24;
    let worst = 0;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let exact = 0;
        let size = 0;
        for (let q = 0; q < k; q++) {
          const [x, y] = factors(p, i, j, q);
          const term = (words[x] as number) * (words[y] as number);
          exact += term;
          size += Math.abs(term);
        }
        const error = Math.abs((words[p.c.at + i * p.c.ld + j] as number) - exact);
        worst = Math.max(worst, error / (((k * unit) / (1 - k * unit)) * size));
      }
    }
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(1);
  });

  it.each([
    [67, 40, 300],
    [130, 33, 20],
    [7, 50, 513],
    [4, 48, 1],
  ])("gives the same bits when rows and columns of %i×%i×%i are divided", (m, n, k) => {
    const p = problem(form, m, n, k, 1, mixed);
    run(p);
    const c = p.c.at;
    const whole = bits.slice(c, c + m * p.c.ld);
    const rowCuts = [[0, m], [0, 1, m], [0, 2, 3, m], [0, m >> 1, m], Array.from({ length: m + 1 }, (_, i) => i)];
    const columnCuts = [
      [0, n],
      [0, 5, n],
      [0, 16, 17, n],
    ];
    for (const rows of rowCuts) {
      for (const columns of columnCuts) {
        for (let i = 0; i < m; i++) bits.fill(CANARY, c + i * p.c.ld, c + i * p.c.ld + n);
        for (let r = 1; r < rows.length; r++) {
          for (let s = 1; s < columns.length; s++) run(p, rows[r - 1], rows[r], columns[s - 1], columns[s]);
        }
        expect(bits.slice(c, c + m * p.c.ld)).toEqual(whole);
      }
    }
  });

  it("gives +0 for products of -0, and NaN for 0 · ∞, on every path", () => {
    for (const [m, n, k] of [
      [1, 19, 1],
      [1, 19, 6],
      [3, 19, 1],
      [3, 35, 6],
    ] as const) {
      const zeros = problem(form, m, n, k, 0, () => 0);
      for (let i = 0; i < m * k; i++) words[zeros.a.at + i] = -1;
      run(zeros);
      expect(bits.slice(zeros.c.at, zeros.c.at + m * n)).toEqual(new Uint32Array(m * n));
      for (let i = 0; i < m * k; i++) words[zeros.a.at + i] = Number.POSITIVE_INFINITY;
      run(zeros);
      expect(words.slice(zeros.c.at, zeros.c.at + m * n)).toEqual(new Float32Array(m * n).fill(Number.NaN));
    }
  });

  it("gives the bits of the sum when a block of rows ends in a single one", () => {
    const p = problem(form, 4033, 17, 2, 0, mixed);
    const before = snapshot(p);
    run(p);
    expect(check(p, before)).toEqual({ wrong: 0, overwritten: 0 });
  });

  it("reads nothing behind its operands", () => {
    const top = memory.buffer.byteLength;
    for (const m of [1, 2, 5, 66]) {
      for (const n of [1, 10, 16, 37]) {
        for (const k of [1, 6, 259]) {
          const [lda, ldb] = [form === 2 ? m : k, form === 1 ? k : n];
          const scratch = 300_000;
          const c = scratch + exports.matmulScratch(form, m, n, k);
          expect(() => exports.matmul(form, m, n, k, top - m * k * 4, lda, 0, ldb, c, n, scratch)).not.toThrow();
          expect(() => exports.matmul(form, m, n, k, 0, lda, top - n * k * 4, ldb, c, n, scratch)).not.toThrow();
        }
      }
    }
  });

  it("asks for at most 82,048 bytes of scratch", () => {
    expect(exports.matmulScratch(form, 4096, 4096, 4096)).toBe(82_048);
    for (const m of sizes) for (const k of sizes) expect(exports.matmulScratch(form, m, 4096, k)).toBeLessThanOrEqual(82_048);
  });
});
