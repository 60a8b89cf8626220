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
  const [order, sorted] = [orderOf(weights), orderOf(targets)];
  const placed = new Float32Array(order.length);
  for (let rank = 0; rank < order.length; rank++) placed[order[rank] as number] = targets[sorted[rank] as number] as number;
  return placed;
}

/** Returns the places of f32 numbers from the smallest to the largest, by three passes over the digits of their bits. */
function orderOf(values: ArrayLike<number>): Uint32Array {
  // With the sign turned over, and of negative numbers all bits, whole numbers stand in the order of what they are the bits of.
  const keys = new Uint32Array(Float32Array.from(values).buffer).map((bits) => (bits >>> 31 === 1 ? ~bits : bits ^ 0x80000000));
  let order = new Uint32Array(keys.length).map((_, i) => i);
  for (const shift of [0, 11, 22]) {
    const starts = new Uint32Array(2049);
    for (let i = 0; i < keys.length; i++) {
      const digit = ((keys[i] as number) >>> shift) & 2047;
      starts[digit + 1] = (starts[digit + 1] as number) + 1;
    }
    for (let digit = 0; digit < 2048; digit++) starts[digit + 1] = (starts[digit + 1] as number) + (starts[digit] as number);
    const next = new Uint32Array(order.length);
    for (let rank = 0; rank < order.length; rank++) {
      const i = order[rank] as number;
      const digit = ((keys[i] as number) >>> shift) & 2047;
      const place = starts[digit] as number;
      next[place] = i;
      starts[digit] = place + 1;
    }
    order = next;
  }
  return order;
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
