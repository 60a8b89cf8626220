import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { add, div, maximum, mul, sqrt, square, sub, sum } from "../program/tensor.ts";
import { anchor } from "./anchor.ts";
import { measuring } from "./measuring.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link rankOneFisher}. */
export interface RankOneFisherOptions {
  /** Weight λ of the penalty ½λ·(uᵀ(θ − θ*))². Default 1. */
  readonly lambda?: number;
  /** Rows of the memory that are measured at a boundary. Default 200. */
  readonly rows?: number;
  /** Length of u: that of the mean gradient (`mean`, default), or the root of the Fisher information's trace, E‖g‖² (`trace`). */
  readonly scale?: "mean" | "trace";
}

/**
 * Returns the penalty of a Fisher information of rank one: where gradients of rows point one way, it is close to u·uᵀ with u = E g, the mean gradient
 * of the loss on rows of the memory at the last boundary. Moving across u costs nothing. How well it fits is the collinearity ‖E g‖²/E‖g‖², which
 * is kept as "collinearity". Reconstructed: the scale `trace`, and that the last boundary alone counts.
 * @throws E_CONFIG
 * @see Wang et al. 2025, arXiv 2509.23593, "Avoid catastrophic forgetting with rank-1 Fisher from diffusion models"
 */
export function rankOneFisher(options: RankOneFisherOptions = {}): Strategy {
  const where = "strategies.rankOneFisher";
  checkKeys(where, options, ["lambda", "rows", "scale"]);
  const lambda = checkNumber(where, "lambda", options.lambda ?? 1, { min: 0 });
  const rows = checkNumber(where, "rows", options.rows ?? 200, { min: 1, max: 2 ** 24, integer: true });
  const scale = checkChoice(where, "scale", options.scale ?? "mean", ["mean", "trace"]);
  return {
    name: "rankOneFisher",
    config: { lambda, rows, scale },
    needs: { boundary: true },
    needsMemory: true,
    draws: [{ draw: "uniform" }],
    uses: [anchor],
    hyper: { lambda },
    keeps: () => ({
      direction: { shape: "parameters", mirror: "zero" },
      collinearity: { shape: [] },
      sum: { shape: "parameters", mirror: "zero" },
      power: { shape: [] },
      count: { shape: [] },
    }),
    programs: {
      measure: {
        groups: [{ name: "row", size: 1 }],
        build({ forward, lossOf, labels, mean, gradientOf, kept }) {
          const gradient = gradientOf(mean(lossOf(forward({}).logits, labels), "row"));
          return {
            keeps: {
              sum: add(kept("sum"), gradient),
              power: add(kept("power"), sum(square(gradient))),
              count: add(kept("count"), 1),
            },
          };
        },
      },
      settle: {
        build({ kept }) {
          const count = maximum(kept("count"), 1);
          const direction = div(kept("sum"), count);
          const trace = div(kept("power"), count);
          const length = maximum(sum(square(direction)), 1e-30);
          return {
            keeps: {
              direction: scale === "mean" ? direction : mul(direction, sqrt(div(trace, length))),
              collinearity: div(sum(square(direction)), maximum(trace, 1e-30)),
              sum: mul(kept("sum"), 0),
              power: mul(kept("power"), 0),
              count: mul(kept("count"), 0),
            },
          };
        },
      },
    },
    phases: [measuring(rows)],
    terms({ vector, kept, hyper }) {
      const along = sum(mul(kept("direction"), sub(vector, kept("anchor/params"))));
      return [{ tag: "penalty", value: mul(mul(0.5, hyper("lambda")), square(along)) }];
    },
  };
}
