import { checkKeys, checkNumber } from "../errors.ts";
import { klDivergence, MASKED } from "../nn/losses.ts";
import { detach, less, mul, select } from "../program/tensor.ts";
import { anchor } from "./anchor.ts";
import { seen } from "./seen.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link lwf}. */
export interface LwfOptions {
  /** Weight of the distillation. Default 1. */
  readonly alpha?: number;
  /** Temperature of both distributions. Default 2. */
  readonly temperature?: number;
}

/**
 * Returns learning without forgetting: on the rows that arrive, the model of the last boundary is a teacher of the classes it knew, by
 * KL(softmax(z_old/T) ‖ softmax(z/T)), without the factor T². Before the first boundary it costs a forward pass and teaches nothing.
 * @throws E_CONFIG
 * @see Li and Hoiem 2016, arXiv 1606.09282, "Learning without forgetting"
 */
export function lwf(options: LwfOptions = {}): Strategy {
  checkKeys("strategies.lwf", options, ["alpha", "temperature"]);
  const alpha = checkNumber("strategies.lwf", "alpha", options.alpha ?? 1, { min: 0 });
  const temperature = checkNumber("strategies.lwf", "temperature", options.temperature ?? 2, { min: 0, open: "min" });
  return {
    name: "lwf",
    config: { alpha, temperature },
    needs: { labels: true, boundary: true, passes: { forward: 1 } },
    uses: [anchor, seen],
    hyper: { alpha },
    keeps: () => ({ known: { shape: ["classes"] } }),
    edits: [{ on: "boundary", apply: ({ kept }) => ({ keeps: { known: kept("seen/classes") } }) }],
    terms({ logits, kept, forward, mean, hyper }) {
      const known = less(0, kept("known"));
      const old = detach(forward({ vector: kept("anchor/params") }).logits);
      const [student, teacher] = [logits, old].map((z) => select(known, z, MASKED)) as [typeof logits, typeof old];
      const distance = mul(klDivergence(student, teacher, { temperature }), 1 / temperature ** 2);
      return [{ tag: "penalty", value: mul(hyper("alpha"), mean(distance, "arrival")) }];
    },
  };
}
