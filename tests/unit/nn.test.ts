import { nn, PalimpsestError } from "palimpsest";
import { describe, expect, it } from "vitest";
import { type Fill, fillNormal, fillWeights, logarithm } from "../../src/nn/init.ts";
import { applyLayer, carriesOf, type Layer, paramsOf, statesOf } from "../../src/nn/layer.ts";
import { Graph } from "../../src/program/graph.ts";
import { type Shape, sizeOf } from "../../src/program/shape.ts";
import { RandomStream } from "../../src/random.ts";

function failure(action: () => unknown): PalimpsestError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(PalimpsestError);
    return error as PalimpsestError;
  }
  return expect.fail("nothing was refused");
}

describe("an input that does not fit names the layer's path, what it takes and what it got", () => {
  const within = (layer: Layer): Layer => nn.sequential(nn.relu(), nn.residual(nn.sequential(layer)));
  const cases: [string, Layer, Shape, string][] = [
    ["linear", nn.linear(3), [], "linear takes rows; expected [..., features], got []"],
    ["classifier", nn.classifier({ capacity: 3 }), [2, 2], "classifier takes rows of one dim; expected [features], got [2, 2]"],
    ["conv2d", nn.conv2d(3, 3), [9], "conv2d takes images; expected [height, width, channels], got [9]"],
    [
      "conv2d of a small image",
      nn.conv2d(3, [3, 5], { padding: [0, 1] }),
      [3, 2, 1],
      "conv2d has a window larger than the image; expected at least [3, 3, channels], got [3, 2, 1]",
    ],
    [
      "conv2d in groups",
      nn.conv2d(4, 1, { groups: 2 }),
      [3, 3, 3],
      "conv2d cannot part 3 channels in and 4 out; expected multiples of 2 groups, got [3, 3, 3]",
    ],
    ["maxPool", nn.maxPool(2), [1, 4, 1], "maxPool has a window larger than the image; expected at least [2, 2, channels], got [1, 4, 1]"],
    ["avgPool", nn.avgPool(2), [4, 4], "avgPool takes images; expected [height, width, channels], got [4, 4]"],
    ["globalAvgPool", nn.globalAvgPool(), [], "globalAvgPool takes channels; expected [..., channels], got []"],
    ["groupNorm", nn.groupNorm(4), [2, 6], "groupNorm cannot part the channels; expected a multiple of 4 groups, got [2, 6]"],
    ["layerNorm", nn.layerNorm(), [], "layerNorm takes rows; expected [..., features], got []"],
    ["positional", nn.positional(), [4], "positional takes sequences; expected [time, features], got [4]"],
    [
      "positional beyond its length",
      nn.positional({ length: 2 }),
      [3, 4],
      "positional has 2 positions; expected at most [2, features], got [3, 4]",
    ],
    ["attention", nn.attention({ heads: 2 }), [4], "attention takes sequences; expected [time, features], got [4]"],
    [
      "attention in heads",
      nn.attention({ heads: 2, rope: true }),
      [3, 6],
      "attention cannot part the features among 2 heads; expected [time, a multiple of 4], got [3, 6]",
    ],
    ["transformerBlock", nn.transformerBlock({ heads: 1 }), [4], "transformerBlock takes sequences; expected [time, features], got [4]"],
    ["gru", nn.gru(3), [4], "gru takes sequences; expected [time, features], got [4]"],
    ["gru of a long sequence", nn.gru(3), [4097, 2], "gru unrolls time; expected at most 4096 steps, got [4097, 2]"],
    ["residual", nn.residual(nn.linear(3)), [2], "residual adds outputs of one shape; expected [2], got [3]"],
  ];
  it.each(cases)("%s", (_, layer, input, message) => {
    const inside = failure(() => within(layer).build(input, ""));
    expect([inside.code, inside.message]).toEqual(["E_SHAPE", `1.inner.0: ${message}`]);
    expect(failure(() => layer.build(input, "")).message).toBe(`model: ${message}`);
  });
});

