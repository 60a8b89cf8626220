/** Linear algebra as the textbook has it, in f64, for tests of what uses it. */
import { fail } from "../../src/errors.ts";
import type { Linear } from "../../src/wasm/linear.ts";

const missing = (): never => {
  throw new Error("not in the plain linear algebra");
};

function cholesky(a: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (lower[i * n + k] as number) * (lower[j * n + k] as number);
      if (i !== j) lower[i * n + j] = sum / (lower[j * n + j] as number);
      else if (sum > 0) lower[i * n + i] = Math.sqrt(sum);
      else fail("E_DATA", "cholesky: not positive definite");
    }
  }
  return lower;
}

export const plain: Linear = {
  cholesky,
  solve(a, n, b, m) {
    const lower = cholesky(a, n);
    const x = Float64Array.from(b);
    for (let c = 0; c < m; c++) {
      for (let i = 0; i < n; i++) {
        let sum = x[i * m + c] as number;
        for (let k = 0; k < i; k++) sum -= (lower[i * n + k] as number) * (x[k * m + c] as number);
        x[i * m + c] = sum / (lower[i * n + i] as number);
      }
      for (let i = n - 1; i >= 0; i--) {
        let sum = x[i * m + c] as number;
        for (let k = i + 1; k < n; k++) sum -= (lower[k * n + i] as number) * (x[k * m + c] as number);
        x[i * m + c] = sum / (lower[i * n + i] as number);
      }
    }
    return x;
  },
  multiply(a, b, m, k, n) {
    const out = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) sum += (a[i * k + l] as number) * (b[l * n + j] as number);
        out[i * n + j] = sum;
      }
    }
    return out;
  },
  eigen: missing,
  svd: missing,
  power: missing,
  boxQp: missing,
};
