/** Strategies that do something once a session is over: first session adaptation, alignment of the classifier. */
import {
  type Batch,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type Strategy,
  strategies,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkBatch } from "../../src/learner/batch.ts";
import { Engine } from "../../src/learner/engine.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import { weightsOf as weightsIn } from "../../src/learner/weights.ts";
import { RandomStream } from "../../src/random.ts";
import { addGauss, gaussDraw } from "../../src/strategy/gauss.ts";
import { expectNear, headed, mean, type Row, spread } from "./headed.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const [INPUTS, CLASSES, ROWS] = [3, 4, 6];
const body = [nn.linear(5), nn.film(), nn.tanh(), nn.dropout(0.2)] as const;
const options = (strategy: Strategy, more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(...body, nn.classifier({ capacity: CLASSES })),
  input: [INPUTS],
  optimizer: optim.adamw({ weightDecay: 0.1 }),
  schedule: 0.02,
  memory: memory.reservoir({ capacity: 100 }),
  strategies: [strategy],
  seed: 5,
  batchSize: ROWS,
  ...more,
});

/** Two classes a task. */
function batchAt(index: number, task: number): Batch {
  const draw = new RandomStream(7, `batch ${index}`);
  const y = Array.from({ length: ROWS }, (_, i) => 2 * task + (i % 2));
  const x = Float32Array.from({ length: INPUTS * ROWS }, (_, i) => {
    const label = y[Math.floor(i / INPUTS)] as number;
    return draw.uniform() - 0.5 + ((label >> (i % INPUTS)) & 1);
  });
  return { x, y, task, id: Array.from({ length: ROWS }, (_, row) => ROWS * index + row) };
}

async function learn(learner: Learner, from: number, to: number, task: number): Promise<void> {
  for (let index = from; index < to; index++) await learner.observe(batchAt(index, task));
}
const weightsOf = async (learner: Learner) =>
  Object.fromEntries([...(await learner.weights())].map(([path, { data }]) => [path, [...data]]));

describe("first session adaptation", () => {
  it("trains the body until the first boundary, and no bit of it after", async () => {
    const learner = await Learner.create(runtime, options(strategies.firstSession()));
    const first = await weightsOf(learner);
    await learn(learner, 0, 5, 0);
    await learner.consolidate();
    const then = await weightsOf(learner);
    for (const path of Object.keys(first)) expect(then[path], path).not.toEqual(first[path]);
    await learn(learner, 5, 10, 1);
    await learner.consolidate();
    await learn(learner, 10, 12, 1);
    expect(await weightsOf(learner)).toEqual(then);
    await learner.close();
  });

  it("trains nothing but film and the classifier where it is told so", async () => {
    const learner = await Learner.create(runtime, options(strategies.firstSession({ trains: "film" })));
    const first = await weightsOf(learner);
    await learn(learner, 0, 5, 0);
    const then = await weightsOf(learner);
    const moved = Object.keys(first).filter((path) => JSON.stringify(first[path]) !== JSON.stringify(then[path]));
    expect(moved).toEqual(["1.gamma", "1.beta", "4.weight", "4.bias"]);
    await learner.close();
    const bare = options(strategies.firstSession({ trains: "film" }), {
      model: nn.sequential(nn.linear(3), nn.classifier({ capacity: 4 })),
    });
    await expect(Learner.create(runtime, bare)).rejects.toMatchObject({ code: "E_CONFIG", message: expect.stringContaining("nn.film") });
  });

  it("has the published weights: rows are scored by the covariance of all, plus the identity", () => {
    const rows: Row[] = [
      [0, 1, 0],
      [0, 2, 1],
      [1, 0, 2],
      [1, -1, 1],
      [0, 1, 1],
    ];
    const head = headed(strategies.firstSession(), 2, 2);
    head.push(rows);
    const [[b0 = 0, b1 = 0] = []] = head.scores([0, 0]);
    expect([b0, b1]).toEqual([expect.closeTo(-0.610086, 6), expect.closeTo(-0.763838, 6)]);
    const [x = [], y = []] = head.scores([1, 0], [0, 1]);
    expect([x[0], y[0]].map((score) => (score ?? 0) - b0)).toEqual([expect.closeTo(0.639606, 6), expect.closeTo(0.551046, 6)]);
    expect([x[1], y[1]].map((score) => (score ?? 0) - b1)).toEqual([expect.closeTo(-0.110701, 6), expect.closeTo(0.98155, 6)]);
  });

  it("answers by what the frozen body makes of all rows, those of the first session among them", async () => {
    const learner = await Learner.create(runtime, options(strategies.firstSession()));
    await learn(learner, 0, 5, 0);
    await learner.consolidate();
    await learn(learner, 5, 8, 1);
    const weights = new Map([...(await learner.weights())].map(([path, { data }]) => [path, data]));
    const model = nn.sequential(...body.map(nn.frozen), nn.classifier({ capacity: CLASSES }));
    const other = await Learner.create(runtime, options(strategies.lda(), { model, weights }));
    await learn(other, 0, 5, 0);
    await learn(other, 5, 8, 1);
    const { x } = batchAt(20, 1) as { x: Float32Array };
    const [answers, expected] = [await learner.predict(x), await other.predict(x)];
    for (const [i, value] of expected.probabilities.entries()) expect(answers.probabilities[i]).toBeCloseTo(value, 6);
    await other.close();
    await learner.close();
  });
});

