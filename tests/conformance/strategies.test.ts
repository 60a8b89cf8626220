/** Every strategy by one list of checks. */
import {
  detectors,
  Learner,
  type LearnerOptions,
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
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

/** Strategies as they are tried: small, each part of them at work. */
const shelf: readonly (readonly [name: string, make: () => Strategy])[] = [
  ["replay", () => strategies.replay({ batchSize: 4 })],
  ["replay, separate means", () => strategies.replay({ batchSize: 4, mean: "separate", weight: 0.5 })],
  ["erAce", () => strategies.erAce({ batchSize: 4 })],
  ["der", () => strategies.der({ batchSize: 4, beta: 0 })],
  ["der++", () => strategies.der({ batchSize: 4 })],
  ["ewc, empirical", () => strategies.ewc({ rows: 20, lambda: 10 })],
  ["ewc, true, separate", () => strategies.ewc({ rows: 20, lambda: 10, fisher: "true", form: "separate" })],
  ["ewc, sampled", () => strategies.ewc({ rows: 20, lambda: 10, fisher: "sampled" })],
  ["ewc, predicted", () => strategies.ewc({ rows: 20, lambda: 10, fisher: "predicted" })],
  ["ewc, batched", () => strategies.ewc({ lambda: 10, fisher: "batched" })],
  ["si", () => strategies.si({ c: 1 })],
  ["lwf", () => strategies.lwf()],
  [
    "lwf, task by task",
    () =>
      strategies.lwf({
        classes: [
          [0, 1],
          [2, 3],
        ],
      }),
  ],
  ["l2", () => strategies.l2()],
  ["l2, towards the first parameters", () => strategies.l2({ towards: "init" })],
  ["l2, towards the last boundary", () => strategies.l2({ towards: "boundary" })],
  ["ema", () => strategies.ema({ decay: 0.9 })],
  ["agem", () => strategies.agem({ batchSize: 6 })],
  ["ncm", () => strategies.ncm()],
  ["slda", () => strategies.slda()],
  ["lda", () => strategies.lda()],
  ["fecam", () => strategies.fecam()],
  ["ranpac", () => strategies.ranpac({ width: 12 })],
  ["ridge", () => strategies.ridge({ width: 12, pseudo: 4 })],
  ["kalman", () => strategies.kalman({ samples: 4 })],
  ["knn", () => strategies.knn({ neighbours: 3, perClass: 5 })],
  [
    "taskMask",
    () =>
      strategies.taskMask({
        classes: [
          [0, 1],
          [2, 3],
        ],
      }),
  ],
  ["detect", () => strategies.detect({ detector: detectors.cusum({ mean: 0.5, threshold: 2 }) })],
  ["mir", () => strategies.mir({ batchSize: 4, candidates: 8 })],
];

const ROWS = 6;
const CLASSES = 4;
const options = (...list: Strategy[]): LearnerOptions => ({
  model: nn.sequential(nn.linear(8), nn.relu(), nn.linear(7), nn.relu(), nn.classifier({ capacity: CLASSES })),
  input: [5],
  optimizer: optim.adamw(),
  schedule: 0.01,
  memory: memory.reservoir({ capacity: 30 }),
  strategies: list,
  seed: 3,
  batchSize: ROWS,
});

/** Two classes a task; four batches a task. */
function batchAt(index: number) {
  const draw = new RandomStream(11, `batch ${index}`);
  const task = Math.floor(index / 4) % 2;
  const y = Array.from({ length: ROWS }, () => 2 * task + draw.below(2));
  const x = Float32Array.from({ length: 5 * ROWS }, (_, i) => draw.uniform() - 0.5 + (i % 5 === (y[Math.floor(i / 5)] as number) ? 1 : 0));
  return { x, y, task, id: Array.from({ length: ROWS }, (_, row) => ROWS * index + row) };
}

/** Learns batches `from` … `to` − 1, a boundary after each fourth. */
async function learn(learner: Learner, from: number, to: number): Promise<number[]> {
  const losses: number[] = [];
  for (let index = from; index < to; index++) {
    losses.push((await learner.observe(batchAt(index))).loss);
    if (index % 4 === 3) await learner.consolidate();
  }
  return losses;
}

describe.each(shelf)("%s", (_, make) => {
  it("learns, is saved, opened and continued bit for bit", async () => {
    const store = stores.memory();
    const whole = await Learner.create(runtime, options(make()));
    const losses = await learn(whole, 0, 14);
    expect(losses.every(Number.isFinite)).toBe(true);
    const first = await Learner.create(runtime, { ...options(make()), store });
    await learn(first, 0, 7);
    await first.save();
    await first.close();
    const second = await Learner.open(runtime, store);
    const rest = await learn(second, 7, 14);
    expect(rest).toEqual(losses.slice(7));
    expect(await second.stateHash()).toBe(await whole.stateHash());
    const { x } = batchAt(0);
    expect(await second.predict(x)).toEqual(await whole.predict(x));
    await whole.close();
    await second.close();
  });
});
