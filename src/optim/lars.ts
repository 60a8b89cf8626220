import { checkChoice } from "../errors.ts";
import { exp } from "../natural.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, equal, less, minimum, mul, select, sub } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { numbersOf, type Optimizer, ranges, rule, settled } from "./optimizer.ts";

/** Options of {@link lars}. */
export interface LarsOptions {
  /** μ of the velocity. Default 0.9. */
  readonly momentum?: number;
  /** λ, added to the gradient as λ·w. Default 5e-4. */
  readonly weightDecay?: number;
  /** c: the step of a tensor against its norm. Default 1e-3. */
  readonly trust?: number;
  /** ε in the denominator of the ratio. Default 1e-8. */
  readonly eps?: number;
  /** Where η stands: in the velocity (`original`, default) or outside (`timm`, which adapts nothing where λ = 0). */
  readonly flavour?: "original" | "timm";
  /** Whether biases and gains take plain momentum without decay. Default true. */
  readonly skipVectors?: boolean;
  /** Keeps η·ratio below η. Default false. */
  readonly trustClip?: boolean;
}

/**
 * Returns momentum whose step is a share of each tensor's norm: ratio = c‖w‖/(‖g‖ + λ‖w‖ + ε), 1 where a norm is 0;
 * b ← μb + η·ratio·(g + λw); w ← w − b.
 * @throws E_CONFIG
 * @see You et al. 2017, arXiv 1708.03888
 */
export function lars(options: LarsOptions = {}): Optimizer {
  const where = "optim.lars";
  const table = {
    momentum: [0.9, ranges.decay],
    weightDecay: [5e-4, ranges.natural],
    trust: [1e-3, ranges.positive],
    eps: [1e-8, ranges.natural],
  } as const;
  const { values, hyper } = numbersOf(where, options, table, ["flavour", "skipVectors", "trustClip"]);
  const { skipVectors = true, trustClip = false } = options;
  const flavour = checkChoice(where, "flavour", options.flavour ?? "original", ["original", "timm"]);
  return rule({
    name: "lars",
    options: { ...values, flavour, skipVectors, trustClip },
    hyper,
    slots: { momentum: {} },
    scalars: (_, { learningRate, momentum, weightDecay, trust, eps }) => ({ learningRate, momentum, weightDecay, trust, eps }),
    rates: ["learningRate", "weightDecay"],
    update: ({ each }) =>
      resultOf(
        each(({ shape, params, grads, slots, scalars: s }) => {
          const plain = skipVectors && shape.length < 2;
          const d = plain ? grads : mul(ratioOf(params, grads, s), add(grads, mul(s.weightDecay, params)));
          if (flavour === "timm") {
            const momentum = settled(add(mul(s.momentum, slots.momentum), d));
            return { params: sub(params, mul(s.learningRate, momentum)), momentum };
          }
          const momentum = settled(add(mul(s.momentum, slots.momentum), mul(s.learningRate, d)));
          return { params: sub(params, momentum), momentum };
        }),
      ),
  });

  function ratioOf(params: Tensor, grads: Tensor, s: Readonly<Record<"learningRate" | "weightDecay" | "trust" | "eps", Tensor>>): Tensor {
    const [w, g] = [normOf(params), normOf(grads)];
    const raw = guarded(w, g, div(mul(s.trust, w), add(add(g, mul(s.weightDecay, w)), s.eps)));
    const kept = flavour === "timm" ? select(equal(s.weightDecay, 0), 1, raw) : raw;
    return trustClip ? minimum(div(kept, s.learningRate), 1) : kept;
  }
}

/** Options of {@link tvlars}. */
export interface TvlarsOptions {
  /** μ of the velocity. Default 0.9. */
  readonly momentum?: number;
  /** λ, added to the gradient as λ·w. Default 5e-4. */
  readonly weightDecay?: number;
  /** The step of a tensor against its norm. Default 1e-3. */
  readonly trust?: number;
  /** How steeply the warm-up factor falls. Default 1e-3. */
  readonly steepness?: number;
}

/**
 * Returns momentum whose step is a share of each tensor's norm that falls with time: q = c·φ·‖w‖/‖d‖, d = g + λw, both norms at most 10,
 * φ = 1/(0.1 + e^{s·k}); b ← μb + q·d; w ← w − ηb.
 * @throws E_CONFIG
 * @see Do et al. 2023, "Revisiting LARS for large batch training generalization"
 */
export function tvlars(options: TvlarsOptions = {}): Optimizer {
  const { values, hyper } = numbersOf("optim.tvlars", options, {
    momentum: [0.9, ranges.decay],
    weightDecay: [5e-4, ranges.natural],
    trust: [1e-3, ranges.positive],
    steepness: [1e-3, ranges.natural],
  });
  return rule({
    name: "tvlars",
    options: values,
    hyper,
    slots: { momentum: {} },
    scalars: (k, { learningRate, momentum, weightDecay, trust, steepness }) => ({
      learningRate,
      momentum,
      weightDecay,
      share: trust / (0.1 + exp(steepness * k)),
    }),
    rates: ["learningRate", "weightDecay"],
    update: ({ each }) =>
      resultOf(
        each(({ params, grads, slots, scalars: s }) => {
          const d = add(grads, mul(s.weightDecay, params));
          const [w, g] = [minimum(normOf(params), 10), minimum(normOf(d), 10)];
          const momentum = settled(add(mul(s.momentum, slots.momentum), mul(guarded(w, g, div(mul(s.share, w), g)), d)));
          return { params: sub(params, mul(s.learningRate, momentum)), momentum };
        }),
      ),
  });
}

/** Returns a ratio of norms, 1 where either is 0. */
export function guarded(w: Tensor, g: Tensor, ratio: Tensor): Tensor {
  return select(less(0, minimum(w, g)), ratio, 1);
}

function resultOf({ params, momentum }: { params: Tensor; momentum: Tensor }): { params: Tensor; slots: { momentum: Tensor } } {
  return { params, slots: { momentum } };
}