describe("alignment of the classifier", () => {
  it.each(["diagonal", "full"] as const)("draws rows of the mean and covariance that were measured: %s", (covariance) => {
    const { services } = headed(strategies.lda(), 3, 2);
    const numbers = {
      counts: new Float64Array(2),
      sums: new Float64Array(6),
      products: new Float64Array(covariance === "full" ? 18 : 6),
    };
    const normal = new RandomStream(4, "rows");
    const rows = Array.from({ length: 40 }, () => {
      const [a, b, c] = [normal.uniform(), normal.uniform(), normal.uniform()].map((u) => 4 * u - 2) as [number, number, number];
      return [3 + a, 2 * a + b, c - b].map(Math.fround);
    });
    const given = { count: 40, labels: new Uint32Array(40).fill(1), rows: {} };
    addGauss(numbers, given, Float32Array.from(rows.flat()), 3, covariance);
    const n = 20000;
    const draw = gaussDraw(covariance);
    const made = draw(numbers, services, new Uint32Array(n).fill(1), () => 1, new RandomStream(1, "draw"));
    const drawn = Array.from({ length: n }, (_, row) => [...made.subarray(3 * row, 3 * row + 3)]);
    const expected = spread(rows).map((sum, k) => (covariance === "full" || k % 4 === 0 ? sum / 39 : 0) + (k % 4 === 0 ? 1e-4 : 0));
    const variance = (i: number) => expected[4 * i] ?? 0;
    for (const [i, value] of mean(drawn).entries())
      expect(Math.abs(value - (mean(rows)[i] ?? 0))).toBeLessThan(3 * Math.sqrt(variance(i) / n));
    for (const [k, sum] of spread(drawn).entries()) {
      const [i, j] = [Math.floor(k / 3), k % 3];
      const deviation = Math.sqrt((variance(i) * variance(j) + (expected[k] ?? 0) ** 2) / n);
      expect(Math.abs(sum / (n - 1) - (expected[k] ?? 0))).toBeLessThan(3 * deviation);
    }
  });

  it("is a step down the loss of normalised logits on drawn features, and changes the classifier alone", async () => {
    const [samples, rate] = [6, 0.25];
    const strategy = strategies.slca({ epochs: 1, samples, batchSize: 4 * samples, rate });
    const config = await resolveConfig(options(strategy, { schedule: 0 }));
    const engine = await Engine.open(runtime, config);
    const settle = async () => {
      await engine.hooked?.boundary();
      while (engine.hooked?.busy === true) await engine.hooked.advance();
    };
    for (const [index, task] of [0, 0].entries()) await engine.step(checkBatch("test", batchAt(index, task), config));
    await settle();
    const first = { ...engine.hooked?.numbersOf("slca") };
    const kept = first.sums?.slice(0, 10);
    for (const [index, task] of [1, 1].entries()) await engine.step(checkBatch("test", batchAt(9 + index, task), config));
    const before = await weightsIn(engine);
    await settle();
    const after = await weightsIn(engine);
    const numbers = engine.hooked?.numbersOf("slca") ?? {};
    expect([...(numbers.tasks ?? [])]).toEqual([1, 1, 2, 2]);
    expect(numbers.sums?.slice(0, 10)).toEqual(kept);
    const services = engine.hooked?.services(strategy);
    if (services === undefined) throw new Error("no hooks");
    const labels = Array.from({ length: 4 * samples }, (_, i) => i % 4);
    const features = gaussDraw("diagonal")(numbers, services, labels, (c) => (c < 2 ? 0.95 : 1), services.random("align/0"));
    const [w, b] = [[...(before.get("4.weight")?.data ?? [])], [...(before.get("4.bias")?.data ?? [])]];
    const lossAt = () => {
      const each = labels.map((label, row) => {
        const z = b.map(
          (bias, c) => bias + [0, 1, 2, 3, 4].reduce((sum, i) => sum + (features[5 * row + i] ?? 0) * (w[4 * i + c] ?? 0), 0),
        );
        const norm = (Math.hypot(z[0] ?? 0, z[1] ?? 0) + Math.hypot(z[2] ?? 0, z[3] ?? 0)) / 2;
        const scaled = z.map((value) => value / (0.1 * norm));
        return Math.log(scaled.reduce((sum, value) => sum + Math.exp(value), 0)) - (scaled[label] ?? 0);
      });
      return each.reduce((sum, value) => sum + value, 0) / labels.length;
    };
    for (const [path, values] of [
      ["4.weight", w],
      ["4.bias", b],
    ] as const) {
      const moved = values.map((value, i) => {
        values[i] = value + 1e-5;
        const up = lossAt();
        values[i] = value - 1e-5;
        const down = lossAt();
        values[i] = value;
        return value - (rate * (up - down)) / 2e-5;
      });
      expectNear(after.get(path)?.data ?? [], moved, 2e-5);
      expect(after.get(path)?.data).not.toEqual(before.get(path)?.data);
    }
    for (const path of ["0.weight", "0.bias", "1.gamma", "1.beta"]) expect(after.get(path)?.data).toEqual(before.get(path)?.data);
    engine.close();
  });

  it("leaves the weights of other tasks' classes alone while a task is learned", async () => {
    const learner = await Learner.create(runtime, options(strategies.slca({ rate: 0 }), { optimizer: optim.sgd() }));
    await learn(learner, 0, 2, 0);
    await learner.consolidate();
    const before = (await weightsOf(learner))["4.weight"] ?? [];
    await learn(learner, 2, 4, 1);
    const after = (await weightsOf(learner))["4.weight"] ?? [];
    const moved = [0, 1, 2, 3].map((c) => after.some((value, i) => i % 4 === c && value !== before[i]));
    expect(moved).toEqual([false, false, true, true]);
    await learner.close();
  });
});

