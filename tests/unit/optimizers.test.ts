import { Learner, type LearnerOptions, nn, openRuntime, optim, type Runtime, stores } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { optimizerConfig, optimizerFrom } from "../../src/optim/config.ts";
import { rules, transforms } from "../../src/optim/rules.ts";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

const { chain } = optim;
const rule = (name: string): optim.Optimizer => rules[name]?.({} as never) as optim.Optimizer;
const free = ["dadaptAdam", "dadaptSgd", "prodigy", "dog"];
const needed: Readonly<Record<string, object>> = {
  accumulate: { every: 3 },
  clipByGlobalNorm: { maxNorm: 1 },
  clipByNorm: { maxNorm: 1 },
  clipByValue: { limit: 0.1 },
  decoupledDecay: { weightDecay: 0.1, exclude: ["bias$"] },
  perGroup: { groups: [{ match: "^0", rateScale: 0.5, weightDecay: 0 }] },
};
const transform = (name: string): optim.Transform => transforms[name]?.((needed[name] ?? {}) as never) as optim.Transform;
/** Every rule alone, second-order UPGD in both ways, and every transform before AdamW. */
const optimizers: Readonly<Record<string, optim.Optimizer>> = {
  ...Object.fromEntries(Object.keys(rules).map((name) => [name, rule(name)])),
  "upgd of second order": optim.upgd({ order: 2 }),
  "upgd by random directions": optim.upgd({ order: 2, curvature: "hutchinson" }),
  ...Object.fromEntries(Object.keys(transforms).map((name) => [`${name} before adamw`, chain(transform(name), optim.adamw())])),
};

const options = (optimizer: optim.Optimizer, more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(nn.linear(8), nn.tanh(), nn.classifier({ capacity: 3 })),
  input: [4],
  optimizer,
  schedule: free.includes(optimizer.name) ? 1 : 0.01,
  batchSize: 8,
  seed: 7,
  ...more,
});

/** Rows whose label is the place of their largest of three numbers. */
function batchAt(step: number): { x: Float32Array; y: number[] } {
  const draw = new RandomStream(1, `rows ${step}`);
  const x = Float32Array.from({ length: 32 }, () => 2 * draw.uniform() - 1);
  const y = Array.from({ length: 8 }, (_, row) => {
    const [a, b, c] = x.subarray(4 * row, 4 * row + 3) as unknown as [number, number, number];
    return a > b && a > c ? 0 : b > c ? 1 : 2;
  });
  return { x, y };
}

describe("save at step k, open and continue", () => {
  it.each(Object.keys(optimizers))("%s: bit-equal for every k of 30 steps", async (name) => {
    const optimizer = optimizers[name] as optim.Optimizer;
    const whole = await Learner.create(runtime, options(optimizer));
    const saved: Uint8Array[] = [];
    for (let step = 0; step < 30; step++) {
      saved.push(await whole.checkpoint());
      expect((await whole.observe(batchAt(step))).skipped).toBeUndefined();
    }
    const expected = await whole.stateHash();
    expect((await whole.evaluate([batchAt(0)])).loss).toBeLessThan(3);
    // All of them from one learner after another: each goes on for a step and must meet the next checkpoint.
    for (const [k, bytes] of saved.entries()) {
      const store = stores.memory();
      await store.write(bytes);
      const learner = await Learner.open(runtime, store);
      expect(learner.step).toBe(k);
      await learner.observe(batchAt(k));
      if (k < 29) expect(await learner.checkpoint(), `step ${k}`).toEqual(saved[k + 1]);
      else expect(await learner.stateHash()).toBe(expected);
      await learner.close();
    }
    await whole.close();
  });
});

