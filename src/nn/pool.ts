import { checkKeys } from "../errors.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import { and, less, max, mean, reshape, select, sub } from "../program/tensor.ts";
import { type Layer, plain, refuseInput } from "./layer.ts";
import { checkWindow, type Padding, type Pair, type PlacedWindow, padded, placeWindow, type Window, windows } from "./window.ts";

/** Options of {@link maxPool} and {@link avgPool}. */
export interface PoolOptions {
  /** Default: the size, so that windows do not overlap. */
  readonly stride?: Pair;
  /** Default 0. */
  readonly padding?: Padding;
}

const LOWEST = -3.4028234663852886e38;

/**
 * Returns the layer that takes the largest element of each window of images [height, width, channels]; elements that tie share the
 * gradient, padding never wins.
 * @throws E_CONFIG
 */
export function maxPool(size: Pair, options: PoolOptions = {}): Layer {
  return pool("maxPool", size, options, (x, window) => {
    const around = padded(x, window);
    const filled = around === x ? x : select(inside(x, window), around, LOWEST);
    return max(windows(filled, window), [2, 4]);
  });
}

/** Returns the layer that takes the mean of each window of images [height, width, channels]; padding counts as zeros. @throws E_CONFIG */
export function avgPool(size: Pair, options: PoolOptions = {}): Layer {
  return pool("avgPool", size, options, (x, window) => mean(windows(padded(x, window), window), [2, 4]));
}

function pool(kind: "maxPool" | "avgPool", size: Pair, options: PoolOptions, apply: (x: Tensor, window: PlacedWindow) => Tensor): Layer {
  checkKeys(`nn.${kind}`, options, ["stride", "padding"]);
  const window: Window = checkWindow(`nn.${kind}`, size, options.stride ?? size, options.padding ?? 0);
  const { stride, padding } = window;
  return {
    config: { kind, size: window.size, stride, padding },
    build(input, path) {
      const placed = placeWindow(window, input, path, kind);
      return plain([...placed.count, input[2] as number], (x) => apply(x, placed));
    },
  };
}

/** Returns a u32 1 where a padded image [1, height, width, 1] holds the image. */
function inside(x: Tensor, { low, high }: PlacedWindow): Tensor {
  const [, height, width] = x.shape as [number, number, number];
  const rows = within(x.graph, low[0], height, high[0]);
  const columns = within(x.graph, low[1], width, high[1]);
  return and(reshape(rows, [1, rows.shape[0] as number, 1, 1]), reshape(columns, [1, 1, columns.shape[0] as number, 1]));
}

function within(graph: Graph, low: number, n: number, high: number): Tensor {
  // Unsigned subtraction wraps, so one comparison bounds both sides.
  return less(sub(graph.iota(low + n + high), low), n);
}

/** Returns the layer that takes the mean of each channel over all places: [..., channels] becomes [channels]. */
export function globalAvgPool(): Layer {
  return {
    config: { kind: "globalAvgPool" },
    build(input, path) {
      const channels = input.at(-1) ?? refuseInput(path, "globalAvgPool takes channels", "[..., channels]", input);
      return plain([channels], (x) => mean(x, [...input.keys()].slice(1)));
    },
  };
}
