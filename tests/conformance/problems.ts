/** Three problems to measure optimizers on: parameters to begin with, a loss of the program's operations, and the least that it can be. */
import { type optim, tensor } from "palimpsest";
import type { ApplyOptions } from "../../src/learner/testing.ts";

/** A loss to go down. */
export interface Problem {
  readonly params: ApplyOptions["params"];
  readonly loss: NonNullable<ApplyOptions["loss"]>;
  /** The loss at the minimum. */
  readonly least: number;
}

type Tensor = optim.Results[string];

const { add, cos, exp, less, log, matmul, mean, mul, reshape, select, slice, square, sub, sum, toF32 } = tensor;

/** Σ aᵢ(wᵢ − cᵢ)²/2 of a matrix and a vector; curvatures a are 0.5, 8 and 2. */
const quadratic: Problem = {
  params: { w: { shape: [2, 3], data: [1, -1, 0.5, 2, -0.5, 1] }, b: { shape: [2], data: [1, -2] } },
  loss: ({ w, b }) => {
    const column = (j: number): Tensor => sum(square(sub(slice(w as Tensor, [0, j], [2, 1]), 0.3)));
    const bowl = add(add(mul(column(0), 0.25), mul(column(1), 4)), column(2));
    return add(bowl, sum(square(add(b as Tensor, 0.2))));
  },
  least: 0,
};

/** Σ (1 − x)² + 100(y − x²)² of two pairs; the first row of w holds their x, the second their y. */
const rosenbrock: Problem = {
  params: { w: { shape: [2, 2], data: [-1.2, 0.5, 1, 2] } },
  loss: ({ w }) => {
    const [x, y] = [0, 1].map((row) => slice(w as Tensor, [row, 0], [1, 2])) as [Tensor, Tensor];
    return add(sum(square(sub(1, x))), mul(sum(square(sub(y, square(x)))), 100));
  },
  least: 0,
};

const ROWS = 24;

/** Mean of ln(1 + e^{−ŷ(xw + b)}) over rows whose labels ŷ = ±1 no plane divides: x = cos(n²/10) in row-major order, ŷ the sign of x₀ − x₁/2 + cos(i²). */
const logistic: Problem = {
  params: { w: { shape: [3, 1], data: [2, 2, 2] }, b: { shape: [1], data: [-1] } },
  loss: ({ w, b }) => {
    const { graph } = w as Tensor;
    const wave = (n: number, factor: number): Tensor => cos(mul(square(toF32(graph.iota(n))), factor));
    const x = reshape(wave(3 * ROWS, 0.1), [ROWS, 3]);
    const [first, second] = [0, 1].map((j) => slice(x, [0, j], [ROWS, 1])) as [Tensor, Tensor];
    const side = add(sub(first, mul(second, 0.5)), reshape(wave(ROWS, 1), [ROWS, 1]));
    const score = add(matmul(x, w as Tensor), b as Tensor);
    return mean(log(add(exp(select(less(0, side), mul(score, -1), score)), 1)));
  },
  least: leastLogistic(),
};

/** Returns the loss that Newton's method finds in f64. */
function leastLogistic(): number {
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const x = [0, 1, 2].map((j) => Math.cos(0.1 * (3 * i + j) ** 2)) as [number, number, number];
    return { x: [...x, 1], label: x[0] - x[1] / 2 + Math.cos(i * i) > 0 ? 1 : -1 };
  });
  const score = (x: readonly number[], w: readonly number[]): number => x.reduce((total, value, j) => total + value * (w[j] as number), 0);
  let w = [0, 0, 0, 0];
  for (let step = 0; step < 20; step++) {
    const system = w.map(() => [0, 0, 0, 0, 0]);
    for (const { x, label } of rows) {
      const p = 1 / (1 + Math.exp(label * score(x, w)));
      for (const [i, row] of system.entries()) {
        for (const [j, value] of x.entries()) row[j] = (row[j] as number) + p * (1 - p) * (x[i] as number) * value;
        row[4] = (row[4] as number) + label * p * (x[i] as number);
      }
    }
    const move = solve(system);
    w = w.map((value, i) => value + (move[i] as number));
  }
  return rows.reduce((total, { x, label }) => total + Math.log(1 + Math.exp(-label * score(x, w))), 0) / ROWS;
}

/** Returns the solution of linear equations [n, n + 1] that are positive definite. */
function solve(system: number[][]): number[] {
  for (const [i, pivot] of system.entries()) {
    const scale = pivot[i] as number;
    for (const [j] of pivot.entries()) pivot[j] = (pivot[j] as number) / scale;
    for (const [k, row] of system.entries()) {
      const factor = row[i] as number;
      if (k !== i) for (const [j, value] of pivot.entries()) row[j] = (row[j] as number) - factor * value;
    }
  }
  return system.map((row) => row.at(-1) as number);
}

/** By name. */
export const problems: Readonly<Record<"quadratic" | "rosenbrock" | "logistic", Problem>> = { quadratic, rosenbrock, logistic };