describe("feature translation", () => {
  it("trains the classifier on what moved features say of classes whose rows are gone", async () => {
    const given = (list: Strategy[]): LearnerOptions => ({
      ...options(strategies.fetril()),
      model: nn.sequential(nn.frozen(nn.linear(6)), nn.classifier({ capacity: CLASSES })),
      optimizer: optim.sgd(),
      schedule: 0.5,
      memory: memory.ring({ capacity: 5 * ROWS }),
      strategies: list,
    });
    const right = async (list: Strategy[]) => {
      const learner = await Learner.create(runtime, given(list));
      for (const task of [0, 1]) {
        await learn(learner, 10 * task, 10 * task + 10, task);
        await learner.consolidate();
      }
      let count = 0;
      for (const index of [50, 51, 52]) {
        const { x, y } = batchAt(index, 0);
        const { labels } = await learner.predict(x as Float32Array);
        count += [...labels].filter((label, i) => label === y[i]).length;
      }
      const weights = await weightsOf(learner);
      await learner.close();
      return { count, weights };
    };
    const [plain, aligned] = [await right([]), await right([strategies.fetril({ epochs: 100 })])];
    expect(plain.count).toBeLessThan(2);
    expect(aligned.count).toBeGreaterThan(13);
    expect(aligned.weights["0.weight"]).toEqual(plain.weights["0.weight"]);
  });
});

describe("energy-based learning", () => {
  const tiny = (schedule: number) =>
    options(strategies.energy(), {
      model: nn.classifier({ capacity: 3 }),
      input: [2],
      optimizer: optim.sgd(),
      schedule,
      batchSize: 3,
      weights: new Map([
        ["weight", Float32Array.of(0.5, -1, 2, 0.25, 1, -0.5)],
        ["bias", Float32Array.of(0.1, 0.2, 0.3)],
      ]),
    });
  const logits = ([p, q]: readonly [number, number]) => [0.1 + 0.5 * p + 0.25 * q, 0.2 - p + q, 0.3 + 2 * p - 0.5 * q];
  /** What a row of a class is told against another. */
  const pairLoss = (z: readonly number[], own: number, other: number) => Math.log(1 + Math.exp((z[other] ?? 0) - (z[own] ?? 0)));

  it("tells a class apart from another of the batch, and no other class learns", async () => {
    const learner = await Learner.create(runtime, tiny(0.1));
    const rows = [
      [1, 2],
      [-0.5, 0.25],
    ] as const;
    const { loss } = await learner.observe({ x: Float32Array.from(rows.flat()), y: [0, 1] });
    expect(loss).toBeCloseTo((pairLoss(logits(rows[0]), 0, 1) + pairLoss(logits(rows[1]), 1, 0)) / 2, 6);
    const { weight = [], bias = [] } = await weightsOf(learner);
    expect([weight[2], weight[5], bias[2]]).toEqual([2, -0.5, Math.fround(0.3)]);
    expect(weight[0]).not.toBe(0.5);
    expect((await learner.observe({ x: Float32Array.of(1, 2), y: [2] })).loss).toBe(0);
    expect((await weightsOf(learner)).weight).toEqual(weight);
    await learner.close();
  });

  it("draws the other class evenly", async () => {
    const learner = await Learner.create(runtime, tiny(0));
    const x = [0.5, -0.25, 0.5, -0.25, 0.5, -0.25];
    const z = logits([0.5, -0.25]);
    const n = 400;
    let sum = 0;
    for (let step = 0; step < n; step++) sum += (await learner.observe({ x: Float32Array.from(x), y: [0, 1, 2] })).loss;
    const pairs = [0, 1, 2].flatMap((c) => [0, 1, 2].filter((d) => d !== c).map((d) => pairLoss(z, c, d)));
    expect(sum / n).toBeCloseTo(pairs.reduce((a, b) => a + b) / 6, 1);
    await learner.close();
  });
});
