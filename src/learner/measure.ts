/** What a step measures of its rows for the memory, traced into its program: losses, features, gradients, active units. */
import type { ModelScope } from "../nn/layer.ts";
import type { Tensor } from "../program/graph.ts";
import { sizeOf } from "../program/shape.ts";
import { add, div, grad, less, mul, reshape, slice, sum, toF32 } from "../program/tensor.ts";
import type { MemorySpec } from "./remember.ts";

/** Looks on while a step is traced, and adds outputs to it. */
export interface Watch {
  readonly tap: NonNullable<ModelScope["tap"]>;
  /**
   * Adds `rowLoss` [rows], `features` or `gradient` [staging, d] of the rows that arrived, and `active`, the share of their rectified units that
   * are above 0, where they are asked for.
   */
  report(step: { readonly outputs: Tensor; readonly rowLoss: Tensor; readonly weight: Tensor; readonly staging: number }): void;
}

/** Returns what measures one step. */
export function watchStep({ scores, embeds, adaptive }: Pick<MemorySpec, "scores" | "embeds" | "adaptive">): Watch {
  let features: Tensor | undefined;
  const rectified: Tensor[] = [];
  return {
    tap(name, value) {
      if (name === "features") features = value;
      else rectified.push(value);
    },
    report({ outputs, rowLoss, weight, staging }) {
      const { graph } = outputs;
      if (scores) graph.outputs.set("rowLoss", rowLoss);
      if (embeds === "features") graph.outputs.set(embeds, arrived(features ?? outputs, weight, staging));
      if (embeds === "gradient") graph.outputs.set(embeds, arrived(grad(sum(rowLoss), [outputs])[0] as Tensor, weight, staging));
      if (adaptive.length === 0 || rectified.length === 0) return;
      const present = toF32(less(0, slice(weight, [0], [staging])));
      const rows = rectified.map((value) => arrived(toF32(less(0, value)), weight, staging));
      const units = rows.reduce((total, { shape }) => total + (shape[1] as number), 0);
      const counts = rows.map((row) => sum(mul(sum(row, 1), present))).reduce((a, b) => add(a, b));
      graph.outputs.set("active", div(counts, mul(sum(present), units)));
    },
  };
}

/** Returns the first rows, those of the stream, of what belongs to all of them, each as a vector. */
function arrived(value: Tensor, weight: Tensor, staging: number): Tensor {
  const rows = weight.shape[0] as number;
  const size = sizeOf(value.shape) / rows;
  return slice(reshape(value, [rows, size]), [0, 0], [staging, size]);
}
