import { Learner, nn, openRuntime, optim, readSafetensors, writeSafetensors } from "palimpsest";
import { describe, expect, it } from "vitest";

const f32 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const stored = (dtype: string, shape: number[], data: Uint8Array): nn.StoredWeights => ({ dtype, shape, data });
const load = (shape: number[], tensor: nn.StoredWeights, options?: nn.LoadOptions): number[] => [
  ...(nn.loadWeights(new Map([["w", shape]]), new Map([["w", tensor]]), options).get("w") as Float32Array),
];

describe("weights of a file", () => {
  it.each([
    ["F32", f32(1.5, -2), [1.5, -2]],
    ["F64", new Uint8Array(Float64Array.of(1.5, -2).buffer), [1.5, -2]],
    // IEEE 754 binary16: 1.5, −2, the largest, the smallest subnormal.
    ["F16", new Uint8Array(Uint16Array.of(0x3e00, 0xc000, 0x7bff, 0x0001).buffer), [1.5, -2, 65504, 2 ** -24]],
    // bfloat16: the upper half of an f32.
    ["BF16", new Uint8Array(Uint16Array.of(0x3fc0, 0xc000).buffer), [1.5, -2]],
    ["I8", Uint8Array.of(127, 128, 255), [127, -128, -1]],
    ["U8", Uint8Array.of(0, 255), [0, 255]],
  ])("reads %s", (dtype, data, expected) => {
    expect(load([expected.length], stored(dtype, [expected.length], data))).toEqual(expected);
  });

  it("reorders dims as a map says", () => {
    const tensor = stored("F32", [2, 3], f32(1, 2, 3, 4, 5, 6));
    expect(load([3, 2], tensor, { map: (name) => ({ name, permute: [1, 0] }) })).toEqual([1, 4, 2, 5, 3, 6]);
    const seen = stored("F32", [1, 6], f32(1, 2, 3, 4, 5, 6));
    expect(load([6, 1], seen, { map: (name) => ({ name, as: [1, 2, 3], permute: [2, 1, 0] }) })).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it.each([
    ["another shape", () => load([3], stored("F32", [2], f32(1, 2))), "E_SHAPE", /tensor "w" does not fit "w"; expected \[3\], got \[2\]/],
    [
      "a missing tensor",
      () => nn.loadWeights(new Map([["bias", [1]]]), new Map([["bais", stored("F32", [1], f32(1))]])),
      "E_SHAPE",
      /"bias" has no tensor/,
    ],
    [
      "a tensor too many",
      () => nn.loadWeights(new Map(), new Map([["extra", stored("F32", [1], f32(1))]])),
      "E_SHAPE",
      /tensor "extra" fits no parameter/,
    ],
    ["an unknown dtype", () => load([1], stored("F8_E4M3", [1], Uint8Array.of(1))), "E_UNSUPPORTED", /dtype F8_E4M3; expected one of F32/],
    [
      "NaN",
      () => load([3], stored("F32", [3], f32(1, Number.NaN, Number.NaN))),
      "E_NONFINITE",
      /holds 2 numbers that are not finite.*got NaN at element 1/,
    ],
  ])("refuses %s", (_, action, code, message) => {
    expect(action).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  it("lets NaN pass when asked to", () => {
    expect(load([1], stored("F32", [1], f32(Number.NaN)), { allowNonFinite: true })).toEqual([Number.NaN]);
  });
});

describe("weights of a learner", () => {
  it("go out to a file and come back into another learner", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const options = {
      model: nn.sequential(nn.conv2d(2, 3), nn.batchNorm(), nn.relu(), nn.flatten(), nn.classifier({ capacity: 3 })),
      input: [5, 5, 1],
      optimizer: optim.sgd(),
      schedule: 0.1,
    };
    const x = Float32Array.from({ length: 50 }, (_, i) => ((i * 37) % 11) / 11);
    const first = await Learner.create(runtime, { ...options, seed: 1 });
    await first.observe({ x, y: [0, 2] });
    const tensors = new Map(
      [...(await first.weights())].map(([path, { shape, data }]) => [
        path,
        { dtype: "F32" as const, shape, data: new Uint8Array(data.buffer) },
      ]),
    );
    const file = readSafetensors(writeSafetensors(tensors), "weights");
    const model = nn.define(options.model, options.input);
    expect([...model.shapes.keys()].sort()).toEqual([...file.tensors.keys()].sort());
    const second = await Learner.create(runtime, { ...options, seed: 2, weights: nn.loadWeights(model.shapes, file.tensors) });
    expect(await second.predict(x)).toEqual(await first.predict(x));
    await expect(Learner.create(runtime, { ...options, weights: new Map([["1.wieght", new Float32Array(2)]]) })).rejects.toMatchObject({
      code: "E_CONFIG",
      hint: 'Did you mean "1.weight"?',
    });
    await expect(Learner.create(runtime, { ...options, weights: new Map([["1.weight", new Float32Array(3)]]) })).rejects.toMatchObject({
      code: "E_SHAPE",
    });
    runtime.close();
  });

  it("that a layer keeps beside its parameters move in training and survive a checkpoint", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const { stores } = await import("palimpsest");
    const store = stores.memory();
    const options = {
      model: nn.sequential(nn.batchNorm(), nn.classifier({ capacity: 2 })),
      input: [2],
      optimizer: optim.sgd(),
      schedule: 0.1,
      batchSize: 4,
      store,
    };
    const learner = await Learner.create(runtime, options);
    // Three rows in a step with room for four: the place without a row must not count.
    await learner.observe({ x: Float32Array.of(1, 0, 2, 0, 6, 3), y: [0, 1, 1] });
    const { data: mean } = (await learner.weights()).get("0.mean") as { data: Float32Array };
    const { data: variance } = (await learner.weights()).get("0.variance") as { data: Float32Array };
    // Momentum 0.1 of mean (3, 1) and unbiased variance (7, 3), from 0 and 1.
    expect([...mean].map((value) => +value.toFixed(5))).toEqual([0.3, 0.1]);
    expect([...variance].map((value) => +value.toFixed(5))).toEqual([1.6, 1.2]);
    await learner.save();
    const opened = await Learner.open(runtime, store);
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    runtime.close();
  });
});

describe("a model that answers at every step of time", () => {
  it("learns a label for each place, and evaluates by place", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const learner = await Learner.create(runtime, {
      model: nn.sequential(nn.embedding(4, 8), nn.gru(12, { returns: "all" }), nn.linear(4)),
      input: { shape: [6], dtype: "u8" },
      optimizer: optim.adamw({ weightDecay: 0 }),
      schedule: 0.02,
    });
    // The label is the token before: it takes a memory of one step.
    const x = Uint8Array.from({ length: 60 }, (_, i) => (i * i + (i >> 2)) % 4);
    const y = Array.from(x, (_, i) => (i % 6 === 0 ? 0 : (x[i - 1] as number)));
    const first = (await learner.observe({ x, y })).loss;
    expect(first).toBeGreaterThan(1);
    for (let i = 0; i < 150; i++) await learner.observe({ x, y });
    const { accuracy, count, loss } = await learner.evaluate([{ x, y }]);
    expect([accuracy, count]).toEqual([1, 10]);
    expect(loss).toBeLessThan(0.2);
    expect((await learner.predict(x)).labels.length).toBe(60);
    await expect(learner.observe({ x, y: y.slice(1) })).rejects.toMatchObject({
      code: "E_DATA",
      message: /expected 6 labels a row, got 59/,
    });
    runtime.close();
  });
});
