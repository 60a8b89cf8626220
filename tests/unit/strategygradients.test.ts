/** Strategies that change gradients, or the way that steps go, against closed forms. */
import {
  Learner,
  type LearnerOptions,
  losses,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type Strategy,
  stores,
  strategies,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { weightsOf } from "../../src/strategy/gem.ts";
import { openLinear } from "../../src/wasm/linear.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

/** One number w, at first 0, or one for each input: of a row with x and y the loss is (w·x − y)², its gradient 2(w·x − y)·x. */
const options = (inputs: number, strategy: readonly Strategy[], more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.linear(1, { bias: false }),
  input: [inputs],
  loss: losses.meanSquaredError(),
  optimizer: optim.sgd(),
  schedule: 0.1,
  memory: memory.reservoir({ capacity: 10 }),
  weights: new Map([["weight", new Float32Array(inputs)]]),
  strategies: strategy,
  ...more,
});

const weightOf = async (learner: Learner): Promise<number[]> => [...((await learner.weights()).get("weight")?.data ?? [])];
const close = (values: readonly number[], digits = 5): unknown => values.map((value) => expect.closeTo(value, digits));

describe("gem", () => {
  it("has the published weights", async () => {
    const linear = await openLinear();
    const solve = (g: readonly number[], rows: readonly (readonly number[])[]): Float64Array => {
      const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
      const products = rows.flatMap((row) => [dot(row, g), ...rows.map((other) => dot(row, other))]);
      return weightsOf(products, { count: rows.length, tasks: rows.length, margin: 0.5, eps: 1e-3 }, linear);
    };
    expect([...solve([1, -1], [[0, 1]])]).toEqual(close([0.999001], 6));
    const eye = [
      [1, 0],
      [0, 1],
    ];
    expect([...solve([-1, 0.2], eye)]).toEqual(close([0.999001, 0.5], 6));
    expect([...solve([1, 0.2], eye)]).toEqual([0, 0]);
  });

  it("steps along g + Σ v·G: against the gradient of a past task not at all", async () => {
    const learner = await Learner.create(runtime, options(2, [strategies.gem({ tasks: 3, batchSize: 4 })]));
    // At w = 0 the gradient of a row is −2y·x: here (0, 1), there (1, −1).
    await learner.observe({ x: Float32Array.of(0, 1), y: Float32Array.of(-0.5), task: 0 });
    learner.set("learningRate", 0);
    await learner.observe({ x: Float32Array.of(0, 1), y: Float32Array.of(-0.5), task: 0 });
    learner.set("learningRate", 0.1);
    const before = await weightOf(learner);
    expect(before).toEqual(close([0, -0.1]));
    await learner.observe({ x: Float32Array.of(1, -1), y: Float32Array.of(0.1 - 0.5), task: 1 });
    // The past one's gradient is now 0.8·(0, 1), this one's 2(0.1 + 0.4)·(1, −1).
    const v = 0.8 / (0.64 + 1e-3);
    expect(await weightOf(learner)).toEqual(close([-0.1, -0.1 - 0.1 * (-1 + 0.8 * v)]));
    await learner.close();
  });
});

describe("programs that read rows", () => {
  it("are refused where rows lie in a file", async () => {
    for (const strategy of [strategies.gem(), strategies.mer(), strategies.gdumb({}), strategies.fpf(), strategies.mir({ batchSize: 4 })])
      await expect(
        Learner.create(runtime, {
          ...options(2, [strategy], { model: nn.classifier({ capacity: 2 }), loss: losses.crossEntropy(), weights: new Map() }),
          store: stores.memory(),
          durability: "relaxed",
          residentBytes: 1024,
        }),
      ).rejects.toMatchObject({ code: "E_CONFIG", message: /residentBytes/ });
  });
});

describe("efficientMer", () => {
  const learned = async (epsilon: number, steps: number): Promise<number[]> => {
    const learner = await Learner.create(runtime, options(1, [strategies.efficientMer({ every: 2, epsilon })], { schedule: 0.05 }));
    const found: number[] = [];
    for (let i = 0; i < steps; i++) {
      await learner.observe({ x: Float32Array.of(1), y: Float32Array.of(i % 2 === 0 ? 1 : 3) });
      found.push((await weightOf(learner))[0] as number);
    }
    await learner.close();
    return found;
  };

  it("keeps a tenth of each window's way: 0.039 of 0.39", async () => {
    // (θ − y)² at 0.05 is ½(θ − y)² at 0.1.
    expect(await learned(0.1, 2)).toEqual(close([0.1, 0.039], 6));
  });

  it("with ε = 1 it is plain training, with ε = 0 parameters are as at first at each window's end", async () => {
    expect(await learned(1, 2)).toEqual(close([0.1, 0.39], 6));
    const [, second, , fourth] = await learned(0, 4);
    expect([second, fourth]).toEqual([0, 0]);
  });
});

