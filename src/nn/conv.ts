import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { sizeOf } from "../program/shape.ts";
import { add, broadcast, matmul, mul, permute, reshape, sum } from "../program/tensor.ts";
import { checkInit, fillWeights, type Init } from "./init.ts";
import { type Layer, refuseInput } from "./layer.ts";
import { checkWindow, type Padding, type Pair, type PlacedWindow, padded, placeWindow, windows } from "./window.ts";

/** Options of {@link conv2d}. */
export interface Conv2dOptions {
  /** Default 1. */
  readonly stride?: Pair;
  /** Zeros around the image. Default 0. */
  readonly padding?: Padding;
  /** From one element of the window to the next. Default 1. */
  readonly dilation?: Pair;
  /** Equal parts of the channels, each with outputs of its own; as many as there are channels make it depthwise. Default 1. */
  readonly groups?: number;
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** How the weight is first filled. Default `kaimingUniform`, as in torch. */
  readonly init?: Init;
}

/**
 * Returns a convolution of images [height, width, in] with windows of `size`: [rows, columns, channels]. Its weight is
 * [height, width, in / groups, channels] (torch's [channels, in / groups, height, width] with dims 2, 3, 1, 0), its bias [channels].
 * @throws E_CONFIG
 */
export function conv2d(channels: number, size: Pair, options: Conv2dOptions = {}): Layer {
  const where = "nn.conv2d";
  checkNumber(where, "channels", channels, { min: 1, integer: true });
  checkKeys(where, options, ["stride", "padding", "dilation", "groups", "bias", "init"]);
  const window = checkWindow(where, size, options.stride ?? 1, options.padding ?? 0, options.dilation);
  const groups = checkNumber(where, "groups", options.groups ?? 1, { min: 1, integer: true });
  const bias = options.bias ?? true;
  const init = checkInit(where, options.init ?? "kaimingUniform");
  return {
    config: { kind: "conv2d", channels, ...window, groups, bias, init },
    build(input, path) {
      const placed = placeWindow(window, input, path, "conv2d");
      const inputs = input[2] as number;
      if (inputs % groups !== 0 || channels % groups !== 0) {
        refuseInput(path, `conv2d cannot part ${inputs} channels in and ${channels} out`, `multiples of ${groups} groups`, input);
      }
      const area = placed.size[0] * placed.size[1];
      const fanIn = (area * inputs) / groups;
      const fill = fillWeights(init, fanIn, area * channels);
      const fillBias = fillWeights("kaimingUniform", fanIn, channels);
      const convolve = groups === 1 ? dense : inputs === groups ? depthwise : grouped;
      return {
        output: [...placed.count, channels],
        params: {
          weight: { shape: [...placed.size, inputs / groups, channels], fill },
          ...(bias ? { bias: { shape: [channels], fill: fillBias } } : {}),
        },
        children: {},
        apply(x, context) {
          const product = convolve(padded(x, placed), placed, context.param("weight"), groups);
          const output = bias ? add(product, context.param("bias")) : product;
          return reshape(output, [x.shape[0] as number, ...placed.count, channels]);
        },
      };
    },
  };
}

/** One product of all windows with the weight: [batch·rows·columns, channels]. */
function dense(x: Tensor, window: PlacedWindow, weight: Tensor): Tensor {
  const channels = weight.shape[3] as number;
  const length = sizeOf(weight.shape) / channels;
  const patches = permute(windows(x, window), [0, 1, 3, 2, 4, 5]);
  return matmul(reshape(patches, [sizeOf(patches.shape) / length, length]), reshape(weight, [length, channels]));
}

/** One product per group. */
function grouped(x: Tensor, window: PlacedWindow, weight: Tensor, groups: number): Tensor {
  const [height, width, part, channels] = weight.shape as [number, number, number, number];
  const [area, length] = [height * width, height * width * part];
  const patches = permute(windows(x, window), [0, 1, 3, 2, 4, 5]);
  const rows = sizeOf(patches.shape) / (length * groups);
  const parted = reshape(permute(reshape(patches, [rows, area, groups, part]), [2, 0, 1, 3]), [groups, rows, length]);
  const weights = permute(reshape(weight, [length, groups, channels / groups]), [1, 0, 2]);
  return reshape(permute(matmul(parted, weights), [1, 0, 2]), [rows, channels]);
}

/** A weighted sum over each window: with one channel in, a product has nothing to share. */
function depthwise(x: Tensor, window: PlacedWindow, weight: Tensor): Tensor {
  const [height, width, , channels] = weight.shape as [number, number, number, number];
  const [batch, rows, columns, inputs] = x.shape as [number, number, number, number];
  const repeated = broadcast(reshape(x, [...x.shape, 1]), [...x.shape, channels / inputs]);
  const view = windows(reshape(repeated, [batch, rows, columns, channels]), window);
  const sums = sum(mul(view, reshape(weight, [height, 1, width, channels])), [2, 4]);
  return reshape(sums, [sizeOf(sums.shape) / channels, channels]);
}
