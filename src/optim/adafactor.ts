import { checkChoice } from "../errors.ts";
import { power } from "../natural.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, maximum, mean, mul, reshape, sqrt, sub } from "../program/tensor.ts";
import { blend, numbersOf, type Optimizer, ranges, rule, type SlotTable } from "./optimizer.ts";
import { matrixOf, type Placed } from "./places.ts";

/** Options of {@link adafactor}. */
export interface AdafactorOptions {
  /** The mean of squares decays by 1 − k^{−exponent}. Default 0.8. */
  readonly exponent?: number;
  /** ε, added to squared gradients. Default 1e-30. */
  readonly eps?: number;
  /** The largest root mean square that a step may have before it is scaled. Default 1. */
  readonly clip?: number;
  /** μ of a mean of steps, rates included, that is not corrected for its start at 0. Default 0: none is kept. */
  readonly momentum?: number;
  /** λ: w shrinks by 1 − λ in each step, whatever η. Default 0. */
  readonly weightDecay?: number;
  /** Scales the step of each tensor by the root mean square of its elements, at least 1e-3. Default true. */
  readonly scaled?: boolean;
  /**
   * What η is multiplied by at step k: nothing (`given`, default), min(0.01, 1/√k) (`relative`), or min(k·1e-6, 1/√k) (`warmup`). For the last
   * two, leave the learning rate at 1.
   */
  readonly rate?: "given" | "relative" | "warmup";
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
  const where = "optim.adafactor";
  const table = {
    exponent: [0.8, ranges.positive],
    eps: [1e-30, ranges.positive],
    clip: [1, ranges.positive],
    momentum: [0, ranges.decay],
    weightDecay: [0, ranges.natural],
    least: [128, { min: 2, integer: true }],
  } as const;
  const { values, hyper: all } = numbersOf(where, options, table, ["scaled", "rate"]);
  const { least: _, ...hyper } = all;
  const { scaled = true } = options;
  const rate = checkChoice(where, "rate", options.rate ?? "given", ["given", "relative", "warmup"]);
  const moving = values.momentum > 0;
  const isFactored = ({ shape }: Pick<Placed, "shape">): boolean => shape.length > 1 && Math.min(...matrixOf(shape)) >= values.least;
  const slots = {
    row: { per: "row", holds: isFactored },
    column: { per: "column", holds: isFactored },
    v: { holds: (tensor) => !isFactored(tensor) },
    ...(moving && { momentum: {} }),
  } as SlotTable<"row" | "column" | "v" | "momentum">;
  return rule({
    name: "adafactor",
    options: { ...values, scaled, rate },
    // Without a mean of steps, momentum has nothing to act on.
    hyper: moving ? hyper : { ...hyper, momentum: { min: 0, max: 0 } },
    slots,
    scalars(k, { learningRate, exponent, eps, clip, momentum, weightDecay }) {
      const take = power(k, -exponent);
      const most = { given: 1, relative: 0.01, warmup: 1e-6 * k }[rate];
      const pace = rate === "given" ? 1 : Math.min(most, 1 / Math.sqrt(k));
      const own = { keep: 1 - take, take, eps, clip, decay: 1 - weightDecay, momentum, oneMinusMomentum: 1 - momentum };
      return { learningRate: learningRate * pace, ...own };
    },
    rates: ["learningRate", "decay"],
    update({ each }) {
      const { params, ...kept } = each(({ shape, params, grads, slots, scalars: s }) => {
        const decayed = (old: Tensor, now: Tensor): Tensor => add(mul(s.keep, old), mul(s.take, now));
        const squares = add(mul(grads, grads), s.eps);
        let [{ row, column, v }, u] = [slots, grads];
        if (isFactored({ shape })) {
          const [g, square] = [grads, squares].map((tensor) => reshape(tensor, matrixOf(shape))) as [Tensor, Tensor];
          row = decayed(row, mean(square, 1, { keepDims: true }));
          column = decayed(column, mean(square, 0, { keepDims: true }));
          // Roots are taken one by one: the product of two numbers near ε is below what f32 holds.
          u = reshape(div(g, mul(sqrt(div(row, mean(row))), sqrt(column))), shape);
        } else {
          v = decayed(v, squares);
          u = div(grads, sqrt(v));
        }
        const cut = maximum(1, div(rms(u), s.clip));
        const scale = scaled ? maximum(rms(params), 1e-3) : 1;
        const step = mul(div(mul(s.learningRate, scale), cut), u);
        const momentum = moving ? blend(s.momentum, slots.momentum, s.oneMinusMomentum, step) : undefined;
        return { params: sub(mul(params, s.decay), momentum ?? step), row, column, v, ...(momentum && { momentum }) };
      });
      return { params, slots: kept };
    },
  });
}

function rms(a: Tensor): Tensor {
  return sqrt(mean(mul(a, a)));
}
