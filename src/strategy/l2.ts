import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { add, mul, square, sub, sum } from "../program/tensor.ts";
import { anchor } from "./anchor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link l2}. */
export interface L2Options {
  /** Weight of the penalty λ·Σ(θ − θ₀)². Default 1e-3. */
  readonly lambda?: number;
  /**
   * What parameters are drawn to: 0 (default); for `init`, those that training began with: regenerative regularisation; or, for `boundary`, those of
   * the last boundary, nothing before the first.
   */
  readonly towards?: "zero" | "init" | "boundary";
}

/**
 * Returns the penalty λ·Σ(θ − θ₀)² over all parameters, biases among them: towards 0; towards the first parameters, which keeps units that are not
 * used able to learn; or towards those of the last boundary, the plain counterpart of elastic weight consolidation.
 * @throws E_CONFIG
 * @see Kumar et al. 2023, arXiv 2308.11958, "Maintaining plasticity in continual learning via regenerative regularization"
 */
export function l2(options: L2Options = {}): Strategy {
  checkKeys("strategies.l2", options, ["lambda", "towards"]);
  const lambda = checkNumber("strategies.l2", "lambda", options.lambda ?? 1e-3, { min: 0 });
  const towards = checkChoice("strategies.l2", "towards", options.towards ?? "zero", ["zero", "init", "boundary"]);
  if (towards === "boundary")
    return {
      name: "l2",
      config: { lambda, towards },
      needs: { boundary: true },
      uses: [anchor],
      hyper: { lambda },
      keeps: () => ({ begun: { shape: [] } }),
      edits: [{ on: "boundary", apply: ({ kept }) => ({ keeps: { begun: add(mul(kept("begun"), 0), 1) } }) }],
      terms: ({ vector, kept, hyper }) => [
        { tag: "penalty", value: mul(mul(hyper("lambda"), kept("begun")), sum(square(sub(vector, kept("anchor/params"))))) },
      ],
    };
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
