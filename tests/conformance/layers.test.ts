import { afterAll, describe, expect, it } from "vitest";
import type { Machine } from "../../src/backend/machine.ts";
import * as nn from "../../src/nn/index.ts";
import { type Layer, paramsOf, statesOf } from "../../src/nn/layer.ts";
import { Graph, type Tensor } from "../../src/program/graph.ts";
import { grad, less, select, sum } from "../../src/program/tensor.ts";
import { trace } from "../../src/program/trace.ts";
import { type Argument, agree, draw, runOn } from "./agree.ts";
import {
  affine,
  at,
  BATCH,
  call,
  check,
  closeMachines,
  divided,
  everywhere,
  type Model,
  type Numbers,
  range,
  rescaled,
  standardised,
  total,
  type Values,
  wasm,
} from "./layer.ts";

afterAll(closeMachines);

describe.each<[string, (z: number) => number, Layer]>([
  ["relu", (z) => Math.max(z, 0), nn.relu()],
  ["leakyRelu", (z) => (z > 0 ? z : 0.2 * z), nn.leakyRelu(0.2)],
  ["gelu", (z) => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3))), nn.gelu()],
  ["gelu by erf", (z) => z * normalDistribution(z), nn.gelu({ form: "erf" })],
  ["silu", (z) => z / (1 + Math.exp(-z)), nn.silu()],
  ["tanh", Math.tanh, nn.tanh()],
  ["sigmoid", (z) => 1 / (1 + Math.exp(-z)), nn.sigmoid()],
  ["softplus", (z) => Math.log1p(Math.exp(z)), nn.softplus()],
])("%s", (_, f, layer) => {
  it("near 0", () => check({ layer, input: [3, 5], model: (x) => Array.from(x, (z) => f(z)) }));
  it("far from 0", async () => {
    const x = { shape: [1, 8], values: Float32Array.of(-90, -30, -12, -5, 5, 12, 30, 90) };
    await check({ layer, input: [8], model: (v) => Array.from(v, (z) => f(z)), x });
  });
});

/** Φ by the trapezoidal rule from −12. */
function normalDistribution(z: number): number {
  const [low, steps] = [-12, 4000];
  if (z < low) return 0;
  const width = (z - low) / steps;
  const density = (u: number): number => Math.exp(-u * u * 0.5) / Math.sqrt(2 * Math.PI);
  return width * (total(range(steps + 1).map((i) => density(low + i * width))) - 0.5 * density(z));
}

describe("linear", () => {
  it("on rows", () => check({ layer: nn.linear(3), input: [4], model: (x, p) => affine(x, p.weight as Values, p.bias, 4) }));
  it("on the last dim, without bias", () =>
    check({ layer: nn.linear(3, { bias: false }), input: [2, 3, 4], model: (x, p) => affine(x, p.weight as Values, undefined, 4) }));
});

interface Side {
  size: number;
  stride: number;
  dilation: number;
  low: number;
  count: number;
}

/** Visits every element of every window that lies inside an image: (row, column) of the output, (i, j) of the window, (r, c) of the image. */
function* places(height: number, width: number, v: Side, h: Side): Generator<[number, number, number, number, number, number]> {
  for (let row = 0; row < v.count; row++)
    for (let column = 0; column < h.count; column++)
      for (let i = 0; i < v.size; i++)
        for (let j = 0; j < h.size; j++) {
          const r = row * v.stride + i * v.dilation - v.low;
          const c = column * h.stride + j * h.dilation - h.low;
          if (r >= 0 && r < height && c >= 0 && c < width) yield [row, column, i, j, r, c];
        }
}

/** Convolution element by element. */
function convolution(shape: readonly [number, number, number], channels: number, groups: number, v: Side, h: Side): Model {
  const [height, width, inputs] = shape;
  const [part, out] = [inputs / groups, channels / groups];
  return (x, p) => {
    const y = range(BATCH * v.count * h.count * channels).map((i) => (p.bias === undefined ? 0 : at(p.bias, i % channels)));
    for (const b of range(BATCH))
      for (const [row, column, i, j, r, c] of places(height, width, v, h))
        for (const o of range(channels))
          for (const k of range(part)) {
            const input = at(x, ((b * height + r) * width + c) * inputs + Math.floor(o / out) * part + k);
            const to = ((b * v.count + row) * h.count + column) * channels + o;
            y[to] = (y[to] as number) + input * at(p.weight as Values, ((i * h.size + j) * part + k) * channels + o);
          }
    return y;
  };
}

