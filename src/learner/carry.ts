/** What rows of the stream carry from batch to batch, as a step reads and writes it. */
import type { ModelScope } from "../nn/layer.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import { less, pad, reshape, select, slice } from "../program/tensor.ts";
import { leafOf, type Range } from "../state/arena.ts";
import type { StateLayout } from "./ranges.ts";

/** Returns what the first of `rows` rows carry, those of the stream; rows behind them begin at 0. */
export function carriedRows(graph: Graph, layout: StateLayout, path: string, rows: number): Tensor {
  return fitRows(leafOf(graph, layout.carried.get(path) as Range), rows);
}

/** Returns how layers find what the rows of a step carry, and hand it on. A place without a row keeps what it has. */
export function carryRows(
  graph: Graph,
  layout: StateLayout,
  weight: Tensor,
  assign: (target: Tensor, value: Tensor) => void,
): Required<Pick<ModelScope, "carried" | "carry">> {
  const { staging } = layout;
  return {
    carried: (path) => carriedRows(graph, layout, path, weight.shape[0] as number),
    carry(path, value) {
      const before = carriedRows(graph, layout, path, staging);
      const present = reshape(less(0, slice(weight, [0], [staging])), [staging, ...value.shape.slice(1).map(() => 1)]);
      assign(before, select(present, fitRows(value, staging), before));
    },
  };
}

/** Returns the first rows of a tensor, with zeros behind them where there are fewer. */
function fitRows(a: Tensor, rows: number): Tensor {
  const [count, ...row] = a.shape as [number, ...number[]];
  const none = row.map(() => 0);
  return rows < count ? slice(a, [0, ...none], [rows, ...row]) : pad(a, [0, ...none], [rows - count, ...none]);
}
