import { checkKeys, checkNumber } from "../errors.ts";
import { add, mul, sub } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link weightInterpolation}. */
export interface WeightInterpolationOptions {
  /** How much of the average stays at each step: 0 … 1. Default 0.999. */
  readonly decay?: number;
}

/**
 * Returns momentum-based weight interpolation: an average of the parameters, θ̄ ← w·θ̄ + (1 − w)·θ after every step, answers in place of those that
 * are trained, and at a boundary these go on from it, with what the optimizer keeps at its beginning. The average begins with the first parameters,
 * such as those of a model trained before.
 * @throws E_CONFIG
 * @see Stojanovski et al. 2022, arXiv 2211.03186, "Momentum-based weight interpolation of strong zero-shot models for continual learning"
 */
export function weightInterpolation(options: WeightInterpolationOptions = {}): Strategy {
  checkKeys("strategies.weightInterpolation", options, ["decay"]);
  const decay = checkNumber("strategies.weightInterpolation", "decay", options.decay ?? 0.999, { min: 0, max: 1 });
  return {
    name: "weightInterpolation",
    config: { decay },
    needs: { boundary: true },
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
      // Behind those who look back on the task, before those who note where the next one begins.
      {
        on: "boundary",
        order: 50,
        apply: ({ graph, vector, kept }) => ({ params: kept("params"), restart: graph.constant(1, vector.shape, "u32") }),
      },
    ],
    head: { params: "params" },
  };
}