describe("settings", () => {
  it("are read, changed, told, saved and taken back", async () => {
    const store = stores.memory();
    const optimizer = chain(optim.clipByGlobalNorm({ maxNorm: 1 }), optim.adamw({ weightDecay: 0.1 }));
    const learner = await Learner.create(runtime, options(optimizer, { store }));
    expect([learner.get("learningRate"), learner.get("weightDecay"), learner.get("clipByGlobalNorm.maxNorm")]).toEqual([0.01, 0.1, 1]);
    expect((await learner.observe(batchAt(0))).metrics).toEqual({});
    learner.set("learningRate", 0.002);
    learner.set("clipByGlobalNorm.maxNorm", 0.5);
    const told = await learner.observe(batchAt(1));
    expect(told.learningRate).toBe(0.002);
    expect(told.metrics).toEqual({ "clipByGlobalNorm.maxNorm": 0.5 });
    await learner.save();
    const opened = await Learner.open(runtime, store);
    expect([opened.get("learningRate"), opened.get("clipByGlobalNorm.maxNorm")]).toEqual([0.002, 0.5]);
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    opened.set("learningRate", undefined);
    expect(opened.get("learningRate")).toBe(0.01);
    expect(await opened.stateHash()).not.toBe(await learner.stateHash());
  });

  it("reach the update: a rate of 0 leaves weights as they are", async () => {
    const learner = await Learner.create(runtime, options(optim.adamw()));
    learner.set("learningRate", 0);
    const before = await learner.weights();
    await learner.observe(batchAt(0));
    expect(await learner.weights()).toEqual(before);
  });

  it("are refused outside their ranges, and by other names", async () => {
    const learner = await Learner.create(runtime, options(optim.adamw()));
    for (const [name, value] of [
      ["beta1", 1],
      ["beta1", -0.1],
      ["learningRate", -1],
      ["eps", 0],
      ["weightDecai", 0.1],
      ["weightDecay", Number.NaN],
    ] as const)
      expect(() => learner.set(name, value), name).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    expect(() => learner.get("momentum")).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});

describe("averaged weights", () => {
  it("answer where they are asked for, by averages beside the update and by schedule-free points", async () => {
    for (const optimizer of [chain(optim.averageWeights({ decay: 0.9, begin: "zero" }), optim.sgd()), optim.scheduleFreeSgd()]) {
      const learner = await Learner.create(runtime, options(optimizer, { schedule: 0.5 }));
      const { x } = batchAt(99);
      expect(await learner.predict(x, { averaged: true })).toEqual(await learner.predict(x));
      for (let step = 0; step < 40; step++) await learner.observe(batchAt(step));
      const [now, averaged] = [await learner.predict(x), await learner.predict(x, { averaged: true })];
      expect(averaged.probabilities).not.toEqual(now.probabilities);
      for (const [i, value] of averaged.probabilities.entries())
        expect(Math.abs(value - (now.probabilities[i] as number))).toBeLessThan(0.3);
      const { loss } = await learner.evaluate([batchAt(99)], { averaged: true });
      expect(loss).toBeLessThan(1.2);
    }
  });

  it("are refused where there are none", async () => {
    const learner = await Learner.create(runtime, options(optim.adamw()));
    await expect(learner.predict(batchAt(0).x, { averaged: true })).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});

describe("bad input", () => {
  const refused = (make: () => unknown): void => expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  it("is refused at creation", async () => {
    refused(() => optim.adam({ beta1: 1 }));
    refused(() => optim.lion({ beta2: -0.1 }));
    refused(() => optim.nadam({ eps: 0 }));
    refused(() => optim.adagrad({ weightDecay: -1 }));
    refused(() => optim.lamb({ trustclip: true } as never));
    refused(() => optim.clipByGlobalNorm({} as never));
    refused(() => optim.clipByValue({ limit: 0 }));
    refused(() => optim.accumulate({ every: 1.5 }));
    refused(() => optim.nadamw({ correction: "torch" as never }));
    refused(() => optim.upgd({ order: 3 as never }));
    refused(() => optim.upgd({ curvature: "hesscale" }));
    refused(() => optim.saddleFreeNewton({ damping: 0 }));
    refused(() => optim.saddleFreeNewton({ vectors: 0 }));
    refused(() => optim.adafactor({ rate: "fast" as never }));
    refused(() => optim.adafactor({ momentum: 1 }));
    refused(() => optim.scheduleFreeSgd({ beta1: 0 }));
    refused(() => optim.decoupledDecay({ weightDecay: 0.1, exclude: ["("] }));
    refused(() => optim.perGroup({ groups: [{ match: "a", rateScale: -1 }] }));
    refused(() => optim.chain(optim.sgd() as never, optim.sgd()));
    await expect(
      Learner.create(runtime, options(chain(optim.decoupledDecay({ weightDecay: 0.1, exclude: ["gain$"] }), optim.sgd()))),
    ).rejects.toMatchObject({
      code: "E_CONFIG",
    });
  });

  it("a state of another optimizer is refused", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, options(optim.adam(), { store }));
    await learner.save();
    await expect(Learner.open(runtime, store, options(optim.lion()))).rejects.toMatchObject({ code: "E_MISMATCH" });
  });

  it("every part is made again from plain data", () => {
    for (const optimizer of Object.values(optimizers)) {
      const config = JSON.parse(JSON.stringify(optimizerConfig(optimizer)));
      expect(optimizerConfig(optimizerFrom(config))).toEqual(config);
    }
    expect(() => optimizerFrom({ name: "toString", options: {}, scales: [] })).toThrow(expect.objectContaining({ code: "E_UNSUPPORTED" }));
  });
});
