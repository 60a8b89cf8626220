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
      /"bias" has no tensor; expected "bias", got none of that name/,
    ],
    [
      "an infinite half",
      () => load([2], stored("F16", [2], new Uint8Array(Uint16Array.of(0, 0xfc00).buffer))),
      "E_NONFINITE",
      /holds 1 numbers that are not finite.*got -Infinity at element 1/,
    ],
    [
      "a tensor cut short",
      () => load([2], stored("F32", [2], f32(1))),
      "E_SHAPE",
      /"w" is not whole; expected 8 bytes of F32 \[2\], got 4/,
    ],
    ["an inherited dtype", () => load([1], stored("toString", [1], f32(1))), "E_UNSUPPORTED", /dtype toString/],
    [
      "an order that is none",
      () => load([2, 2], stored("F32", [2, 2], f32(1, 2, 3, 4)), { map: (name) => ({ name, permute: [0, 0] }) }),
      "E_CONFIG",
      /orders the dims of "w" wrongly; expected each dim from 0 to 1 once, got \[0, 0\]/,
    ],
    [
      "an order of fewer dims than the tensor has",
      () => load([2, 2], stored("F32", [2, 2, 1], f32(1, 2, 3, 4)), { map: (name) => ({ name, permute: [1, 0] }) }),
      "E_CONFIG",
      /orders the dims of "w" wrongly; expected each dim from 0 to 2 once, got \[1, 0\]/,
    ],
    [
      "an option that is none",
      () => load([1], stored("F32", [1], f32(1)), { alowExtra: true } as never),
      "E_CONFIG",
      /unknown option "alowExtra"/,
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

  it("names the tensor that a missing one may be, and lets those too many be when asked to", () => {
    const tensors = new Map([
      ["0.wieght", stored("F32", [1], f32(2))],
      ["other", stored("F32", [1], f32(1))],
    ]);
    expect(() => nn.loadWeights(new Map([["0.weight", [1]]]), tensors)).toThrow(
      expect.objectContaining({ hint: 'Did you mean "0.wieght"?' }),
    );
    const map = (): string => "0.wieght";
    expect([...nn.loadWeights(new Map([["0.weight", [1]]]), tensors, { map, allowExtra: true })]).toEqual([
      ["0.weight", Float32Array.of(2)],
    ]);
  });

  it("lets NaN pass when asked to", () => {
    expect(load([1], stored("F32", [1], f32(Number.NaN)), { allowNonFinite: true })).toEqual([Number.NaN]);
  });
});

