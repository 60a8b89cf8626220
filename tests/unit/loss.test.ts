import {
  Learner,
  type LearnerOptions,
  type Loss,
  losses,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  readSafetensors,
  stores,
  strategies,
  tensor,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const random = new RandomStream(6, "loss");
const drawn = (n: number): Float32Array => Float32Array.from({ length: n }, () => 2 * random.uniform() - 1);
const options = (loss: Loss, more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.linear(2),
  input: [3],
  loss,
  optimizer: optim.sgd(),
  schedule: 0.2,
  seed: 4,
  ...more,
});

/** The outputs of a linear layer, and what its weight must move by when each output's gradient is given. */
const outputsOf = (x: Float32Array, weight: Float32Array, bias: Float32Array): number[] =>
  Array.from({ length: (x.length / 3) * 2 }, (_, i) => {
    const [row, unit] = [i >> 1, i & 1];
    return [0, 1, 2].reduce((sum, f) => sum + (x[row * 3 + f] as number) * (weight[f * 2 + unit] as number), bias[unit] as number);
  });

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

describe("one step under a loss of values is the step of its formula", () => {
  const x = drawn(4 * 3);
  const y = drawn(4 * 2).map((value) => 3 * value);
  const inUnit = y.map((value) => (value + 3) / 6);
  /** A loss of an element d = output − target (or of output z and target t), and its slope in z. */
  const cases: [string, Loss, Float32Array, (z: number, t: number) => number, (z: number, t: number) => number, (z: number) => number][] = [
    ["mean squared error", losses.meanSquaredError(), y, (z, t) => (z - t) ** 2, (z, t) => 2 * (z - t), (z) => z],
    [
      "Huber",
      losses.huber({ delta: 0.5 }),
      y,
      (z, t) => (Math.abs(z - t) < 0.5 ? 0.5 * (z - t) ** 2 : 0.5 * (Math.abs(z - t) - 0.25)),
      (z, t) => Math.max(-0.5, Math.min(0.5, z - t)),
      (z) => z,
    ],
    [
      "binary cross-entropy",
      losses.binaryCrossEntropy(),
      inUnit,
      (z, t) => -t * Math.log(sigmoid(z)) - (1 - t) * Math.log(1 - sigmoid(z)),
      (z, t) => sigmoid(z) - t,
      sigmoid,
    ],
  ];
  it.each(cases)("%s", async (_, loss, targets, value, slope, answer) => {
    const learner = await Learner.create(runtime, options(loss));
    const numbers = async (): Promise<Float32Array[]> => [...(await learner.weights()).values()].map(({ data }) => data);
    const [weight, bias] = (await numbers()) as [Float32Array, Float32Array];
    const outputs = outputsOf(x, weight, bias);
    const predicted = await learner.predict(x);
    expect([predicted.labels.length, predicted.probabilities.length]).toEqual([0, 0]);
    for (const [i, z] of outputs.entries()) expect(predicted.values[i]).toBeCloseTo(answer(z), 6);
    const wanted = outputs.reduce((sum, z, i) => sum + value(z, targets[i] as number), 0) / 8;
    const evaluation = await learner.evaluate([{ x, y: targets }]);
    expect(evaluation.loss).toBeCloseTo(wanted, 6);
    expect([evaluation.accuracy, evaluation.count]).toEqual([Number.NaN, 4]);
    expect((await learner.observe({ x, y: targets })).loss).toBeCloseTo(wanted, 6);
    const [moved, shifted] = (await numbers()) as [Float32Array, Float32Array];
    for (let unit = 0; unit < 2; unit++) {
      const slopes = [0, 1, 2, 3].map((row) => slope(outputs[row * 2 + unit] as number, targets[row * 2 + unit] as number) / 8);
      expect(shifted[unit]).toBeCloseTo((bias[unit] as number) - 0.2 * slopes.reduce((a, b) => a + b), 6);
      for (let f = 0; f < 3; f++) {
        const gradient = slopes.reduce((sum, s, row) => sum + s * (x[row * 3 + f] as number), 0);
        expect(moved[f * 2 + unit]).toBeCloseTo((weight[f * 2 + unit] as number) - 0.2 * gradient, 6);
      }
    }
    await learner.close();
  });

  it("cosine distance, over places", async () => {
    const learner = await Learner.create(runtime, options(losses.cosineDistance(), { input: [2, 3] }));
    const [weight, bias] = [...(await learner.weights()).values()].map(({ data }) => data) as [Float32Array, Float32Array];
    const outputs = outputsOf(x, weight, bias);
    const distance = [0, 1, 2, 3].map((i) => {
      const [a, b, c, d] = [outputs[2 * i], outputs[2 * i + 1], y[2 * i], y[2 * i + 1]] as [number, number, number, number];
      return 1 - (a * c + b * d) / Math.hypot(a, b) / Math.hypot(c, d);
    });
    const { loss, count } = await learner.evaluate([{ x, y }]);
    expect(count).toBe(2);
    expect(loss).toBeCloseTo(distance.reduce((a, b) => a + b) / 4, 6);
    expect((await learner.observe({ x, y, weight: Float32Array.of(1, 3) })).loss).toBeCloseTo(
      ((distance[0] as number) + (distance[1] as number) + 3 * (distance[2] as number) + 3 * (distance[3] as number)) / 8,
      6,
    );
    await learner.close();
  });
});