describe("an option out of range is refused", () => {
  const cases: [() => Layer, RegExp][] = [
    [() => nn.linear(0), /nn\.linear: option "units"/],
    [() => nn.linear(2, { init: "xavier" as "zeros" }), /nn\.linear: option "init" has no such choice; expected one of kaimingUniform/],
    [() => nn.conv2d(2, 0), /nn\.conv2d: option "size" is out of range; expected a whole number ≥ 1, got 0/],
    [
      () => nn.conv2d(2, [3] as never),
      /nn\.conv2d: option "size" is not a size; expected a number or \[height, width\], got an array of 1/,
    ],
    [() => nn.conv2d(2, 3, { padding: "full" as "same" }), /option "padding" is not a size; expected .*, got "full"/],
    [() => nn.conv2d(2, 3, { strides: 2 } as never), /unknown option "strides"/],
    [() => nn.maxPool(2, { stride: 0.5 }), /nn\.maxPool: option "stride"/],
    [() => nn.batchNorm({ momentum: 2 }), /nn\.batchNorm: option "momentum"/],
    [() => nn.layerNorm({ eps: 0 }), /nn\.layerNorm: option "eps"/],
    [() => nn.embedding(0, 2), /nn\.embedding: option "rows"/],
    [() => nn.attention({} as never), /nn\.attention: option "heads"/],
    [() => nn.attention({ heads: 4, keyValueHeads: 3 }), /"keyValueHeads" does not divide the heads; expected a divisor of 4, got 3/],
    [() => nn.attention({ heads: 1, rope: 0.5 }), /nn\.attention: option "rope"/],
    [() => nn.transformerBlock({ heads: 1, norm: "batch" as "rms" }), /nn\.transformerBlock: option "norm"/],
    [() => nn.transformerBlock({ heads: 1, layers: 2 } as never), /nn\.transformerBlock: unknown option "layers"/],
    [() => nn.gru(2, { returns: "first" as "all" }), /nn\.gru: option "returns"/],
    [
      () => nn.classifier({ capacity: 3, mask: "new" as "seen" }),
      /nn\.classifier: option "mask" has no such choice; expected one of seen, none/,
    ],
    [() => nn.gelu({ form: "exact" as "erf" }), /nn\.gelu: option "form"/],
    [() => nn.swiglu(2, { biases: true } as never), /nn\.swiglu: unknown option "biases"/],
  ];
  it.each(cases)("%s", (make, message) => {
    const error = failure(make);
    expect(error.code).toBe("E_CONFIG");
    expect(error.message).toMatch(message);
  });
});

const layers: [Layer, Shape][] = [
  [nn.linear(3, { bias: false, init: "zeros" }), [4]],
  [nn.classifier({ capacity: 3 }), [4]],
  [nn.classifier({ capacity: 3, mask: "seen" }), [4]],
  [nn.conv2d(4, [3, 2], { stride: 2, padding: "same", groups: 2, bias: false }), [5, 5, 2]],
  [nn.conv2d(4, 2, { padding: [1, 0], dilation: 2, init: "xavierNormal" }), [5, 5, 2]],
  [nn.maxPool(3, { stride: 2, padding: 1 }), [5, 5, 2]],
  [nn.avgPool([2, 1]), [4, 4, 2]],
  [nn.globalAvgPool(), [4, 4, 2]],
  [nn.batchNorm({ momentum: 0.3, frozen: true }), [4, 2]],
  [nn.layerNorm({ eps: 1e-3 }), [4]],
  [nn.groupNorm(2), [4]],
  [nn.rmsNorm(), [4]],
  [nn.film(), [4]],
  [nn.embedding(7, 3, { deviation: 0.5 }), [4]],
  [nn.positional({ length: 6 }), [4, 2]],
  [nn.positional(), [4, 2]],
  [nn.attention({ heads: 2, keyValueHeads: 1, causal: true, rope: 500, bias: false }), [3, 4]],
  [nn.feedForward(5, { bias: false }), [3, 4]],
  [nn.swiglu(5), [3, 4]],
  [nn.transformerBlock({ heads: 2, keyValueHeads: 1, rope: true, norm: "rms", feedForward: "swiglu", dropout: 0.1 }), [3, 8]],
  [nn.transformerBlock({ heads: 1, hidden: 7, bias: false }), [3, 6]],
  [nn.gru(3, { returns: "all" }), [5, 2]],
  [nn.lstm(3), [5, 2]],
  [nn.gru(3, { carry: true }), [5, 2]],
  [nn.sequential(nn.embedding(4, 3), nn.linear(4, { tie: "0.weight", bias: false })), [5]],
  [nn.frozen(nn.residual(nn.sequential(nn.batchNorm(), nn.linear(4), nn.dropout(0.5)))), [4]],
  [nn.leakyRelu(0.3), [2]],
  [nn.gelu({ form: "erf" }), [2]],
  [nn.silu(), [2]],
  [nn.sigmoid(), [2]],
  [nn.softplus(), [2]],
  [nn.residual(nn.conv2d(2, 1), nn.sequential(nn.conv2d(2, 1), nn.batchNorm())), [2, 2, 3]],
  [nn.residual(nn.linear(4)), [4]],
];

