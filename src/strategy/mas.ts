import { checkKeys, checkNumber } from "../errors.ts";
import { MASKED } from "../nn/losses.ts";
import { abs, add, div, less, maximum, mul, select, square, sub, sum } from "../program/tensor.ts";
import { anchor } from "./anchor.ts";
import { measuring } from "./measuring.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link mas}. */
export interface MasOptions {
  /** Weight λ of the penalty λ·ΣI(θ − θ*)². Default 1. */
  readonly lambda?: number;
  /** How much of the importance of former tasks stays at a boundary: 0 … 1. Default 0.5. */
  readonly alpha?: number;
  /** Rows of the memory that are measured at a boundary. Default 200. */
  readonly rows?: number;
}

/**
 * Returns memory aware synapses: parameters are held to what they were at the last boundary by how much the outputs f depend on each, the mean over
 * rows of |∂‖f(x)‖²/∂θ|, row by row, for which no labels are needed. At a boundary I ← α·I + (1 − α)·new, the first one's taken whole.
 * @throws E_CONFIG
 * @see Aljundi et al. 2018, arXiv 1711.09601, "Memory aware synapses: learning what (not) to forget", equations 2 to 4; the merge is Avalanche's
 */
export function mas(options: MasOptions = {}): Strategy {
  const where = "strategies.mas";
  checkKeys(where, options, ["lambda", "alpha", "rows"]);
  const lambda = checkNumber(where, "lambda", options.lambda ?? 1, { min: 0 });
  const alpha = checkNumber(where, "alpha", options.alpha ?? 0.5, { min: 0, max: 1 });
  const rows = checkNumber(where, "rows", options.rows ?? 200, { min: 1, max: 2 ** 24, integer: true });
  return {
    name: "mas",
    config: { lambda, alpha, rows },
    needs: { boundary: true },
    needsMemory: true,
    draws: [{ draw: "uniform" }],
    uses: [anchor],
    hyper: { lambda, alpha },
    keeps: () => ({
      importance: { shape: "parameters", mirror: "zero" },
      begun: { shape: [] },
      fresh: { shape: "parameters", mirror: "zero" },
      count: { shape: [] },
    }),
    programs: {
      measure: {
        groups: [{ name: "row", size: 1 }],
        build({ forward, gradientOf, kept }) {
          const { logits } = forward({});
          const told = select(less(logits, MASKED / 2), 0, logits);
          return { keeps: { fresh: add(kept("fresh"), abs(gradientOf(sum(square(told))))), count: add(kept("count"), 1) } };
        },
      },
      settle: {
        build({ kept, hyper }) {
          const measured = div(kept("fresh"), maximum(kept("count"), 1));
          const stays = mul(hyper("alpha"), kept("begun"));
          return {
            keeps: {
              importance: add(mul(stays, kept("importance")), mul(sub(1, stays), measured)),
              begun: add(mul(kept("begun"), 0), 1),
              fresh: mul(kept("fresh"), 0),
              count: mul(kept("count"), 0),
            },
          };
        },
      },
    },
    phases: [measuring(rows)],
    terms: ({ vector, kept, hyper }) => [
      { tag: "penalty", value: mul(hyper("lambda"), sum(mul(kept("importance"), square(sub(vector, kept("anchor/params")))))) },
    ],
  };
}