const side = (size: number, count: number, low = 0, stride = 1, dilation = 1): Side => ({ size, count, low, stride, dilation });

describe("conv2d", () => {
  const image = [4, 5, 2] as const;
  const cases: [string, Layer, readonly [number, number, number], Model, (readonly Machine[])?][] = [
    ["plain", nn.conv2d(3, 3), image, convolution(image, 3, 1, side(3, 2), side(3, 3))],
    ["1 × 1", nn.conv2d(3, 1), image, convolution(image, 3, 1, side(1, 4), side(1, 5))],
    ["1 × 1, strided", nn.conv2d(2, 1, { stride: 2 }), image, convolution(image, 2, 1, side(1, 2, 0, 2), side(1, 3, 0, 2))],
    ["padded", nn.conv2d(2, [2, 3], { padding: [1, 2] }), image, convolution(image, 2, 1, side(2, 5, 1), side(3, 7, 2))],
    ["without bias", nn.conv2d(2, 2, { bias: false }), image, convolution(image, 2, 1, side(2, 3), side(2, 4))],
    ["strided", nn.conv2d(2, 3, { stride: [2, 1], padding: 1 }), image, convolution(image, 2, 1, side(3, 2, 1, 2), side(3, 5, 1))],
    ["of patches", nn.conv2d(3, 2, { stride: 2 }), image, convolution(image, 3, 1, side(2, 2, 0, 2), side(2, 2, 0, 2))],
    ["dilated", nn.conv2d(2, 2, { dilation: [2, 3] }), image, convolution(image, 2, 1, side(2, 2, 0, 1, 2), side(2, 2, 0, 1, 3))],
    ["same", nn.conv2d(2, 3, { padding: "same" }), image, convolution(image, 2, 1, side(3, 4, 1), side(3, 5, 1))],
    [
      "same, even and strided",
      nn.conv2d(2, [2, 4], { padding: "same", stride: 2 }),
      image,
      convolution(image, 2, 1, side(2, 2, 0, 2), side(4, 3, 1, 2)),
      everywhere,
    ],
    ["grouped", nn.conv2d(6, 2, { groups: 2, padding: "valid" }), [3, 3, 4], convolution([3, 3, 4], 6, 2, side(2, 2), side(2, 2))],
    ["depthwise", nn.conv2d(2, 3, { groups: 2, padding: "same" }), image, convolution(image, 2, 2, side(3, 4, 1), side(3, 5, 1))],
    ["depthwise, two outputs each", nn.conv2d(4, 2, { groups: 2 }), image, convolution(image, 4, 2, side(2, 3), side(2, 4)), everywhere],
  ];
  it.each(cases)("%s", (_, layer, input, model, on = wasm) => check({ layer, input, model, on }));
});