describe("weights for a file", () => {
  const words = (dtype: nn.WeightDtype, ...values: number[]): number[] => {
    const data = nn.storeWeights(new Map([["w", { shape: [values.length], data: Float32Array.from(values) }]]), { dtype }).get("w")?.data;
    return [...new Uint16Array((data as Uint8Array<ArrayBuffer>).buffer)];
  };
  const numbers = [0.1, -1 / 3, 65519, 65504, 2049, 2051, 6.1e-5, 5.96e-8, 2.98e-8, 3.1e-8, 1e-3, -123.456, 1.00048828125, 1.00146484375];
  it("round as PyTorch 1.13 does: half() and bfloat16()", () => {
    expect(words("F16", ...numbers)).toEqual([
      0x2e66, 0xb555, 0x7bff, 0x7bff, 0x6800, 0x6802, 0x3ff, 0x1, 0x0, 0x1, 0x1419, 0xd7b7, 0x3c00, 0x3c02,
    ]);
    expect(words("BF16", ...numbers)).toEqual([
      0x3dcd, 0xbeab, 0x4780, 0x4780, 0x4500, 0x4500, 0x3880, 0x3380, 0x3300, 0x3305, 0x3a83, 0xc2f7, 0x3f80, 0x3f80,
    ]);
  });

  it.each([
    ["F16", 0x7c00],
    ["BF16", 0x7f80],
  ] as const)("every %s is written as it was read, and what lies between two goes to the nearer, or to the even one", (dtype, end) => {
    const bits = Uint16Array.from({ length: end }, (_, i) => i);
    const values = nn.loadWeights(new Map([["w", [end]]]), new Map([["w", stored(dtype, [end], new Uint8Array(bits.buffer))]])).get("w");
    const read = [...(values as Float32Array)];
    expect(words(dtype, ...read)).toEqual([...bits]);
    expect(words(dtype, ...read.map((value) => -value))).toEqual([...bits].map((word) => word | 0x8000));
    const middle = read.slice(1).map((value, i) => (value + (read[i] as number)) / 2);
    expect(words(dtype, ...middle)).toEqual(middle.map((_, i) => i + (i % 2)));
    expect(words(dtype, ...middle.map((value) => value * 1.0001))).toEqual(middle.map((_, i) => i + 1));
    expect(words(dtype, ...middle.map((value) => value * 0.9999))).toEqual(middle.map((_, i) => i));
  });

  it.each(["F32", "F16", "BF16", "I8"] as const)("%s: go to a file and back through one map", (dtype) => {
    const data = Float32Array.from({ length: 24 }, (_, i) => i - 12);
    const weights = new Map([
      ["conv.weight", { shape: [3, 2, 4], data }],
      ["head", { shape: [6, 4], data: data.map((value) => 20 - value) }],
      ["bias", { shape: [2], data: Float32Array.of(1, -2) }],
    ]);
    const map = (path: string): nn.WeightSource =>
      path === "head" ? { name: "out.w", as: [4, 2, 3], permute: [1, 2, 0] } : path === "bias" ? "b" : { name: path, permute: [2, 0, 1] };
    const file = readSafetensors(writeSafetensors(nn.storeWeights(weights, { dtype, map })), "f").tensors;
    expect([...file].map(([name, { dtype: kind, shape }]) => [name, kind, shape])).toEqual([
      ["conv.weight", dtype, [2, 4, 3]],
      ["out.w", dtype, [4, 2, 3]],
      ["b", dtype, [2]],
    ]);
    // Element (j, k, i) of the file is element (i, j, k) of the parameter.
    const view = nn.loadWeights(new Map([["conv.weight", [2, 4, 3]]]), file, { allowExtra: true }).get("conv.weight");
    expect([view?.[12 + 2 * 3], view?.[12 + 3 * 3 + 2]]).toEqual([data[4 + 2], data[2 * 8 + 4 + 3]]);
    const shapes = new Map([...weights].map(([path, { shape }]) => [path, shape]));
    expect(nn.loadWeights(shapes, file, { map })).toEqual(new Map([...weights].map(([path, { data: numbers_ }]) => [path, numbers_])));
  });

  it.each<[string, number[], nn.StoreOptions, string, RegExp]>([
    ["a half that is too large", [1, 65520], { dtype: "F16" }, "E_DATA", /"w" does not fit F16; .*, got 65520 at element 1/],
    ["a byte that is too large", [256], { dtype: "U8" }, "E_DATA", /does not fit U8; .*, got 256 at element 0/],
    ["a byte that is not whole", [0.5], { dtype: "I8" }, "E_DATA", /does not fit I8; .*, got 0.5 at element 0/],
    ["an order of other dims", [1, 2], { map: (name) => ({ name, permute: [1, 0] }) }, "E_CONFIG", /dims of "w" wrongly; .* got \[1, 0\]/],
    [
      "other dims",
      [1, 2],
      { map: (name) => ({ name, as: [3] }) },
      "E_SHAPE",
      /"w" does not fit the map; expected dims of \[2\], got \[3\]/,
    ],
    ["NaN", [0, Number.NaN], {}, "E_NONFINITE", /got NaN at element 1/],
    [
      "a dtype that it does not write",
      [0],
      { dtype: "F64" as "F32" },
      "E_CONFIG",
      /option "dtype" has no such choice; expected one of F32, F16, BF16, I8, U8/,
    ],
  ])("refuse %s", (_, values, options, code, message) => {
    const weights = new Map([["w", { shape: [values.length], data: Float32Array.from(values) }]]);
    expect(() => nn.storeWeights(weights, options)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  it("refuse two parameters in one place, and let infinity pass when asked to", () => {
    const one = { shape: [1], data: Float32Array.of(Number.POSITIVE_INFINITY) };
    const allow = { allowNonFinite: true };
    expect(() =>
      nn.storeWeights(
        new Map([
          ["a", one],
          ["b", one],
        ]),
        { ...allow, map: () => "w" },
      ),
    ).toThrow(/"b" has another's place/);
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      const file = nn.storeWeights(new Map([["a", one]]), { ...allow, dtype });
      expect(nn.loadWeights(new Map([["a", [1]]]), file, allow).get("a")).toEqual(one.data);
    }
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
    const file = readSafetensors(writeSafetensors(nn.storeWeights(await first.weights())), "weights");
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
