import { checkKeys, checkNumber } from "../errors.ts";
import { MASKED } from "../nn/losses.ts";
import { and, less, select } from "../program/tensor.ts";
import { presentIn, seen, seenNow } from "./seen.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link erAce}. */
export interface ErAceOptions {
  /** Rows drawn from memory in each step. */
  readonly batchSize: number;
}

/**
 * Returns replay with asymmetric cross-entropy: among new rows, classes that were seen before and are not in this batch take no part, so that what is
 * new does not push away what is old; drawn rows are held against all classes. The loss is the sum of both means. Classes are left out as a set;
 * the reference's code never leaves out the highest one seen.
 * @throws E_CONFIG
 * @see Caccia et al. 2022, arXiv 2104.05025, "New insights on reducing abrupt representation change in online continual learning"
 */
export function erAce(options: ErAceOptions): Strategy {
  checkKeys("strategies.erAce", options, ["batchSize"]);
  const size = checkNumber("strategies.erAce", "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  return {
    name: "erAce",
    config: { batchSize: size },
    needs: { labels: true },
    needsMemory: true,
    uses: [seen],
    draws: [{ draw: "uniform" }],
    draw: {
      groups: [{ name: "erAce", size }],
      select: ({ memory }) => ({ erAce: memory?.draw(size) ?? { slots: [] } }),
    },
    owns: ["arrival", "erAce"],
    terms(context) {
      const { logits, labels, rowLoss, mean, lossOf } = context;
      const absent = and(less(presentIn(context, "arrival"), 1), less(0, seenNow(context)));
      const own = lossOf(select(absent, MASKED, logits), labels);
      return [
        { tag: "task", value: mean(own, "arrival") },
        { tag: "replay", value: mean(rowLoss, "erAce") },
      ];
    },
  };
}
