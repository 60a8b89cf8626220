import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { add, mul } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link shrinkPerturb}. */
export interface ShrinkPerturbOptions {
  /** How much p of the parameters stays. Default 0.8. */
  readonly shrink?: number;
  /** How much s of fresh first parameters is added. Default 0.01. */
  readonly perturb?: number;
  /** When: at an event, or after each of so many steps, for which `shrink` is to be close to 1. Default "boundary". */
  readonly on?: "boundary" | "drift" | { readonly every: number };
  /** Whether what the optimizer keeps begins again or stays. Default: it begins again at events, and stays in steps. */
  readonly moments?: "reset" | "keep";
}

/**
 * Returns shrink and perturb: θ ← p·θ + s·ε with ε drawn as a model's first parameters are, anew each time, which lets a trained network learn on as
 * a fresh one would. What strategies keep of parameters, such as anchors, stays. Reconstructed: the defaults of both factors.
 * @throws E_CONFIG
 * @see Ash and Adams 2020, arXiv 1910.08475, "On warm-starting neural network training", section 4
 */
export function shrinkPerturb(options: ShrinkPerturbOptions = {}): Strategy {
  const where = "strategies.shrinkPerturb";
  checkKeys(where, options, ["shrink", "perturb", "on", "moments"]);
  const shrink = checkNumber(where, "shrink", options.shrink ?? 0.8, { min: 0, max: 1 });
  const perturb = checkNumber(where, "perturb", options.perturb ?? 0.01, { min: 0 });
  const on = checkWhen(where, options.on ?? "boundary");
  const moments = checkChoice(where, "moments", options.moments ?? (typeof on === "string" ? "reset" : "keep"), ["reset", "keep"]);
  return {
    name: "shrinkPerturb",
    config: { shrink, perturb, on, moments },
    ...(on === "boundary" && { needs: { boundary: true } }),
    hyper: { shrink, perturb },
    programs: {
      perturb: {
        numbers: { fresh: ["parameters"] },
        build: ({ graph, vector, given, hyper }) => ({
          params: add(mul(hyper("shrink"), vector), mul(hyper("perturb"), given("fresh"))),
          ...(moments === "reset" && { restart: graph.constant(1, vector.shape, "u32") }),
        }),
      },
    },
    phases: [
      {
        on,
        async next({ run, fresh, boundaries }) {
          await run("perturb", { numbers: { fresh: fresh(`fresh/${boundaries}`) } });
          return undefined;
        },
      },
    ],
  };
}

function checkWhen(where: string, on: NonNullable<ShrinkPerturbOptions["on"]>): typeof on {
  if (typeof on !== "object" || on === null) return checkChoice<"boundary" | "drift">(where, "on", on, ["boundary", "drift"]);
  checkKeys(`${where}: on`, on, ["every"]);
  return { every: checkNumber(`${where}: on`, "every", on.every, { min: 1, max: 2 ** 31, integer: true }) };
}
