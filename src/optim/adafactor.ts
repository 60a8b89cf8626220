import type { Tensor } from "../program/graph.ts";
import { add, div, maximum, mean, mul, reshape, sqrt, sub } from "../program/tensor.ts";
import { numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";
import { power } from "./power.ts";

/** Options of {@link adafactor}. */
export interface AdafactorOptions {
  /** The mean of squares decays by 1 − k^{−exponent}. Default 0.8. */
  readonly exponent?: number;
  /** ε, added to squared gradients. Default 1e-30. */
  readonly eps?: number;
  /** The largest root mean square that a step may have before it is scaled. Default 1. */
  readonly clip?: number;
  /** λ: w shrinks by 1 − λ in each step, whatever η. Default 0. */
  readonly weightDecay?: number;
  /** Scales the step of each tensor by the root mean square of its elements, at least 1e-3. Default true. */
  readonly scaled?: boolean;
  /** Matrices whose sides are at least this long keep means of rows and columns in place of one for each element. Default 128. */
  readonly least?: number;
}

/**
 * Returns Adafactor: r, c ← means of g² + ε over columns and rows; v̂ = r·c/mean r; u = g/√v̂, cut to a root mean square of `clip`;
 * w ← w(1−λ) − η·max(rms w, 1e-3)·u.
 * @throws E_CONFIG
 * @see Shazeer and Stern 2018, arXiv 1804.04235
 */
export function adafactor(options: AdafactorOptions = {}): Optimizer {
  const table = {
    exponent: [0.8, ranges.positive],
    eps: [1e-30, ranges.positive],
    clip: [1, ranges.positive],
    weightDecay: [0, ranges.natural],
    least: [128, { min: 2, integer: true }],
  } as const;
  const { values, hyper: all } = numbersOf("optim.adafactor", options, table, ["scaled"]);
  const { least: _, ...hyper } = all;
  const { scaled = true } = options;
  const { least } = values;
  return rule({
    name: "adafactor",
    options: { ...values, scaled },
    hyper,
    slots: { row: { per: "row", least }, column: { per: "column", least } },
    scalars(k, { learningRate, exponent, eps, clip, weightDecay }) {
      const take = power(k, -exponent);
      return { learningRate, keep: 1 - take, take, eps, clip, decay: 1 - weightDecay };
    },
    rates: ["learningRate", "decay"],
    update({ each }) {
      const { params, row, column } = each(({ params, grads, slots, scalars: s }) => {
        const [rows, columns] = [slots.row.shape[0] as number, slots.column.shape[1] as number];
        const g = reshape(grads, [rows, columns]);
        const squares = add(mul(g, g), s.eps);
        const decayed = (old: Tensor, now: Tensor): Tensor => add(mul(s.keep, old), mul(s.take, now));
        const row = decayed(slots.row, mean(squares, 1, { keepDims: true }));
        const column = decayed(slots.column, mean(squares, 0, { keepDims: true }));
        // One column is its own mean. Roots are taken one by one: the product of two numbers near ε is below what f32 holds.
        const roots = columns === 1 ? sqrt(row) : mul(sqrt(div(row, mean(row))), sqrt(column));
        const u = reshape(div(g, roots), params.shape);
        const cut = maximum(1, div(rms(u), s.clip));
        const scale = scaled ? maximum(rms(params), 1e-3) : 1;
        return { params: sub(mul(params, s.decay), mul(div(mul(s.learningRate, scale), cut), u)), row, column };
      });
      return { params, slots: { row, column } };
    },
  });
}

function rms(a: Tensor): Tensor {
  return sqrt(mean(mul(a, a)));
}
