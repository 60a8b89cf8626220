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
import { RandomStream } from "../../src/random.ts";
import { headed, type Row } from "./headed.ts";

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
