import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { mul, square, sub, sum } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link l2}. */
export interface L2Options {
  /** Weight of the penalty λ·Σ(θ − θ₀)². Default 1e-3. */
  readonly lambda?: number;
  /** What parameters are drawn to: 0 (default), or, for `init`, those that training began with: regenerative regularisation. */
  readonly towards?: "zero" | "init";
}

/**
 * Returns the penalty λ·Σ(θ − θ₀)² over all parameters, biases among them: towards 0, or towards the first parameters, which keeps units that are not
 * used able to learn.
 * @throws E_CONFIG
 * @see Kumar et al. 2023, arXiv 2308.11958, "Maintaining plasticity in continual learning via regenerative regularization"
 */
export function l2(options: L2Options = {}): Strategy {
  checkKeys("strategies.l2", options, ["lambda", "towards"]);
  const lambda = checkNumber("strategies.l2", "lambda", options.lambda ?? 1e-3, { min: 0 });
  const towards = checkChoice("strategies.l2", "towards", options.towards ?? "zero", ["zero", "init"]);
  return {
    name: "l2",
    config: { lambda, towards },
    hyper: { lambda },
    ...(towards === "init" && { keeps: () => ({ init: { shape: "parameters", initial: "params" } }) as const }),
    terms: ({ vector, kept, hyper }) => [
      { tag: "penalty", value: mul(hyper("lambda"), sum(square(towards === "init" ? sub(vector, kept("init")) : vector))) },
    ],
  };
}