describe("pooling", () => {
  const pooled = (
    shape: readonly [number, number, number],
    v: Side,
    h: Side,
    start: number,
    fold: (a: number, b: number) => number,
  ): Model => {
    const [height, width, channels] = shape;
    return (x) => {
      const y = range(BATCH * v.count * h.count * channels).map(() => start);
      for (const b of range(BATCH))
        for (const [row, column, , , r, c] of places(height, width, v, h))
          for (const k of range(channels)) {
            const to = ((b * v.count + row) * h.count + column) * channels + k;
            y[to] = fold(y[to] as number, at(x, ((b * height + r) * width + c) * channels + k));
          }
      return y;
    };
  };
  const mean = (n: number) => (a: number, b: number) => a + b / n;
  const halves = [side(2, 2, 0, 2), side(2, 2, 0, 2)] as const;
  const around = [side(3, 3, 1, 2), side(3, 2, 1, 2)] as const;
  it("maxPool", () => check({ layer: nn.maxPool(2), input: [4, 5, 2], model: pooled([4, 5, 2], ...halves, -1e9, Math.max) }));
  it("maxPool that overlaps beyond the border", async () => {
    // All below 0: a zero of the padding would win.
    const x = draw([BATCH, 5, 4, 2], -3, -1, "x");
    const layer = nn.maxPool(3, { stride: 2, padding: 1 });
    await check({ layer, input: [5, 4, 2], x, model: pooled([5, 4, 2], ...around, -1e9, Math.max), on: everywhere });
  });
  it("avgPool", () => check({ layer: nn.avgPool(2), input: [4, 5, 2], model: pooled([4, 5, 2], ...halves, 0, mean(4)) }));
  it("avgPool that overlaps beyond the border", () =>
    check({ layer: nn.avgPool(3, { stride: 2, padding: 1 }), input: [5, 4, 2], model: pooled([5, 4, 2], ...around, 0, mean(9)) }));
  it("globalAvgPool", () =>
    check({
      layer: nn.globalAvgPool(),
      input: [3, 2, 2],
      model: (x) => range(BATCH).flatMap((b) => range(2).map((c) => total(range(6).map((i) => at(x, (b * 6 + i) * 2 + c))) / 6)),
    }));
});

describe("norms", () => {
  it("layerNorm", () =>
    check({
      layer: nn.layerNorm(),
      input: [3, 4],
      model: (x, p) =>
        rescaled(
          standardised(x, (i) => Math.floor(i / 4)),
          p.weight as Values,
          p.bias as Values,
        ),
    }));
  it("groupNorm", () =>
    check({
      layer: nn.groupNorm(2),
      input: [3, 2, 4],
      model: (x, p) =>
        rescaled(
          standardised(x, (i) => Math.floor(i / 24) * 2 + Math.floor((i % 4) / 2)),
          p.weight as Values,
          p.bias as Values,
        ),
    }));
  it("groupNorm of vectors", () =>
    check({
      layer: nn.groupNorm(3),
      input: [6],
      model: (x, p) =>
        rescaled(
          standardised(x, (i) => Math.floor(i / 2)),
          p.weight as Values,
          p.bias as Values,
        ),
    }));
  it("film", () =>
    check({ layer: nn.film(), input: [2, 3], model: (x, p) => rescaled(Array.from(x), p.gamma as Values, p.beta as Values) }));
  it("rmsNorm", () => check({ layer: nn.rmsNorm(), input: [3, 4], model: (x, p) => divided(x, p.weight as Values, 4) }));
});

describe("batchNorm", () => {
  const layer = nn.batchNorm({ momentum: 0.2 }).build([2, 2, 3], "");
  const frozen = nn.batchNorm({ frozen: true }).build([2, 2, 3], "");
  const args = (rows: number): Record<string, Argument> => ({
    x: draw([rows, 2, 2, 3], -1.5, 1.5, "x"),
    ...Object.fromEntries([...paramsOf(layer)].map(([path, { shape }]) => [path, draw(shape, -0.8, 0.8, path)])),
    ...Object.fromEntries([...statesOf(layer)].map(([path, { shape }]) => [path, draw(shape, 0.5, 1.5, path)])),
  });
  const brought = ({ x, weight, bias }: Numbers, mean: Values, variance: Values): number[] => {
    const y = Array.from(x as Values, (value, i) => (value - at(mean, i % 3)) / Math.sqrt(at(variance, i % 3) + 1e-5));
    return rescaled(y, weight as Values, bias as Values);
  };
  const running = (values: Numbers) => ({ y: brought(values, values.mean as Values, values.variance as Values) });

  it("predicts with the running statistics", () =>
    agree(wasm, { args: args(2), record: (leaves, graph) => call(layer, leaves, graph, false), model: running }));

  it("trains with them too when frozen, and leaves them", () =>
    agree(wasm, { args: args(2), record: (leaves, graph) => call(frozen, leaves, graph, true), model: running }));

  /** All rows brought to the statistics of the first `present`, which enter the running ones. */
  const trained = (present: number) => (values: Numbers) => {
    const count = present * 4;
    const column = (c: number): number[] => range(count).map((i) => at(values.x as Values, i * 3 + c));
    const means = range(3).map((c) => total(column(c)) / count);
    const variances = range(3).map((c) => total(column(c).map((v) => (v - at(means, c)) ** 2)) / count);
    const mixed = (old: Values, now: number[]): number[] => now.map((value, c) => 0.8 * at(old, c) + 0.2 * value);
    return {
      y: brought(values, means, variances),
      "new mean": mixed(values.mean as Values, means),
      "new variance": mixed(
        values.variance as Values,
        variances.map((v) => (v * count) / (count - 1)),
      ),
    };
  };

  it("trains with the statistics of the batch, and enters them", () =>
    agree(wasm, { args: args(3), record: (leaves, graph) => call(layer, leaves, graph, true), model: trained(3) }));

  it("counts no place without a row", () =>
    agree(everywhere, {
      args: args(3),
      record: (leaves, graph) => call(layer, leaves, graph, true, select(less(graph.iota(3), 2), 0.25, 0)),
      model: trained(2),
    }));
});

