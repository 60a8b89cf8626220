import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { abs, add, detach, div, maximum, mean, mul, pack, reshape, slice, sqrt, square, sub, sum } from "../program/tensor.ts";
import { type Matrix, sortedBy } from "./matrices.ts";
import type { StepContext, Strategy } from "./strategy.ts";

/** Options of {@link spectral}. */
export interface SpectralOptions {
  /** Weight λ of the penalty. Default 1e-4. */
  readonly lambda?: number;
  /** The exponent k, whole. Default 2. */
  readonly power?: number;
  /** Whether biases, and scales and offsets of layers that normalise, take part. Default true. */
  readonly vectors?: boolean;
  /** Regular expressions of paths that take no part. Default none. */
  readonly except?: readonly string[];
}

/**
 * Returns spectral regularisation: λ·Σ[(σ(W)^k − 1)² + ‖b‖^2k], σ the largest singular value of a weight as a matrix (a convolution's: one column for
 * each channel), which keeps what every layer passes on, and so its gradients, from growing or dying out. σ is estimated from below as uᵀWv by one
 * step of power iteration in each step, whose u is kept; the gradient goes through W alone: 2(σ^k − 1)·k·σ^(k−1)·uvᵀ. Reconstructed: of layers that
 * normalise, the mean of (|γ|^k − 1)² and ‖β‖^2k; all weights alike.
 * @throws E_CONFIG
 * @see Lewandowski et al. 2024, arXiv 2406.06811, "Learning continually by spectral regularization"
 */
export function spectral(options: SpectralOptions = {}): Strategy {
  const where = "strategies.spectral";
  checkKeys(where, options, ["lambda", "power", "vectors", "except"]);
  const lambda = checkNumber(where, "lambda", options.lambda ?? 1e-4, { min: 0 });
  const power = checkNumber(where, "power", options.power ?? 2, { min: 1, max: 8, integer: true });
  const { vectors = true, except = [] } = options;
  const sort = sortedBy(where, except);
  const raised = (x: Tensor): Tensor => Array.from({ length: power - 1 }).reduce<Tensor>((product) => mul(product, x), x);
  return {
    name: "spectral",
    config: { lambda, power, vectors, except },
    hyper: { lambda },
    keeps: ({ shapes }) => ({
      u: {
        shape: [
          Math.max(
            1,
            sort(shapes).matrices.reduce((n, { rows }) => n + rows, 0),
          ),
        ],
        initial: 1,
      },
    }),
    gathers(context) {
      const { matrices } = sort(context.facts.shapes);
      return matrices.length === 0 ? {} : { u: pack(iterated(context, matrices).map(({ u }) => u)) };
    },
    terms(context) {
      const { facts, params, hyper, graph } = context;
      const { matrices, norms, biases } = sort(facts.shapes);
      const of = (path: string): Tensor => params.get(path) as Tensor;
      const sizes = [
        ...iterated(context, matrices).map(({ value }) => square(sub(raised(value), 1))),
        ...(vectors ? norms.map(({ scale }) => mean(square(sub(raised(abs(of(scale))), 1)))) : []),
        ...(vectors ? [...biases, ...norms.flatMap(({ offset }) => offset ?? [])].map((path) => raised(sum(square(of(path))))) : []),
      ];
      const total = sizes.reduce((a, b) => add(a, b), graph.constant(0, [], "f32"));
      return [{ tag: "penalty", value: mul(hyper("lambda"), total) }];
    },
  };
}

/** Returns the next u [rows] and the largest singular value of each matrix, through which a gradient flows to it alone. */
function iterated({ params, kept }: StepContext, matrices: readonly Matrix[]): { u: Tensor; value: Tensor }[] {
  let first = 0;
  return matrices.map(({ path, rows, columns }) => {
    const matrix = reshape(params.get(path) as Tensor, [rows, columns]);
    const still = detach(matrix);
    const before = reshape(slice(kept("u"), [first], [rows]), [rows, 1]);
    first += rows;
    const v = unit(sum(mul(still, before), 0));
    const u = unit(sum(mul(still, v), 1));
    return { u, value: sum(mul(matrix, mul(reshape(u, [rows, 1]), v))) };
  });
}

/** Returns a vector at length 1; 0 stays. */
const unit = (x: Tensor): Tensor => div(x, maximum(sqrt(sum(square(x))), 1e-30));
