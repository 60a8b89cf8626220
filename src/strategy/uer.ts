import { checkKeys, checkNumber } from "../errors.ts";
import { reshape } from "../program/tensor.ts";
import { cosines } from "./proxies.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link uer}. */
export interface UerOptions {
  /** Rows drawn from memory in each step. */
  readonly batchSize: number;
  /** What cosines of new rows are divided by. Default 0.09. */
  readonly temperature?: number;
}

/**
 * Returns unbiased experience replay: a new row is learned by the angle between its features and the classes' weights alone, so that their norms do not
 * lean towards what is new; a drawn one by its logits, angle and norm; answers are by logits. The loss is the sum of both means. Reconstructed: the
 * temperature, that of `pcr`.
 * @throws E_CONFIG
 * @see Lin et al. 2023, "UER: a heuristic bias addressing approach for online continual learning", arXiv 2309.04081
 */
export function uer(options: UerOptions): Strategy {
  checkKeys("strategies.uer", options, ["batchSize", "temperature"]);
  const size = checkNumber("strategies.uer", "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  const temperature = checkNumber("strategies.uer", "temperature", options.temperature ?? 0.09, { min: 0, open: "min" });
  return {
    name: "uer",
    config: { batchSize: size, temperature },
    needs: { labels: true, features: true },
    needsMemory: true,
    draws: [{ draw: "uniform" }],
    draw: { groups: [{ name: "uer", size }], select: ({ memory }) => ({ uer: memory?.draw(size) ?? { slots: [] } }) },
    owns: ["arrival", "uer"],
    terms(context) {
      const { logits, labels, rowLoss, mean, lossOf } = context;
      const angles = lossOf(reshape(cosines(context, temperature), logits.shape), labels);
      return [
        { tag: "task", value: mean(angles, "arrival") },
        { tag: "replay", value: mean(rowLoss, "uer") },
      ];
    },
  };
}
