import { checkKeys, checkNumber } from "../errors.ts";
import { div, less, maximum, mul, select, sub, sum } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link agem}. */
export interface AgemOptions {
  /** Rows drawn from memory in each step, whose mean gradient the step may not go against. Default 256. */
  readonly batchSize?: number;
}

/**
 * Returns averaged gradient episodic memory: where the gradient g goes against that of drawn rows r, g·r < 0, what goes against is taken out,
 * g − (g·r)/(r·r)·r. All parameters are one vector. The promise holds for plain SGD: momentum or Adam after it may break it.
 * @throws E_CONFIG
 * @see Chaudhry et al. 2019, arXiv 1812.00420, "Efficient lifelong learning with A-GEM", equation 11
 */
export function agem(options: AgemOptions = {}): Strategy {
  checkKeys("strategies.agem", options, ["batchSize"]);
  const size = checkNumber("strategies.agem", "batchSize", options.batchSize ?? 256, { min: 1, max: 2 ** 20, integer: true });
  return {
    name: "agem",
    config: { batchSize: size },
    needsMemory: true,
    draws: [{ draw: "uniform" }],
    draw: { groups: [{ name: "agem", size, apart: true }], select: ({ memory }) => ({ agem: memory?.draw(size) ?? { slots: [] } }) },
    owns: ["agem"],
    grad({ apart, gradientOf }, gradient) {
      const { mean, rowLoss } = apart("agem");
      const reference = gradientOf(mean(rowLoss, "agem"));
      const dot = sum(mul(gradient, reference));
      const norm = maximum(sum(mul(reference, reference)), 1e-30);
      return select(less(dot, 0), sub(gradient, mul(div(dot, norm), reference)), gradient);
    },
  };
}
