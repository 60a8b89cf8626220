/** Strategies of replay against what their sources say, in closed form. */
import {
  augment,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type Store,
  type Strategy,
  stores,
  strategies,
  type Tensor,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rateAt } from "../../src/strategy/gdumb.ts";
import { waveAt } from "../../src/strategy/hpcr.ts";
import { proxyLoss } from "../../src/strategy/proxies.ts";
import { viewOf } from "../../src/strategy/views.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

/** A classifier of two classes on two inputs, without more. */
const options = (more: Partial<LearnerOptions>): LearnerOptions => ({
  model: nn.classifier({ capacity: 2 }),
  input: [2],
  optimizer: optim.sgd(),
  schedule: 1,
  memory: memory.reservoir({ capacity: 10 }),
  ...more,
});

const weightsOf = async (learner: Learner): Promise<number[]> => [...(await learner.weights()).values()].flatMap(({ data }) => [...data]);

describe("gdumb", () => {
  const learned = async (more: Partial<LearnerOptions>, online: boolean) => {
    const learner = await Learner.create(
      runtime,
      options({ memory: memory.greedy({ capacity: 10 }), strategies: [strategies.gdumb({ epochs: 40, online })], ...more }),
    );
    const first = await weightsOf(learner);
    for (let i = 0; i < 20; i++) {
      const y = Array<number>(10).fill(i < 10 ? 0 : 1);
      await learner.observe({
        x: Float32Array.from({ length: 20 }, (_, k) => (k % 2 === (y[0] as number) ? 1 + ((i + k) % 7) / 10 : 0)),
        y,
      });
    }
    const last = await weightsOf(learner);
    await learner.consolidate();
    const stats = await learner.memory?.stats();
    const prediction = await learner.predict(Float32Array.of(1, 0, 0, 1));
    await learner.close();
    return { first, last, stats, prediction };
  };

  it("keeps five of each of two classes, learns from them alone, and leaves the learner's parameters as they are", async () => {
    const { first, last, stats, prediction } = await learned({ optimizer: optim.adamw({ weightDecay: 0.1 }) }, false);
    expect(last).toEqual(first);
    expect(stats?.groups.label.map(({ stored }) => stored)).toEqual([5, 5]);
    expect([...(prediction.labels as Uint32Array)]).toEqual([0, 1]);
  });

  it("answers the same whatever the steps train", async () => {
    const [off, on] = [await learned({}, false), await learned({ schedule: 0.3 }, true)];
    expect(on.last).not.toEqual(on.first);
    expect(on.prediction).toEqual(off.prediction);
  });

  it("goes on in the middle of its training, once opened again, to the same bits", async () => {
    const plan = (strategy: Strategy, store: Store): LearnerOptions =>
      options({ memory: memory.greedy({ capacity: 10 }), strategies: [strategy], store, durability: "relaxed" });
    const gdumb = strategies.gdumb({ epochs: 40 });
    let pieces = 0;
    const killed: Strategy = {
      ...gdumb,
      phases: (gdumb.phases ?? []).map((phase) => ({
        ...phase,
        next: async (context, cursor) => (++pieces === 3 ? Promise.reject(new Error("killed")) : phase.next(context, cursor)),
      })),
    };
    const batch = { x: Float32Array.of(1, 0, 0, 1), y: [0, 1] };
    const [whole, first] = [stores.memory(), stores.memory()];
    const uninterrupted = await Learner.create(runtime, plan(gdumb, whole));
    const learner = await Learner.create(runtime, plan(killed, first));
    for (const one of [uninterrupted, learner]) await one.observe(batch);
    await uninterrupted.consolidate();
    await expect(learner.consolidate()).rejects.toThrow("killed");
    await learner.close();
    const again = await Learner.open(runtime, first);
    for (const one of [uninterrupted, again]) await one.observe(batch);
    expect(await again.stateHash()).toBe(await uninterrupted.stateHash());
    expect(await again.predict(batch.x)).toEqual(await uninterrupted.predict(batch.x));
    await again.close();
    await uninterrupted.close();
  });

  it("has the rates of cosine warm restarts of 1, 2, 4 … epochs, the first epoch at a tenth", () => {
    const rates = Array.from({ length: 9 }, (_, epoch) => {
      const { share, angle } = rateAt(epoch);
      return share * 0.5 * (1 + Math.cos(angle));
    });
    const half = Math.SQRT1_2;
    const wanted = [0.1, 1, 1, 0.5, 1, 0.5 * (1 + half), 0.5, 0.5 * (1 - half), 1];
    for (const [i, rate] of rates.entries()) expect(rate).toBeCloseTo(wanted[i] as number, 12);
  });
});

