/** Dense linear algebra in f64: what strategies compute on the host. */
import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { type Desk, deskOf } from "./desk.ts";

/**
 * Dense f64 linear algebra, computed in Wasm: the same bits in every engine. Matrices are row-major, sizes at least 1, arguments left as
 * they are. Every function throws E_SHAPE where an array has not the length its sizes say, E_DATA where a number is NaN or infinite, and
 * E_OOM where a matrix is too large for a memory of 4 GiB.
 */
export interface Linear {
  /**
   * Returns the lower Cholesky factor [n × n] of a symmetric positive definite matrix, whose upper triangle alone is read.
   * @throws E_DATA where it is not positive definite, naming the pivot
   */
  cholesky(a: Float64Array, n: number): Float64Array;
  /**
   * Returns X [n × m] with A·X = B for symmetric positive definite A [n × n], whose upper triangle alone is read, and B [n × m].
   * @throws E_DATA where it is not positive definite, naming the pivot
   */
  solve(a: Float64Array, n: number, b: Float64Array, m: number): Float64Array;
  /** Returns the eigenvalues [n], largest first, and eigenvectors as columns [n × n], of a symmetric matrix, whose lower triangle alone is read. */
  eigen(a: Float64Array, n: number): { readonly values: Float64Array; readonly vectors: Float64Array };
  /** Returns U [m × k], singular values [k], largest first, and Vᵀ [k × n], with k = min(m, n). Columns of U and V are orthonormal at any rank. */
  svd(a: Float64Array, m: number, n: number): { readonly u: Float64Array; readonly values: Float64Array; readonly vt: Float64Array };
  /**
   * Returns the largest singular value, from below, after `iterations` (default 1) from v [n] (default: all equal), and the last u [m] and
   * v [n] of unit length; where A·v is 0, so are the value and u.
   * @throws E_DATA where v is 0, E_CONFIG
   */
  power(
    a: Float64Array,
    m: number,
    n: number,
    options?: { readonly v?: Float64Array; readonly iterations?: number },
  ): { readonly value: number; readonly u: Float64Array; readonly v: Float64Array };
  /**
   * Returns the v [n] ≥ lower that makes ½·vᵀQv + cᵀv smallest, Q symmetric positive definite.
   * @throws E_DATA where it is not positive definite, naming the pivot
   */
  boxQp(q: Float64Array, c: Float64Array, n: number, lower: number): Float64Array;
  /** Returns A·B [m × n] of A [m × k], B [k × n]. */
  multiply(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array;
}

/** The functions of the module; addresses are bytes, numbers in memory f64, scratch is counted in them. See the headers in `assembly/`. */
interface LinearKernels {
  heapBase(): number;
  blockScratch(): number;
  eigenScratch(n: number): number;
  svdScratch(m: number, n: number): number;
  cholesky(a: number, n: number, scratch: number): number;
  solve(a: number, n: number, b: number, m: number, scratch: number): number;
  eigen(a: number, n: number, values: number, vectors: number, scratch: number): number;
  svd(a: number, m: number, n: number, u: number, values: number, vt: number, scratch: number): void;
  power(a: number, m: number, n: number, u: number, v: number, iterations: number): number;
  boxQp(q: number, c: number, n: number, lower: number, v: number, scratch: number): number;
  multiply(a: number, b: number, m: number, k: number, n: number, c: number, scratch: number): void;
}

const open = deskOf<LinearKernels>("linear algebra", () => import("./linear.generated.ts"));

/**
 * Returns dense linear algebra, its module loaded once.
 * @throws E_NO_BACKEND where WebAssembly or its SIMD is missing or forbidden by the page's policy
 */
export async function openLinear(): Promise<Linear> {
  return linearOn(await open());
}

function linearOn({ exports, lay, read }: Desk<LinearKernels>): Linear {
  const block = exports.blockScratch();
  const put = (...parts: readonly (Float64Array | number)[]) =>
    lay(...parts) as unknown as readonly [number, number, number, number, number];
  return {
    cholesky(a, n) {
      check("cholesky", { n }, { a: [a, n, n] });
      const [at, scratch] = put(a, block);
      refuse("cholesky", "a", exports.cholesky(at, n, scratch), (i) => read(at + 8 * i * (n + 1), 1));
      return read(at, n * n);
    },
    solve(a, n, b, m) {
      check("solve", { n, m }, { a: [a, n, n], b: [b, n, m] });
      const [at, x, scratch] = put(a, b, block);
      refuse("solve", "a", exports.solve(at, n, x, m, scratch), (i) => read(at + 8 * i * (n + 1), 1));
      return read(x, n * m);
    },
    eigen(a, n) {
      check("eigen", { n }, { a: [a, n, n] });
      const [at, values, vectors, scratch] = put(a, n, n * n, exports.eigenScratch(n));
      if (exports.eigen(at, n, values, vectors, scratch) === 0) {
        fail("E_DATA", "linear.eigen: the iteration does not end; expected a matrix whose eigenvalues can be told apart, got another", {
          hint: "Scale the matrix, or add a little to its diagonal.",
        });
      }
      return { values: read(values, n), vectors: read(vectors, n * n) };
    },
    svd(a, m, n) {
      check("svd", { m, n }, { a: [a, m, n] });
      const k = Math.min(m, n);
      const [at, u, values, vt, scratch] = put(a, m * k, k, k * n, exports.svdScratch(m, n));
      exports.svd(at, m, n, u, values, vt, scratch);
      return { u: read(u, m * k), values: read(values, k), vt: read(vt, k * n) };
    },
    power(a, m, n, options = {}) {
      checkKeys("linear.power", options, ["v", "iterations"]);
      const iterations = checkNumber("linear.power", "iterations", options.iterations ?? 1, { min: 1, max: 2 ** 31 - 1, integer: true });
      check("power", { m, n }, { a: [a, m, n] });
      const v = options.v ?? new Float64Array(n).fill(1);
      check("power", {}, { v: [v, n, 1] });
      if (v.every((value) => value === 0)) {
        fail("E_DATA", "linear.power: v is 0; expected a direction, got none", {
          hint: "Leave out v, or start from what was returned last.",
        });
      }
      const [at, from, to] = put(a, v, m);
      const value = exports.power(at, m, n, to, from, iterations);
      return { value, u: read(to, m), v: read(from, n) };
    },
    boxQp(q, c, n, lower) {
      check("boxQp", { n }, { q: [q, n, n], c: [c, n, 1], lower: [Float64Array.of(lower), 1, 1] });
      const [at, slopes, v, scratch] = put(q, c, n, n * (n + 3) + block);
      refuse("boxQp", "q", exports.boxQp(at, slopes, n, lower, v, scratch), (i) => read(scratch + 8 * i * (n + 1), 1));
      return read(v, n);
    },
    multiply(a, b, m, k, n) {
      check("multiply", { m, k, n }, { a: [a, m, k], b: [b, k, n] });
      const [left, right, product, scratch] = put(a, b, m * n, block);
      exports.multiply(left, right, m, k, n, product, scratch);
      return read(product, m * n);
    },
  };
}

/** Refuses what does not fit, or cannot be computed with. @throws E_SHAPE, E_DATA */
function check(
  name: string,
  sizes: Readonly<Record<string, number>>,
  arrays: Readonly<Record<string, readonly [values: Float64Array, rows: number, columns: number]>>,
): void {
  for (const [size, value] of Object.entries(sizes)) {
    if (Number.isInteger(value) && value > 0) continue;
    fail("E_SHAPE", `linear.${name}: ${size} is no size; expected a whole number ≥ 1, got ${describe(value)}`, {
      context: { [size]: value },
    });
  }
  for (const [array, [values, rows, columns]] of Object.entries(arrays)) {
    if (values.length !== rows * columns) {
      const expected = columns === 1 ? `${rows}` : `${rows} × ${columns} = ${rows * columns}`;
      fail("E_SHAPE", `linear.${name}: ${array} has another length; expected ${expected}, got ${values.length}`, {
        hint: "Matrices are given row after row, without gaps.",
      });
    }
    // NaN and ±∞ times 0 are NaN: one sum, without a branch, finds them all.
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += (values[i] as number) * 0;
    if (sum === 0) continue;
    const at = values.findIndex((value) => !Number.isFinite(value));
    fail("E_DATA", `linear.${name}: ${array} holds no number at [${at}]; expected finite numbers, got ${values[at]}`, {
      hint: "Leave out what is not finite before it is gathered.",
      context: { index: at },
    });
  }
}

/** Refuses a matrix of which a pivot, unless it is -1, is not positive. @throws E_DATA */
function refuse(name: string, matrix: string, pivot: number, read: (pivot: number) => Float64Array): void {
  if (pivot < 0) return;
  const [value] = read(pivot);
  fail("E_DATA", `linear.${name}: ${matrix} is not positive definite; expected pivot ${pivot} of its factor above 0, got ${value}`, {
    hint: "Give a symmetric matrix, and add a multiple of the identity to one that may be singular.",
    context: { pivot, value },
  });
}
