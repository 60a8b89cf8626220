import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { cosineDistance } from "../nn/losses.ts";
import { add, detach, mean as meanOf, mul, square, sub } from "../program/tensor.ts";
import { anchor } from "./anchor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link featureDistillation}. */
export interface FeatureDistillationOptions {
  /** Weight of the distance. Default 1. */
  readonly lambda?: number;
  /** 1 − cos(f, f_old) (`cosine`, default), or the mean of (f − f_old)² over the features (`mse`). */
  readonly distance?: "cosine" | "mse";
}

/**
 * Returns feature distillation: on the rows that arrive, what the classifier reads is held to what the model of the last boundary makes of them.
 * Before the first boundary it costs a forward pass and holds nothing.
 * @throws E_CONFIG
 * @see Hou et al. 2019, "Learning a unified classifier incrementally via rebalancing", equation 6 (cosine)
 */
export function featureDistillation(options: FeatureDistillationOptions = {}): Strategy {
  const where = "strategies.featureDistillation";
  checkKeys(where, options, ["lambda", "distance"]);
  const lambda = checkNumber(where, "lambda", options.lambda ?? 1, { min: 0 });
  const distance = checkChoice(where, "distance", options.distance ?? "cosine", ["cosine", "mse"]);
  return {
    name: "featureDistillation",
    config: { lambda, distance },
    needs: { features: true, boundary: true, passes: { forward: 1 } },
    uses: [anchor],
    hyper: { lambda },
    keeps: () => ({ begun: { shape: [] } }),
    edits: [{ on: "boundary", apply: ({ kept }) => ({ keeps: { begun: add(mul(kept("begun"), 0), 1) } }) }],
    terms({ features, kept, forward, mean, hyper }) {
      const old = detach(forward({ vector: kept("anchor/params") }).features);
      const apart = distance === "cosine" ? cosineDistance(features, old) : meanOf(square(sub(features, old)), -1);
      return [{ tag: "penalty", value: mul(mul(hyper("lambda"), kept("begun")), mean(apart, "arrival")) }];
    },
  };
}