describe("der", () => {
  it("holds drawn rows to the logits they had, by the mean square over rows and classes", async () => {
    const strategy = strategies.der({ batchSize: 1, alpha: 1, beta: 0 });
    const weights = new Map([
      ["weight", Float32Array.of(1, 2, 0, 0)],
      ["bias", Float32Array.of(0, 0)],
    ]);
    const learner = await Learner.create(runtime, options({ weights, strategies: [strategy] }));
    const row = { x: Float32Array.of(1, 0), y: [0] };
    expect((await learner.observe(row)).terms.replay).toBe(0);
    const after = await learner.weights();
    const [w, b] = ["weight", "bias"].map((path) => after.get(path)?.data as Float32Array) as [Float32Array, Float32Array];
    const moved = [0, 1].map((k) => (w[k] as number) + (b[k] as number) - (1 + k));
    expect((await learner.observe(row)).terms.replay).toBeCloseTo(((moved[0] as number) ** 2 + (moved[1] as number) ** 2) / 2, 5);
    await learner.close();
  });
});

describe("pcr and hpcr", () => {
  /** Columns (1, 0) and (0.6, 0.8). */
  const weights = new Map([
    ["weight", Float32Array.of(1, 0.6, 0, 0.8)],
    ["bias", Float32Array.of(0, 0)],
  ]);

  it("the loss of a row among proxies is the published one: cross-entropy with offsets log n, and log n of its class", async () => {
    const f = await runtime.compile(
      ({ scores, labels, counts }) => ({ loss: proxyLoss(scores as Tensor, labels as Tensor, counts as Tensor) }),
      { scores: [2, 2], labels: { shape: [2], dtype: "u32" }, counts: [2] },
    );
    const scores = [0.8 / 0.09, 0.96 / 0.09];
    const { loss } = await f.run({ scores: [...scores, ...scores], labels: [0, 1], counts: [3, 1] });
    expect(loss?.[0]).toBeCloseTo(2.187925, 5);
    expect((loss?.[0] as number) - Math.log(3)).toBeCloseTo(1.089313, 5);
    const alone = await f.run({ scores: [...scores, ...scores], labels: [0, 0], counts: [3, 0] });
    expect(alone.loss?.[0]).toBeCloseTo(Math.log(3), 5);
    f.close();
  });

  it("learns nothing while memory is empty; then new and drawn rows count alike, two equal views as one", async () => {
    const losses: number[][] = [];
    for (const view of [augment.none(), augment.noise({ deviation: 0 })]) {
      const learner = await Learner.create(
        runtime,
        options({ weights, schedule: 0, strategies: [strategies.pcr({ batchSize: 3, augment: view })] }),
      );
      const own: number[] = [];
      own.push((await learner.observe({ x: Float32Array.of(8, 6), y: [0] })).loss);
      own.push((await learner.observe({ x: Float32Array.of(0, 1), y: [1] })).loss);
      losses.push(own);
      await learner.close();
    }
    const entropy = (own: number, other: number): number => Math.log(1 + Math.exp((other - own) / 0.09));
    const wanted = (entropy(0.8, 0.96) + entropy(0.8, 0)) / 2;
    expect(losses[0]?.[0]).toBe(0);
    expect(losses[0]?.[1]).toBeCloseTo(wanted, 4);
    expect(losses[1]?.[0]).toBe(0);
    expect(losses[1]?.[1]).toBeCloseTo(wanted + Math.log(2), 4);
  });

  it("answers by cosines: a column twice as long changes nothing", async () => {
    const answers: number[][] = [];
    for (const scale of [1, 2]) {
      const learner = await Learner.create(
        runtime,
        options({
          weights: new Map([["weight", Float32Array.of(scale, 0.6, 0, 0.8)]]),
          strategies: [strategies.pcr({ batchSize: 3 })],
        }),
      );
      answers.push([...(await learner.predict(Float32Array.of(0.8, 0.6))).probabilities]);
      await learner.close();
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(Math.log((answers[0]?.[1] as number) / (answers[0]?.[0] as number))).toBeCloseTo(0.16 / 0.09, 4);
  });

  it("hpcr: the scale swings as published, and is all there is before the first boundary", async () => {
    const f = await runtime.compile(({ place }) => ({ wave: waveAt(place as Tensor, 500) }), { place: [3] });
    const { wave } = await f.run({ place: [0, 125, 250] });
    f.close();
    expect([...(wave as Float32Array)].map((w) => (1.8 - 0.5625) * w + 0.5625)).toEqual(
      [0.5625, 1.18125, 1.8].map((value) => expect.closeTo(value, 6)),
    );
    const learned = async (strategy: ReturnType<typeof strategies.pcr>) => {
      const learner = await Learner.create(runtime, options({ weights, schedule: 0, strategies: [strategy] }));
      const losses: number[] = [];
      for (let i = 0; i < 4; i++) {
        losses.push((await learner.observe({ x: Float32Array.of(i % 2, 1), y: [i % 2] })).loss);
        if (i === 2) await learner.consolidate();
      }
      await learner.close();
      return losses;
    };
    const [plain, swung] = [await learned(strategies.pcr({ batchSize: 9 })), await learned(strategies.hpcr({ batchSize: 9, period: 2 }))];
    expect(swung[1]).toBeCloseTo(1.8 * (plain[1] as number), 4);
    expect(swung[2]).toBeCloseTo(0.5625 * (plain[2] as number), 4);
    // Weights stood still, so scores are as they were; of likenesses the cross-entropy is an entropy, that of three rows, two of them alike.
    const cos = Math.SQRT1_2;
    const entropyOf = (z: readonly number[]): number => {
      const total = z.reduce((sum, value) => sum + Math.exp(value / 0.09), 0);
      return z.reduce((sum, value) => sum - (Math.exp(value / 0.09) / total) * (value / 0.09 - Math.log(total)), 0);
    };
    const wanted = (2 * entropyOf([1, cos]) + entropyOf([cos, cos])) / 3;
    expect((swung[3] as number) - 1.8 * (plain[3] as number)).toBeCloseTo(0.5 * wanted, 4);
  });
});

describe("views", () => {
  const view = async (shape: readonly number[], kind: ReturnType<typeof augment.shift>, x: readonly number[]): Promise<number[]> => {
    const f = await runtime.compile(
      ({ x }, graph) => ({ y: viewOf(x as Tensor, kind, (stream, dims) => graph.random(stream, dims), "view") }),
      { x: shape },
    );
    const { y } = await f.run({ x });
    f.close();
    return [...(y as Float32Array)];
  };

  it("a moved image is the image moved, zeros behind it; every move comes up", async () => {
    const image = [1, 2, 3, 4, 5, 6];
    const moved = await view([64, 2, 3], augment.shift({ pixels: 1 }), Array(64).fill(image).flat());
    const at = (y: number, x: number): number => (y < 0 || y > 1 || x < 0 || x > 2 ? 0 : (image[3 * y + x] as number));
    const moves = [-1, 0, 1].flatMap((down) =>
      [-1, 0, 1].map((across) => [0, 1].flatMap((y) => [0, 1, 2].map((x) => at(y + down, x + across))).join()),
    );
    const found = new Set(Array.from({ length: 64 }, (_, i) => moved.slice(6 * i, 6 * i + 6).join()));
    expect([...found].sort()).toEqual([...moves].sort());
  });

  it("noise has the deviation it was asked for", async () => {
    const noisy = await view([100, 50], augment.noise({ deviation: 0.5 }), Array(5000).fill(2));
    const mean = noisy.reduce((a, b) => a + b) / 5000;
    expect(mean).toBeCloseTo(2, 1);
    expect(Math.sqrt(noisy.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 5000)).toBeCloseTo(0.5, 1);
    await expect(view([2, 3], augment.shift(), Array(6).fill(1))).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});
