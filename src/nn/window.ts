/** Sliding windows over images [height, width, channels]. */
import { checkNumber, describe, fail, type NumberRange } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import type { Shape } from "../program/shape.ts";
import { pad, reshape, slice, unfold } from "../program/tensor.ts";
import { refuseInput } from "./layer.ts";

/** One number for height and width, or one of each. */
export type Pair = number | readonly [height: number, width: number];

/** Zeros on each side; `valid` is none, `same` keeps ⌈n / stride⌉ positions, an odd zero being put behind. */
export type Padding = Pair | "same" | "valid";

type Two = readonly [number, number];

/** A window before the image is known. */
export interface Window {
  readonly size: Two;
  readonly stride: Two;
  readonly padding: Two | "same" | "valid";
  readonly dilation: Two;
}

/** A window on images of one shape; every pair is height, width. */
export interface PlacedWindow extends Window {
  /** Zeros before and behind. */
  readonly low: Two;
  readonly high: Two;
  /** Positions of the window. */
  readonly count: Two;
}

/** Returns options checked. @throws E_CONFIG */
export function checkWindow(where: string, size: Pair, stride: Pair, padding: Padding, dilation: Pair = 1): Window {
  const steps = { min: 1, integer: true };
  return {
    size: checkPair(where, "size", size, steps),
    stride: checkPair(where, "stride", stride, steps),
    padding: padding === "same" || padding === "valid" ? padding : checkPair(where, "padding", padding, { min: 0, integer: true }),
    dilation: checkPair(where, "dilation", dilation, steps),
  };
}

function checkPair(where: string, option: string, value: Pair, range: NumberRange): Two {
  const pair = typeof value === "number" ? ([value, value] as const) : value;
  if (!Array.isArray(pair) || pair.length !== 2) {
    fail("E_CONFIG", `${where}: option "${option}" is not a size; expected a number or [height, width], got ${describe(value)}`);
  }
  return [checkNumber(where, option, pair[0], range), checkNumber(where, option, pair[1], range)];
}

/** Returns a window placed on images. @throws E_SHAPE when they are not images, or too small */
export function placeWindow(window: Window, input: Shape, path: string, layer: string): PlacedWindow {
  if (input.length !== 3) refuseInput(path, `${layer} takes images`, "[height, width, channels]", input);
  const sides = ([0, 1] as const).map((i) => {
    const n = input[i] as number;
    const stride = window.stride[i];
    const reach = window.dilation[i] * (window.size[i] - 1) + 1;
    if (window.padding === "same") {
      const count = Math.ceil(n / stride);
      const zeros = Math.max((count - 1) * stride + reach - n, 0);
      return { low: zeros >> 1, high: zeros - (zeros >> 1), count };
    }
    const zeros = window.padding === "valid" ? 0 : window.padding[i];
    return { low: zeros, high: zeros, count: Math.floor((n + 2 * zeros - reach) / stride) + 1 };
  });
  const pair = (key: "low" | "high" | "count"): Two => [sides[0]?.[key] as number, sides[1]?.[key] as number];
  const placed = { ...window, low: pair("low"), high: pair("high"), count: pair("count") };
  if (placed.count.some((count) => count < 1)) {
    const least = ([0, 1] as const).map((i) => window.dilation[i] * (window.size[i] - 1) + 1 - placed.low[i] - placed.high[i]);
    refuseInput(path, `${layer} has a window larger than the image`, `at least [${least.join(", ")}, channels]`, input);
  }
  return placed;
}

/** Returns images [batch, height, width, channels] with the zeros that a window wants around them. */
export function padded(x: Tensor, { low, high }: PlacedWindow): Tensor {
  return pad(x, [0, ...low, 0], [0, ...high, 0]);
}

/** Returns all windows of padded images, a view: [batch, rows, height, columns, width, channels]. */
export function windows(x: Tensor, window: PlacedWindow): Tensor {
  return slide(slide(x, 1, window, 0), 3, window, 1);
}

function slide(a: Tensor, axis: number, window: PlacedWindow, side: 0 | 1): Tensor {
  const [size, stride, dilation, count] = [window.size[side], window.stride[side], window.dilation[side], window.count[side]];
  if (stride !== size || dilation !== 1) return unfold(a, axis, size, { stride, dilation });
  // Windows that share nothing need no sum on the way back.
  const used = slice(
    a,
    a.shape.map(() => 0),
    a.shape.map((n, i) => (i === axis ? count * size : n)),
  );
  return reshape(used, [...a.shape.slice(0, axis), count, size, ...a.shape.slice(axis + 1)]);
}
