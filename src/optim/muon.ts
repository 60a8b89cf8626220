import type { Tensor } from "../program/graph.ts";
import { add, div, matmul, mul, reshape, sqrt, sub, transpose } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { blend, integerPower, numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";
import { matrixOf, patternsOf, type SlotSpec } from "./places.ts";

/** Options of {@link muon}. */
export interface MuonOptions {
  /** Decay of the mean of gradients. Default 0.95. */
  readonly momentum?: number;
  /** λ, decoupled: w shrinks by 1 − ηλ. Default 0. */
  readonly weightDecay?: number;
  /** Looks ahead along the mean. Default true. */
  readonly nesterov?: boolean;
  /** Steps of the Newton–Schulz iteration. Default 5. */
  readonly iterations?: number;
  /** Regular expressions of paths of matrices that take AdamW's step as vectors do, such as embeddings and the head. Default none. */
  readonly exclude?: readonly string[];
  /** AdamW's rate against that of matrices. Default 0.015: 3e-4 beside 0.02. */
  readonly vectorRate?: number;
  /** Decay of AdamW's mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of AdamW's mean of squared gradients. Default 0.95. */
  readonly beta2?: number;
  /** ε of AdamW. Default 1e-10. */
  readonly eps?: number;
}

/**
 * Returns steps of matrices that are nearly orthogonal: m ← μm + (1−μ)g; w ← w(1−ηλ) − η√max(1, out/in)·O, O the Newton–Schulz iterate of m or,
 * ahead of it, μm + (1−μ)g. Vectors take AdamW's step. A kernel of a convolution is the matrix [inputs, outputs].
 * @throws E_CONFIG
 * @see Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
 */
export function muon(options: MuonOptions = {}): Optimizer {
  const where = "optim.muon";
  const table = {
    momentum: [0.95, ranges.decay],
    weightDecay: [0, ranges.natural],
    iterations: [5, { min: 1, max: 20, integer: true }],
    vectorRate: [0.015, ranges.natural],
    beta1: [0.9, ranges.decay],
    beta2: [0.95, ranges.decay],
    eps: [1e-10, ranges.positive],
  } as const;
  const { values, hyper: all } = numbersOf(where, options, table, ["nesterov", "exclude"]);
  const { iterations: _, ...hyper } = all;
  const { nesterov = true, exclude = [] } = options;
  const excluded = patternsOf(where, "exclude", exclude);
  const isVector: NonNullable<SlotSpec["holds"]> = ({ path, shape }) => shape.length < 2 || excluded.some((pattern) => pattern.test(path));
  return rule({
    name: "muon",
    options: { ...values, nesterov, exclude },
    hyper,
    slots: { m: {}, v: { holds: isVector } },
    scalars: (k, { learningRate, momentum, weightDecay, vectorRate, beta1, beta2, eps }) => ({
      learningRate,
      decay: 1 - learningRate * weightDecay,
      momentum,
      oneMinusMomentum: 1 - momentum,
      rate: (learningRate * vectorRate) / (1 - integerPower(beta1, k)),
      vectorDecay: 1 - learningRate * vectorRate * weightDecay,
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      rootCorrection: 1 / Math.sqrt(1 - integerPower(beta2, k)),
      eps,
    }),
    rates: ["learningRate", "decay", "rate", "vectorDecay"],
    update({ each }) {
      const { params, m, v } = each((tensor) => {
        const { shape, params, grads, slots, scalars: s } = tensor;
        if (isVector(tensor)) {
          const m = blend(s.beta1, slots.m, s.oneMinusBeta1, grads);
          const v = blend(s.beta2, slots.v, s.oneMinusBeta2, mul(grads, grads));
          const step = div(mul(s.rate, m), add(mul(sqrt(v), s.rootCorrection), s.eps));
          return { params: sub(mul(params, s.vectorDecay), step), m, v };
        }
        const [inputs, outputs] = matrixOf(shape);
        const m = blend(s.momentum, slots.m, s.oneMinusMomentum, grads);
        const ahead = nesterov ? add(mul(s.momentum, m), mul(s.oneMinusMomentum, grads)) : m;
        const direction = reshape(orthogonal(reshape(ahead, [inputs, outputs]), values.iterations), shape);
        const rate = mul(s.learningRate, Math.sqrt(Math.max(1, outputs / inputs)));
        return { params: sub(mul(params, s.decay), mul(rate, direction)), m, v: slots.v };
      });
      return { params, slots: { m, v } };
    },
  });
}

/** Coefficients that bring singular values between about 0.5 and 1.2 the fastest, whatever they are. */
const QUICK = [3.4445, -4.775, 2.0315] as const;

/** Returns a matrix with singular values near 1 and the singular vectors of `a`. */
export function orthogonal(a: Tensor, iterations = 5): Tensor {
  return polar(a, new Array<typeof QUICK>(iterations).fill(QUICK));
}

/** Returns a matrix with the singular vectors of `a` and values p(…p(σ/‖a‖)): X ← aX + (bA + cA²)X, A = XXᵀ, for each (a, b, c) in turn. */
export function polar(a: Tensor, polynomials: readonly (readonly [number, number, number])[]): Tensor {
  const [rows, columns] = a.shape as [number, number];
  if (rows > columns) return transpose(polar(transpose(a), polynomials));
  let x = div(a, add(normOf(a), 1e-7));
  for (const [first, third, fifth] of polynomials) {
    const gram = matmul(x, transpose(x));
    x = add(mul(x, first), matmul(add(mul(gram, third), mul(matmul(gram, gram), fifth)), x));
  }
  return x;
}
