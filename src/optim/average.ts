import { checkChoice } from "../errors.ts";
import { power } from "../natural.ts";
import { add, less, mul, select, sub } from "../program/tensor.ts";
import { integerPower, numbersOf, ranges, type Transform, transform } from "./optimizer.ts";

/** Options of {@link averageWeights}. */
export interface AverageOptions {
  /** d of w̄ ← d·w̄ + (1−d)·w. Default 0.999. */
  readonly decay?: number;
  /** How the average begins: as a copy (`copy`, default), or at 0 and corrected by 1 − d^k (`zero`). */
  readonly begin?: "copy" | "zero";
  /** What d grows by: `none` (default); `tf`: min(d, (1+n)/(10+n)) at the n-th step from 0; `timm`: min(d, 1 − k^{−2/3}). */
  readonly warmup?: "none" | "tf" | "timm";
}

/**
 * Returns an exponential average of the weights beside those that are trained; it answers where averaged weights are asked for.
 * @throws E_CONFIG
 * @see Polyak and Juditsky 1992; Tarvainen and Valpola 2017, arXiv 1703.01780
 */
export function averageWeights(options: AverageOptions = {}): Transform {
  const where = "optim.averageWeights";
  const { values, hyper } = numbersOf(where, options, { decay: [0.999, ranges.decay] }, ["begin", "warmup"]);
  const begin = checkChoice(where, "begin", options.begin ?? "copy", ["copy", "zero"]);
  const warmup = checkChoice(where, "warmup", options.warmup ?? "none", ["none", "tf", "timm"]);
  return transform({
    name: "averageWeights",
    options: { ...values, begin, warmup },
    // Corrected for a start at 0 by one decay, it must stay that one.
    hyper: begin === "zero" ? { ...hyper, decay: { min: values.decay, max: values.decay } } : hyper,
    slots: { average: begin === "copy" ? { initial: "params" } : {} },
    scalars(k, { decay }: { readonly decay: number }) {
      const keep = warmup === "none" ? decay : Math.min(decay, warmup === "tf" ? k / (9 + k) : 1 - power(k, -2 / 3));
      return { keep, take: 1 - keep, correction: begin === "zero" ? 1 / (1 - integerPower(decay, k)) : 1 };
    },
    around({ slots, scalars: { keep, take } }, rest) {
      const result = rest({});
      return { ...result, slots: { average: add(mul(keep, slots.average), mul(take, result.params)) } };
    },
    averaged: ({ slots, scalars }) => (begin === "zero" ? mul(slots.average, scalars.correction) : slots.average),
  });
}

/** Options of {@link lookahead}. */
export interface LookaheadOptions {
  /** Fast steps to a slow one. Default 5. */
  readonly every?: number;
  /** How far a slow step goes. Default 0.5. */
  readonly share?: number;
}

/**
 * Returns slow weights that every few steps go a share of the way to the fast ones, which go on from there.
 * @throws E_CONFIG
 * @see Zhang et al. 2019, arXiv 1907.08610
 */
export function lookahead(options: LookaheadOptions = {}): Transform {
  const table = { every: [5, { min: 1, integer: true }], share: [0.5, { min: 0, max: 1 }] } as const;
  const { values, hyper: all } = numbersOf("optim.lookahead", options, table);
  return transform({
    name: "lookahead",
    options: values,
    hyper: { share: all.share },
    slots: { slow: { initial: "params" } },
    scalars: (k, { share }: { readonly share: number }) => ({ meets: k % values.every === 0 ? 1 : 0, share }),
    around({ slots, scalars: { meets, share } }, rest) {
      const result = rest({});
      const now = less(0, meets);
      const slow = select(now, add(slots.slow, mul(share, sub(result.params, slots.slow))), slots.slow);
      return { ...result, params: select(now, slow, result.params), slots: { slow } };
    },
  });
}
