import type { Tensor } from "../program/graph.ts";
import { add, concat, div, equal, less, matmul, mul, pack, reshape, select, slice, sub, sum, transpose } from "../program/tensor.ts";
import { normOf } from "./clip.ts";
import { polar } from "./muon.ts";
import { numbersOf, type Optimizer, ranges, rule } from "./optimizer.ts";

/** Options of {@link saddleFreeNewton}. */
export interface SaddleFreeNewtonOptions {
  /** k: directions in which curvature is looked at; each costs a product with the Hessian, about two gradients. Default 8. */
  readonly vectors?: number;
  /** λ, added to the size of each curvature. Default 0.01. */
  readonly damping?: number;
}

/**
 * Returns Newton's method that leaves saddles: w ← w − η·V(|T| + λ)⁻¹Vᵀg. V are k orthonormal directions of the gradient and of what the Hessian
 * makes of it (Lanczos), T = VᵀHV, and |T| is T with all its eigenvalues positive; those below a thousandth of its norm count as less than they
 * are. Leave the learning rate near 1.
 * @throws E_CONFIG; E_UNSUPPORTED while tracing where an operation of the model has no second derivative
 * @see Dauphin et al. 2014, arXiv 1406.2572
 */
export function saddleFreeNewton(options: SaddleFreeNewtonOptions = {}): Optimizer {
  const table = { vectors: [8, { min: 1, max: 64, integer: true }], damping: [0.01, ranges.positive] } as const;
  const { values, hyper } = numbersOf("optim.saddleFreeNewton", options, table);
  return rule({
    name: "saddleFreeNewton",
    options: values,
    hyper: { damping: hyper.damping },
    scalars: (_, { learningRate, damping }) => ({ learningRate, damping }),
    rates: ["learningRate"],
    update({ params, grads, hessian, scalars: { learningRate, damping } }) {
      const size = grads.shape[0] as number;
      const { basis, products } = krylov(grads, hessian, Math.min(values.vectors, size));
      const [v, w] = [basis, products].map((list) => reshape(pack(list), [list.length, size])) as [Tensor, Tensor];
      const t = symmetric(matmul(v, transpose(w)));
      const along = matmul(v, reshape(grads, [size, 1]));
      const system = add(symmetric(matmul(t, polar(t, SIGN))), mul(damping, identity(t)));
      const direction = reshape(matmul(transpose(v), solve(system, along)), [size]);
      return { params: sub(params, mul(learningRate, direction)), slots: {} };
    },
  });
}

/**
 * Odd quintics that one after another bring [1e-3, 1] nearest to 1, least in their largest distance from it, and a last one that lands there:
 * together within 1e-8.
 */
const SIGN = [
  [8.4703, -25.1081, 18.6293],
  [4.1832, -3.1091, 0.5807],
  [3.9623, -2.9537, 0.5627],
  [3.2912, -2.4691, 0.5082],
  [2.2767, -1.6464, 0.4159],
  [1.889, -1.2654, 0.3765],
  [1.875, -1.25, 0.375],
] as const;

/** What is left of a product beside earlier directions that is smaller than this share of it is rounding, and no direction. */
const ROUNDING = 1e-4;

/** Returns orthonormal directions, 0 once there are no more, and the Hessian's products with them. */
function krylov(grads: Tensor, hessian: (along: Tensor) => Tensor, count: number): { basis: Tensor[]; products: Tensor[] } {
  const unit = (a: Tensor, least: Tensor | number): Tensor => {
    const norm = normOf(a);
    return mul(a, select(less(least, norm), div(1, norm), 0));
  };
  const basis = [unit(grads, 0)];
  const products: Tensor[] = [];
  for (;;) {
    const product = hessian(basis.at(-1) as Tensor);
    products.push(product);
    if (products.length === count) return { basis, products };
    // Twice is enough: once leaves what rounding makes of a long product.
    const rest = [0, 1].reduce((left) => basis.map((v) => mul(v, sum(mul(v, left)))).reduce(sub, left), product);
    basis.push(unit(rest, mul(normOf(product), ROUNDING)));
  }
}

function symmetric(a: Tensor): Tensor {
  return mul(add(a, transpose(a)), 0.5);
}

function identity({ graph, shape }: Tensor): Tensor {
  const places = graph.iota(shape[0] as number);
  return select(equal(reshape(places, [shape[0] as number, 1]), places), 1, graph.constant(0, shape, "f32"));
}

/** Returns x of ax = b for a positive definite matrix a [n, n] and b [n, 1], by Gauss and Jordan; no pivot of such a matrix is small. */
function solve(a: Tensor, b: Tensor): Tensor {
  const n = a.shape[0] as number;
  const rows = reshape(a.graph.iota(n), [n, 1]);
  let system = concat([a, b], 1);
  for (let pivot = 0; pivot < n; pivot++) {
    const row = div(slice(system, [pivot, 0], [1, n + 1]), slice(system, [pivot, pivot], [1, 1]));
    const rest = sub(system, mul(slice(system, [0, pivot], [n, 1]), row));
    system = select(equal(rows, pivot), row, rest);
  }
  return slice(system, [0, n], [n, 1]);
}