/** A layer as its shapes and its operations. */
function trace(layer: Layer, input: Shape): unknown {
  const built = layer.build(input, "");
  const graph = new Graph();
  const specs = new Map([...paramsOf(built), ...statesOf(built)]);
  const leaf = (path: string) => graph.input(path, specs.get(path)?.shape ?? [], "f32");
  const carries = carriesOf(built);
  const y = applyLayer(built, graph.input("x", [2, ...input], "f32"), {
    graph,
    training: true,
    weight: undefined,
    param: leaf,
    state: leaf,
    update: (path, value) => graph.outputs.set(path, value),
    carried: (path) => graph.input(`carried ${path}`, [2, ...(carries.get(path) as Shape)], "f32"),
    carry: (path, value) => graph.outputs.set(path, value),
    random: (path, shape) => graph.random(path, shape),
  });
  expect(y.shape).toEqual([2, ...built.output]);
  return {
    output: built.output,
    params: [...paramsOf(built)].map(([path, { shape }]) => [path, shape]),
    states: [...statesOf(built)].map(([path, { shape }]) => [path, shape]),
    carries: [...carries],
    nodes: graph.nodes.map(({ op, attributes, inputs }) => [op, attributes, inputs.map(({ id }) => id)]),
  };
}

describe("a layer made again from its config, as a checkpoint keeps it, is the same program", () => {
  it.each(layers.map(([layer, input]) => [JSON.stringify(layer.config), layer, input] as const))("%s", (text, layer, input) => {
    const again = nn.fromConfig(JSON.parse(text));
    expect(again.config).toEqual(layer.config);
    expect(trace(again, input)).toEqual(trace(layer, input));
  });

  it("an unknown kind names its neighbour", () => {
    const error = failure(() => nn.fromConfig({ kind: "conv2" }));
    expect(error.code).toBe("E_UNSUPPORTED");
    expect(error.hint).toBe('Did you mean "conv2d"?');
  });
});

