import { checkKeys, checkNumber } from "../errors.ts";
import { MASKED } from "../nn/losses.ts";
import { sizeOf } from "../program/shape.ts";
import { and, div, less, maximum, mul, reshape, select, square, sub, sum, toF32 } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link der}. */
export interface DerOptions {
  /** Rows drawn from memory in each step, for each of the two terms. */
  readonly batchSize: number;
  /** Weight of the distance between logits and those that were stored. Default 0.3. */
  readonly alpha?: number;
  /** Weight of the cross-entropy of further drawn rows: above 0 it is DER++. Default 0.5; 0 leaves out the rows too. */
  readonly beta?: number;
}

/**
 * Returns dark experience replay: memory keeps the logits that rows had when they came, and drawn rows are held to them by mean squared error, over
 * rows and classes; DER++ also to their labels, on a second draw of its own. Logits of classes that there were not yet take no part.
 * @throws E_CONFIG
 * @see Buzzega et al. 2020, arXiv 2004.07211, "Dark experience for general continual learning", equations 5 and 6
 */
export function der(options: DerOptions): Strategy {
  const where = "strategies.der";
  checkKeys(where, options, ["batchSize", "alpha", "beta"]);
  const size = checkNumber(where, "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  const alpha = checkNumber(where, "alpha", options.alpha ?? 0.3, { min: 0 });
  const beta = checkNumber(where, "beta", options.beta ?? 0.5, { min: 0 });
  const groups = beta > 0 ? ["logits", "labels"] : ["logits"];
  const drawn = groups.map((name) => ({ name: `der/${name}`, size }));
  return {
    name: "der",
    config: { batchSize: size, alpha, beta },
    needs: { labels: true },
    needsMemory: true,
    hyper: { alpha, ...(beta > 0 && { beta }) },
    draws: [{ draw: "uniform" }],
    draw: {
      groups: drawn,
      select: ({ memory }) => Object.fromEntries(drawn.map(({ name }) => [name, memory?.draw(size) ?? { slots: [] }])),
    },
    owns: drawn.map(({ name }) => name),
    columns: {
      logits: {
        length: "classes",
        value: ({ logits, weight }) => reshape(logits, [weight.shape[0] as number, sizeOf(logits.shape) / (weight.shape[0] as number)]),
      },
    },
    terms({ logits, column, rowLoss, mean, hyper, weight }) {
      const rows = weight.shape[0] as number;
      const stored = column("logits");
      const now = reshape(logits, stored.shape);
      // Those that there were not yet, or that take no part in the row's task.
      const known = and(less(MASKED / 2, stored), less(MASKED / 2, now));
      const apart = square(select(known, sub(now, stored), 0));
      const distance = div(sum(apart, 1), maximum(sum(toF32(known), 1), 1));
      const kept = { tag: "replay", value: mul(hyper("alpha"), mean(reshape(distance, [rows]), "der/logits")) } as const;
      return beta > 0 ? [kept, { tag: "replay", value: mul(hyper("beta"), mean(rowLoss, "der/labels")) }] : [kept];
    },
  };
}
