import { checkKeys, checkNumber } from "../errors.ts";
import { add, div, maximum, mul, square, sub, sum } from "../program/tensor.ts";
import { anchor } from "./anchor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link si}. */
export interface SiOptions {
  /** Weight c of the penalty c·ΣΩ(θ − θ*)². Default 0.1. */
  readonly c?: number;
  /** What keeps the division by the way gone bounded. Default 0.1. */
  readonly xi?: number;
}

/**
 * Returns synaptic intelligence: each parameter's share in the fall of the loss is gathered along the way, ω −= g·Δθ, with the gradient of the task
 * alone and the step as it was really made; at a boundary Ω += max(0, ω)/(Δ² + ξ). The clamp is ours: where the sum is negative, Ω would push away.
 * @throws E_CONFIG
 * @see Zenke et al. 2017, arXiv 1703.04200, "Continual learning through synaptic intelligence", equations 3 to 5
 */
export function si(options: SiOptions = {}): Strategy {
  checkKeys("strategies.si", options, ["c", "xi"]);
  const c = checkNumber("strategies.si", "c", options.c ?? 0.1, { min: 0 });
  const xi = checkNumber("strategies.si", "xi", options.xi ?? 0.1, { min: 0, open: "min" });
  return {
    name: "si",
    config: { c, xi },
    needs: { boundary: true },
    uses: [anchor],
    hyper: { c, xi },
    keeps: () => ({
      path: { shape: "parameters", mirror: "zero" },
      importance: { shape: "parameters", mirror: "zero" },
      gradient: { shape: "parameters", lasts: false },
      before: { shape: "parameters", lasts: false },
    }),
    gathers: ({ taskGradient, vector }) => ({ gradient: taskGradient(), before: vector }),
    edits: [
      { apply: ({ vector, kept }) => ({ keeps: { path: sub(kept("path"), mul(kept("gradient"), sub(vector, kept("before")))) } }) },
      {
        on: "boundary",
        apply({ vector, kept, hyper }) {
          const gained = div(maximum(kept("path"), 0), add(square(sub(vector, kept("anchor/params"))), hyper("xi")));
          return { keeps: { importance: add(kept("importance"), gained), path: mul(kept("path"), 0) } };
        },
      },
    ],
    terms: ({ vector, kept, hyper }) => [
      { tag: "penalty", value: mul(hyper("c"), sum(mul(kept("importance"), square(sub(vector, kept("anchor/params")))))) },
    ],
  };
}
