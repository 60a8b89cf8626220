import { checkKeys, checkNumber } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import { add, mean, mul, square, sub } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link wasserstein}. */
export interface WassersteinOptions {
  /** Weight λ of the penalty. Default 1e-2. */
  readonly lambda?: number;
  /** Steps between two assignments of first numbers to parameters by rank. Default 10. */
  readonly every?: number;
}

/** Returns the numbers of `targets` in the order of `weights`: the smallest where the smallest is; of equal weights the first comes first. */
export function byRank(weights: ArrayLike<number>, targets: ArrayLike<number>): Float32Array {
  const sorted = Float32Array.from(targets).sort();
  const order = Uint32Array.from(sorted, (_, i) => i).sort((a, b) => (weights[a] as number) - (weights[b] as number) || a - b);
  const placed = new Float32Array(sorted.length);
  for (const [rank, i] of order.entries()) placed[i] = sorted[rank] as number;
  return placed;
}

/**
 * Returns Wasserstein regularisation: the numbers of each tensor keep the distribution that they began with, not their places,
 * λ·Σ (1/n)·Σ(w₍ᵢ₎ − w⁰₍ᵢ₎)² over its n sorted numbers. Partners of one rank are found on the host every `every` steps and stay such until then; for
 * that, all parameters are read. Reconstructed: the mean over each tensor, where other texts sum.
 * @throws E_CONFIG
 * @see Lewandowski et al. 2023, arXiv 2312.00246, "Directions of curvature as an explanation for loss of plasticity"
 */
export function wasserstein(options: WassersteinOptions = {}): Strategy {
  const where = "strategies.wasserstein";
  checkKeys(where, options, ["lambda", "every"]);
  const lambda = checkNumber(where, "lambda", options.lambda ?? 1e-2, { min: 0 });
  const every = checkNumber(where, "every", options.every ?? 10, { min: 1, max: 2 ** 31, integer: true });
  return {
    name: "wasserstein",
    config: { lambda, every },
    hyper: { lambda },
    keeps: () => ({ targets: { shape: "parameters", initial: "params" } }),
    programs: {
      read: { build: ({ vector, kept }) => ({ outputs: { weights: vector, targets: kept("targets") } }) },
      assign: { numbers: { targets: ["parameters"] }, build: ({ given }) => ({ keeps: { targets: given("targets") } }) },
    },
    phases: [
      {
        on: { every },
        async next({ run, tensors }) {
          const { weights, targets } = (await run("read")) as Record<"weights" | "targets", Float32Array>;
          const placed = targets.slice();
          for (const { offset, shape } of tensors) {
            const [from, to] = [offset, offset + sizeOf(shape)];
            placed.set(byRank(weights.subarray(from, to), targets.subarray(from, to)), from);
          }
          await run("assign", { numbers: { targets: placed } });
          return undefined;
        },
      },
    ],
    terms({ params, parts, kept, hyper }) {
      const targets = parts(kept("targets"));
      const apart = [...params].map(([path, value]) => mean(square(sub(value, targets.get(path) as typeof value))));
      return [
        {
          tag: "penalty",
          value: mul(
            hyper("lambda"),
            apart.reduce((a, b) => add(a, b)),
          ),
        },
      ];
    },
  };
}