describe("mer", () => {
  it("goes through algorithm 6: single rows of memory, what arrives last, both interpolations", async () => {
    const [beta, gamma, rate] = [0.5, 0.4, 0.05];
    const strategy = strategies.mer({ batches: 2, batchSize: 2, learningRate: rate, beta, gamma });
    const learner = await Learner.create(runtime, options(1, [strategy], { optimizer: optim.adamw({ weightDecay: 0.1 }) }));
    const step = (w: number, y: number): number => w - rate * 2 * (w - y);
    let w = 0;
    const seen: number[] = [];
    for (const y of [1, 3]) {
      const result = await learner.observe({ x: Float32Array.of(1), y: Float32Array.of(y) });
      expect(result.loss).toBeCloseTo((w - y) ** 2, 5);
      const start = w;
      for (let batch = 0; batch < 2; batch++) {
        const within = w;
        // There is one row in memory, or none.
        for (const old of seen) w = step(w, old);
        w = within + beta * (step(w, y) - within);
      }
      w = start + gamma * (w - start);
      seen.push(y);
      expect(await weightOf(learner)).toEqual(close([w]));
    }
    await learner.close();
  });

  it("skips a step whose way ends at no number, and changes nothing", async () => {
    const learner = await Learner.create(runtime, options(1, [strategies.mer({ batches: 3, batchSize: 3, learningRate: 1e20, beta: 1 })]));
    const before = await learner.stateHash();
    const { skipped } = await learner.observe({ x: Float32Array.of(1), y: Float32Array.of(3) });
    expect(skipped?.step).toBe(1);
    expect(await learner.stateHash()).toBe(before);
    await learner.close();
  });
});

describe("refresh", () => {
  const plain = { noise: 0, rows: 0 };

  it("goes up the loss by the published step: of θ = (3, 4) and gradient (1, 0) by (5e-5, 0)", async () => {
    const weights = new Map([["weight", Float32Array.of(3, 4)]]);
    const learner = await Learner.create(runtime, options(2, [strategies.refresh(plain)], { schedule: 0, weights }));
    await learner.observe({ x: Float32Array.of(1, 0), y: Float32Array.of(2.5) });
    const [first, second] = await weightOf(learner);
    expect((first as number) - 3).toBeCloseTo(5e-5, 6);
    expect(second).toBe(4);
    await learner.close();
  });

  it("makes the step from there, and beside the noise of its deviation", async () => {
    const weights = new Map([["weight", Float32Array.of(1)]]);
    const learner = await Learner.create(runtime, options(1, [strategies.refresh({ ...plain, rate: 0.1 })], { weights }));
    await learner.observe({ x: Float32Array.of(1), y: Float32Array.of(0) });
    // Up by 0.1·|θ| to 1.1, then down by 0.1·2·1.1.
    expect(await weightOf(learner)).toEqual(close([0.88]));
    await learner.close();
    const many = new Map([["weight", new Float32Array(4000)]]);
    const noisy = await Learner.create(
      runtime,
      options(4000, [strategies.refresh({ rows: 0, rate: 1, noise: 2 })], { schedule: 0, weights: many }),
    );
    await noisy.observe({ x: new Float32Array(4000), y: Float32Array.of(0) });
    const found = await weightOf(noisy);
    expect(Math.sqrt(found.reduce((sum, value) => sum + value * value, 0) / 4000)).toBeCloseTo(2, 1);
    await noisy.close();
  });

  it("holds back what is important: F is the mean of p·g² over rows", async () => {
    const weights = new Map([["weight", Float32Array.of(1, -1, 0, 0)]]);
    const strategy = strategies.refresh({ rate: 0.1, noise: 0, damping: 3, rows: 5, decay: 0.5 });
    const model = nn.classifier({ capacity: 2 });
    const bias = ["bias", new Float32Array(2)] as const;
    const learner = await Learner.create(
      runtime,
      options(2, [strategy], { model, loss: losses.crossEntropy(), schedule: 0, weights: new Map([...weights, bias]) }),
    );
    const row = { x: Float32Array.of(1, 0), y: [0] };
    const moved = async (): Promise<number> => {
      const before = (await learner.weights()).get("weight")?.data[0] as number;
      await learner.observe(row);
      return ((await learner.weights()).get("weight")?.data[0] as number) - before;
    };
    await moved();
    await learner.consolidate();
    const [a, b] = [...((await learner.weights()).get("weight")?.data ?? [])];
    const bent = [...((await learner.weights()).get("bias")?.data ?? [])];
    const p = 1 / (1 + Math.exp((b as number) + (bent[1] as number) - (a as number) - (bent[0] as number)));
    const importance = p * (1 - p) ** 2;
    const length = Math.hypot(a as number, b as number);
    expect(await moved()).toBeCloseTo((-0.1 * length * Math.SQRT1_2) / (1 + 3 * importance), 5);
    await learner.close();
  });

  it("takes its move back where the step is skipped", async () => {
    const store = memory.reservoir({ capacity: 4 });
    const weights = new Map([["weight", Float32Array.of(3)]]);
    const learner = await Learner.create(runtime, options(1, [strategies.refresh({ rate: 0.1, rows: 0 })], { memory: store, weights }));
    await learner.observe({ x: Float32Array.of(1), y: Float32Array.of(1) });
    const [before, hash] = [await weightOf(learner), await learner.stateHash()];
    const { skipped } = await learner.observe({ x: Float32Array.of(1), y: Float32Array.of(1e30) });
    expect(skipped).toBeDefined();
    expect(await weightOf(learner)).toEqual(before);
    expect(await learner.stateHash()).toBe(hash);
    await learner.observe({ x: Float32Array.of(1), y: Float32Array.of(1) });
    expect(await weightOf(learner)).not.toEqual(before);
    await learner.close();
  });
});
