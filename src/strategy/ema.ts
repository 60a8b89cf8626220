import { checkKeys, checkNumber } from "../errors.ts";
import { add, mul, sub } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link ema}. */
export interface EmaOptions {
  /** How much of the average stays at each step: 0 … 1. Default 0.99. */
  readonly decay?: number;
}

/**
 * Returns the temporal ensemble: an exponential moving average of the parameters, θ̄ ← m·θ̄ + (1 − m)·θ after every step, answers in place of those
 * that are trained, which it does not touch. It begins as a copy of the first parameters.
 * @throws E_CONFIG
 * @see Soutif-Cormerais et al. 2023, arXiv 2306.16817, "Improving online continual learning performance and stability with temporal ensembles"
 */
export function ema(options: EmaOptions = {}): Strategy {
  checkKeys("strategies.ema", options, ["decay"]);
  const decay = checkNumber("strategies.ema", "decay", options.decay ?? 0.99, { min: 0, max: 1 });
  return {
    name: "ema",
    config: { decay },
    hyper: { decay },
    keeps: () => ({ params: { shape: "parameters", initial: "params", mirror: "copy" } }),
    edits: [
      {
        order: 20,
        apply({ vector, kept, hyper }) {
          const before = kept("params");
          return { keeps: { params: add(before, mul(sub(1, hyper("decay")), sub(vector, before))) } };
        },
      },
    ],
    head: { params: "params" },
  };
}
