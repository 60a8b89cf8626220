import { checkKeys } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { sizeOf } from "../program/shape.ts";
import { add, div, less, maximum, mul, pack, reshape, select, slice, sqrt, square, sum } from "../program/tensor.ts";
import type { ModelFacts } from "./host.ts";
import { sortedBy } from "./matrices.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link normalizeProject}. */
export interface NormalizeProjectOptions {
  /** Whether scale and offset of layers that normalise are rescaled too, both together. Default false. */
  readonly norms?: boolean;
  /** Regular expressions of paths that are left alone, such as a last layer without a norm behind it. Default none. */
  readonly except?: readonly string[];
}

/**
 * Returns normalize and project: after each step every weight matrix is brought back to the Frobenius norm that it began with, W ← ρW/‖W‖, so that
 * the learning rate does as much late as early. Nothing that the network answers changes by it where a layer norm follows the weight, as one should
 * follow each but the last: `nn.layerNorm` between every linear layer and its activation, which is not checked. Biases are left alone. A matrix of
 * zeros stays free.
 * @throws E_CONFIG
 * @see Lyle et al. 2024, arXiv 2407.01800, "Normalization and effective learning rates in reinforcement learning", section 4
 */
export function normalizeProject(options: NormalizeProjectOptions = {}): Strategy {
  const where = "strategies.normalizeProject";
  checkKeys(where, options, ["norms", "except"]);
  const { norms: joint = false, except = [] } = options;
  const sort = sortedBy(where, except);
  /** Returns paths of what has a norm in common, and how many numbers that is. */
  const setsOf = ({ shapes }: ModelFacts): { paths: string[]; count: number }[] => {
    const { matrices, norms } = sort(shapes);
    return [
      ...matrices.map(({ path }) => [path]),
      ...(joint ? norms.map(({ scale, offset }) => (offset === undefined ? [scale] : [scale, offset])) : []),
    ].map((paths) => ({ paths, count: paths.reduce((n, path) => n + sizeOf(shapes.get(path) ?? []), 0) }));
  };
  /** Returns the root mean square [1] of parameters: of a tensor that has grown, it says what its norm is to be. */
  const sizeIn = (parts: ReadonlyMap<string, Tensor>, { paths, count }: { paths: string[]; count: number }): Tensor => {
    const squares = paths.map((path) => sum(square(parts.get(path) as Tensor))).reduce((a, b) => add(a, b));
    return reshape(sqrt(mul(squares, 1 / count)), [1]);
  };
  return {
    name: "normalizeProject",
    config: { norms: joint, except },
    keeps: (facts) => ({ size: { shape: [Math.max(1, setsOf(facts).length)], initial: -1 } }),
    gathers({ facts, params, kept }) {
      const sets = setsOf(facts);
      if (sets.length === 0) return {};
      const before = kept("size");
      return { size: select(less(before, 0), pack(sets.map((set) => sizeIn(params, set))), before) };
    },
    edits: [
      {
        order: 10,
        apply({ facts, vector, parts, joined, kept }) {
          const own = parts(vector);
          const scaled = setsOf(facts).flatMap((set, i): [string, Tensor][] => {
            const [now, wanted] = [sizeIn(own, set), slice(kept("size"), [i], [1])];
            const factor = select(less(0, mul(now, wanted)), div(wanted, maximum(now, 1e-30)), 1);
            return set.paths.map((path) => [path, mul(own.get(path) as Tensor, factor)]);
          });
          return { params: joined(new Map(scaled)) };
        },
      },
    ],
  };
}
