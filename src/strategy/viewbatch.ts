import { checkKeys, checkNumber } from "../errors.ts";
import { klDivergence } from "../nn/losses.ts";
import type { Tensor } from "../program/graph.ts";
import { add, detach, maximum, minimum, mul, sub, sum } from "../program/tensor.ts";
import { noise } from "./augment.ts";
import type { Strategy } from "./strategy.ts";
import { type Augment, checkAugment, viewOf } from "./views.ts";

/** Options of {@link viewBatch}. */
export interface ViewBatchOptions {
  /** Views of each row that arrives, the row itself among them. Default 4. */
  readonly views?: number;
  /** How the others are made. Default `augment.noise()`. */
  readonly augment?: Augment;
  /** Weight of the distance between views. Default 1. */
  readonly weight?: number;
  /** Steps before it counts, and steps in which it grows to its weight. Default 0 and 0. */
  readonly after?: number;
  readonly ramp?: number;
}

/**
 * Returns view batches: each row that arrives is learned in several views at once, by the mean loss over them, and the answers to the others are held to
 * that to the row itself, weight times the mean of KL(softmax z_1 ‖ softmax z_v), where z_1 learns nothing. Rows should come as many times more seldom:
 * `streams.recall` brings views of rows as rows, for models that see no difference. Other views pass as in prediction, without dropout.
 * @throws E_CONFIG
 * @see Kang et al. 2025, arXiv 2503.18371, "Do your best and get enough rest for continual learning";
 * its code's divergence is the mean over classes, not their sum
 */
export function viewBatch(options: ViewBatchOptions = {}): Strategy {
  const where = "strategies.viewBatch";
  checkKeys(where, options, ["views", "augment", "weight", "after", "ramp"]);
  const views = checkNumber(where, "views", options.views ?? 4, { min: 2, max: 64, integer: true });
  const augment = checkAugment(`${where}: augment`, options.augment ?? noise());
  const weight = checkNumber(where, "weight", options.weight ?? 1, { min: 0 });
  const after = checkNumber(where, "after", options.after ?? 0, { min: 0, max: 2 ** 23, integer: true });
  const ramp = checkNumber(where, "ramp", options.ramp ?? 0, { min: 0, max: 2 ** 23, integer: true });
  const others = views - 1;
  return {
    name: "viewBatch",
    config: { views, augment, weight, after, ramp },
    needs: { labels: true, passes: { forward: others, backward: others } },
    hyper: { weight },
    keeps: () => ({ steps: { shape: [] } }),
    gathers: ({ kept }) => ({ steps: minimum(add(kept("steps"), 1), after + ramp) }),
    owns: ["arrival"],
    terms({ logits, labels, rowLoss, x, kept, hyper, random, rowsOf, weightOf, forward, lossOf }) {
      const [rows, first, named] = [x, logits, labels].map((values) => rowsOf("arrival", values)) as [Tensor, Tensor, Tensor];
      const own = rowsOf("arrival", weightOf("arrival"));
      const teacher = detach(first);
      let [losses, distances] = [rowsOf("arrival", rowLoss), undefined as Tensor | undefined];
      for (let view = 1; view < views; view++) {
        const seen = forward({ x: viewOf(rows, augment, random, `view/${view}`) }).logits;
        losses = add(losses, lossOf(seen, named));
        const distance = klDivergence(seen, teacher);
        distances = distances === undefined ? distance : add(distances, distance);
      }
      const grown = minimum(maximum(mul(add(sub(kept("steps"), after), 1), 1 / Math.max(ramp, 1)), 0), 1);
      const apart = mul(1 / others, sum(mul(own, distances as Tensor)));
      return [
        { tag: "task", value: mul(1 / views, sum(mul(own, losses))) },
        { tag: "penalty", value: mul(mul(hyper("weight"), grown), apart) },
      ];
    },
  };
}