describe("classifier", () => {
  const layer = nn.classifier({ capacity: 4, mask: "seen" }).build([3], "");
  const args = {
    x: draw([3, 3], -1.5, 1.5, "x"),
    weight: draw([3, 4], -0.8, 0.8, "weight"),
    bias: draw([4], -0.8, 0.8, "bias"),
    seen: { shape: [4], values: Float32Array.of(0, 0, 1, 0), dtype: "f32" },
    labels: { shape: [3, 1], values: Uint32Array.of(1, 2, 0), dtype: "u32" },
  } satisfies Record<string, Argument>;
  const { labels: _, ...without } = args;
  const masked = ({ x, weight, bias }: Numbers, seen: readonly number[]): number[] => {
    const powers = affine(x as Values, weight as Values, bias, 3).map((value, i) => (seen[i % 4] === 0 ? 0 : Math.exp(value)));
    return powers.map((value, i) => value / total(powers.slice(i - (i % 4), i - (i % 4) + 4)));
  };
  const answers = ({ y, ...states }: Record<string, Tensor>): Record<string, Tensor> => ({ p: nn.softmax(y as Tensor), ...states });
  it("shares probability among the classes seen so far, those of this step's rows with them", () =>
    agree(everywhere, {
      args,
      record: (leaves, graph) => answers(call(layer, leaves, graph, true, select(less(graph.iota(3), 2), 0.5, 0))),
      model: (values) => ({ p: masked(values, [0, 1, 1, 0]), "new seen": [0, 1, 1, 0] }),
    }));
  it("sees nothing new in prediction", () =>
    agree(wasm, {
      args: { ...without, seen: { shape: [4], values: Float32Array.of(1, 0, 1, 0) } },
      record: (leaves, graph) => answers(call(layer, leaves, graph, false)),
      model: (values) => ({ p: masked(values, [1, 0, 1, 0]) }),
    }));
});

describe("dropout", () => {
  const layer = nn.dropout(0.75).build([4000], "");
  it("keeps its share in training, scaled, with the gradient of what it kept", async () => {
    const graph = trace((g) => {
      const x = g.input("x", [1, 4000], "f32");
      const { y } = call(layer, { x }, g, true) as { y: Tensor };
      g.outputs.set("y", y);
      g.outputs.set("d", grad(sum(y), [x])[0] as Tensor);
    });
    for (const machine of everywhere) {
      const { y, d } = (await runOn(machine, graph, { x: range(4000).map((i) => i + 1) })) as Record<"y" | "d", Values>;
      expect(Array.from(y)).toEqual(range(4000).map((i) => at(d, i) * (i + 1)));
      expect(new Set(Array.from(d))).toEqual(new Set([0, 4]));
      // Three standard deviations of a binomial share.
      expect(Math.abs(total(Array.from(d)) / 16_000 - 0.25)).toBeLessThan(3 * Math.sqrt((0.25 * 0.75) / 4000));
    }
  });
  it("is nothing in prediction", () => {
    const graph = new Graph();
    const x = graph.input("x", [1, 4000], "f32");
    expect(call(layer, { x }, graph, false).y === x).toBe(true);
  });
});