it("parameters and states are named by path, in order of appearance", () => {
  const built = nn
    .sequential(nn.conv2d(2, 3), nn.batchNorm(), nn.relu(), nn.flatten(), nn.residual(nn.linear(8, { bias: false })), nn.batchNorm())
    .build([4, 4, 1], "");
  expect([...paramsOf(built).keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias", "4.inner.weight", "5.weight", "5.bias"]);
  expect([...statesOf(built).keys()]).toEqual(["1.mean", "1.variance", "5.mean", "5.variance"]);
});

describe("first values", () => {
  const filled = (fill: Fill, count = 20_000): Float32Array => {
    const values = new Float32Array(count);
    fill(values, new RandomStream(3, "fill"));
    return values;
  };
  const moment = (values: Float32Array, power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
  const paramOf = (layer: Layer, input: Shape, path: string): { shape: Shape; values: Float32Array } => {
    const { shape, fill } = paramsOf(layer.build(input, "")).get(path) as { shape: Shape; fill: Fill };
    return { shape, values: filled(fill, sizeOf(shape)) };
  };

  const bounds: [string, Layer, Shape, string, number][] = [
    ["linear weight", nn.linear(300), [64], "weight", 1 / 8],
    ["linear bias", nn.linear(3000, { init: "zeros" }), [64], "bias", 1 / 8],
    ["conv2d weight, of 3·3·8 / 2 inputs", nn.conv2d(200, 3, { groups: 2 }), [5, 5, 8], "weight", 1 / 6],
    ["conv2d bias", nn.conv2d(3000, 3), [5, 5, 4], "bias", 1 / 6],
    ["gru", nn.gru(25), [5, 40], "inputWeight", 1 / 5],
    ["lstm", nn.lstm(25), [5, 40], "hiddenBias", 1 / 5],
  ];
  it.each(bounds)("%s: uniform as in torch", (_, layer, input, path, bound) => {
    const { values } = paramOf(layer, input, path);
    const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    expect(most).toBeLessThanOrEqual(bound);
    expect(most).toBeGreaterThan(0.9 * bound);
    if (values.length > 1000) expect(moment(values, 2)).toBeCloseTo(bound ** 2 / 3, 3);
  });

  it("xavier and kaiming variances", () => {
    const variances = { xavierUniform: 2 / 40, xavierNormal: 2 / 40, kaimingNormal: 2 / 10, kaimingUniform: 1 / 30 } as const;
    for (const [init, variance] of Object.entries(variances))
      expect(moment(filled(fillWeights(init as keyof typeof variances, 10, 30)), 2) / variance, init).toBeCloseTo(1, 1);
    expect(moment(filled(fillWeights("zeros", 10, 30)), 2)).toBe(0);
  });

  it("normal: moments, tails, an odd count, the same for the same stream", () => {
    const values = filled(fillNormal(2), 40_001);
    expect(moment(values, 1)).toBeCloseTo(0, 1);
    expect(moment(values, 2) / 4).toBeCloseTo(1, 1);
    expect(moment(values, 4) / 16 / 3).toBeCloseTo(1, 1);
    const beyond = (z: number): number => values.filter((value) => Math.abs(value) > 2 * z).length / values.length;
    for (const [z, share] of [
      [1, 0.3173],
      [2, 0.0455],
      [3, 0.0027],
    ] as const)
      expect(Math.abs(beyond(z) - share)).toBeLessThan(0.007);
    expect(values).toEqual(filled(fillNormal(2), 40_001));
    expect(values.every((value) => value !== 0)).toBe(true);
  });

  it("norms begin as the identity, running statistics as those of normal numbers", () => {
    expect([...paramOf(nn.layerNorm(), [2], "weight").values, ...paramOf(nn.layerNorm(), [2], "bias").values]).toEqual([1, 1, 0, 0]);
    expect([...paramOf(nn.rmsNorm(), [2], "weight").values]).toEqual([1, 1]);
    expect([...paramOf(nn.film(), [2], "gamma").values]).toEqual([1, 1]);
    expect([...paramOf(nn.film(), [2], "beta").values]).toEqual([0, 0]);
    const states = statesOf(nn.batchNorm().build([2], ""));
    expect([...states.values()].flatMap(({ fill }) => [...filled(fill, 2)])).toEqual([0, 0, 1, 1]);
  });

  it("the logarithm is right to a few last bits", () => {
    for (const x of [1e-300, 1e-9, 0.1, 0.749999, 0.75, 0.999999, 1, 1.000001, 1.5, 2, 10_000, 1e300])
      expect(Math.abs(logarithm(x) - Math.log(x))).toBeLessThanOrEqual(4e-16 * Math.max(Math.abs(Math.log(x)), 1e-3));
  });
});