describe("a learner of values", () => {
  /** The sine of a sum, which takes a hidden layer. */
  const batch = (): { x: Float32Array; y: Float32Array } => {
    const x = drawn(16 * 3);
    return {
      x,
      y: Float32Array.from({ length: 32 }, (_, i) => Math.sin(2 * (x[(i >> 1) * 3] as number) + (x[(i >> 1) * 3 + 1 + (i & 1)] as number))),
    };
  };
  const replaying = (): LearnerOptions =>
    options(losses.huber(), {
      model: nn.sequential(nn.linear(24), nn.tanh(), nn.linear(2)),
      optimizer: optim.adamw({ weightDecay: 0 }),
      schedule: 0.01,
      memory: memory.reservoir({ capacity: 40 }),
      strategies: [strategies.replay({ batchSize: 8 })],
    });

  it("learns a regression with replay, and continues from a checkpoint bit for bit", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, { ...replaying(), store });
    const test = [batch(), batch()];
    const first = (await learner.evaluate(test)).loss;
    for (let i = 0; i < 300; i++) await learner.observe(batch());
    await learner.save();
    const opened = await Learner.open(runtime, store);
    for (let i = 0; i < 20; i++) {
      const next = batch();
      expect((await opened.observe(next)).loss).toBe((await learner.observe(next)).loss);
    }
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    expect((await learner.evaluate(test)).loss).toBeLessThan(0.05 * first);
    expect(learner.stored).toBe(40);
    const { tensors } = readSafetensors(await learner.checkpoint(), "checkpoint");
    expect(tensors.get("memory/y")).toMatchObject({ dtype: "F32", shape: [40, 2] });
    await expect(Learner.open(runtime, store, { ...replaying(), loss: losses.huber({ delta: 2 }) })).rejects.toMatchObject({
      code: "E_MISMATCH",
      message: /saved with another loss/,
    });
    await learner.close();
    await opened.close();
  });

  it.each<[string, Loss, unknown, RegExp]>([
    ["too few values", losses.huber(), [1, 2, 3], /observe: y has the wrong length; expected 2 values a row, got 3$/],
    ["NaN", losses.huber(), [1, 2, Number.NaN, 4], /observe: row 1 of y holds NaN; expected finite numbers, got NaN at element 0$/],
    [
      "what is no f32",
      losses.meanSquaredError(),
      [1, 2, 3, 1e39],
      /row 1 of y holds Infinity; expected finite numbers, got Infinity at element 1$/,
    ],
    [
      "no probability",
      losses.binaryCrossEntropy(),
      [1, 0, 0.5, 1.5],
      /row 1 of y holds 1.5; expected numbers from 0 to 1, got 1.5 at element 1$/,
    ],
    ["no list", losses.huber(), 3, /y is not a list of values; expected numbers, got 3$/],
  ])("refuses %s", async (_, loss, y, message) => {
    const learner = await Learner.create(runtime, options(loss));
    const hash = await learner.stateHash();
    await expect(learner.observe({ x: drawn(6), y: y as number[] })).rejects.toMatchObject({ code: "E_DATA", message });
    expect(await learner.stateHash()).toBe(hash);
    await learner.close();
  });
});

describe("a loss of labels", () => {
  it("smooths labels over the classes that are not masked", async () => {
    const model = nn.classifier({ capacity: 5, mask: "seen" });
    const smooth = await Learner.create(runtime, options(losses.crossEntropy({ labelSmoothing: 0.25 }), { model, schedule: 0 }));
    const x = drawn(2 * 3);
    const { loss } = await smooth.observe({ x, y: [1, 3] });
    const { probabilities: p } = await smooth.predict(x);
    const logs = [1, 3, 6, 8].map((i) => Math.log(p[i] as number)) as [number, number, number, number];
    const rows = [0.875 * logs[0] + 0.125 * logs[1], 0.125 * logs[2] + 0.875 * logs[3]] as const;
    expect(loss).toBeCloseTo(-(rows[0] + rows[1]) / 2, 5);
    await smooth.close();
  });

  it("of the user's own trains, and its checkpoint is opened with it", async () => {
    const absolute: Loss = {
      kind: "absolute",
      options: {},
      targets: "values",
      rows: (outputs, targets) => tensor.sum(tensor.abs(tensor.sub(outputs, targets)), 1),
      answer: (outputs) => outputs,
    };
    const store = stores.memory();
    const learner = await Learner.create(runtime, options(absolute, { store, schedule: 0.01 }));
    const batch = { x: drawn(6), y: drawn(4) };
    const first = (await learner.observe(batch)).loss;
    for (let i = 0; i < 100; i++) await learner.observe(batch);
    expect((await learner.evaluate([batch])).loss).toBeLessThan(0.2 * first);
    await learner.save();
    await expect(Learner.open(runtime, store)).rejects.toMatchObject({ code: "E_UNSUPPORTED", message: /no loss called "absolute"/ });
    const opened = await Learner.open(runtime, store, options(absolute, { schedule: 0.01 }));
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    await learner.close();
    await opened.close();
  });

  it("refuses options out of range", () => {
    expect(() => losses.huber({ delta: 0 })).toThrow(/losses\.huber: option "delta" is out of range/);
    expect(() => losses.crossEntropy({ labelSmoothing: 1 })).toThrow(/losses\.crossEntropy: option "labelSmoothing" is out of range/);
    expect(() => losses.crossEntropy({ smoothing: 1 } as never)).toThrow(/unknown option "smoothing"/);
  });
});
