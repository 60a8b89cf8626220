import { checkKeys, checkNumber } from "../errors.ts";
import { add, mul, sub } from "../program/tensor.ts";
import { replay } from "./replay.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link efficientMer}. */
export interface EfficientMerOptions {
  /** Rows drawn from memory in each step, a share batchSize/(rows that arrive + batchSize) of it. Default: none but those of other strategies. */
  readonly batchSize?: number;
  /** Steps of a window. Default 500. */
  readonly every?: number;
  /** How much of a window's way stays: 0 … 1. Default 0.1. */
  readonly epsilon?: number;
}

/**
 * Returns meta-experience replay at the cost of replay: at the end of each window of steps θ ← θ_start + ε(θ − θ_start), which rewards gradients that
 * point the same way. What the optimizer keeps stays.
 * @throws E_CONFIG
 * @see Abbes et al. 2025, arXiv 2508.01908, "Revisiting replay and gradient alignment for continual pre-training of large language models"
 */
export function efficientMer(options: EfficientMerOptions = {}): Strategy {
  const where = "strategies.efficientMer";
  checkKeys(where, options, ["batchSize", "every", "epsilon"]);
  const every = checkNumber(where, "every", options.every ?? 500, { min: 1, integer: true });
  const epsilon = checkNumber(where, "epsilon", options.epsilon ?? 0.1, { min: 0, max: 1 });
  const size = options.batchSize && checkNumber(where, "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  return {
    name: "efficientMer",
    config: { ...(size && { batchSize: size }), every, epsilon },
    ...(size && { uses: [replay({ batchSize: size })], needsMemory: true }),
    hyper: { epsilon },
    keeps: () => ({ start: { shape: "parameters", initial: "params", mirror: "copy" } }),
    edits: [
      {
        on: { every },
        apply({ vector, kept, hyper }) {
          const start = kept("start");
          const params = add(start, mul(hyper("epsilon"), sub(vector, start)));
          return { params, keeps: { start: params } };
        },
      },
    ],
  };
}
