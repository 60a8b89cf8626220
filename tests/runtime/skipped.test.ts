import {
  type Batch,
  draws,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type SkippedStep,
  strategies,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

const ROWS = 6;
const INPUTS = 5;

const options: LearnerOptions = {
  model: nn.sequential(nn.linear(8), nn.batchNorm(), nn.relu(), nn.dropout(0.1), nn.classifier({ capacity: 3 })),
  input: [INPUTS],
  optimizer: optim.adamw(),
  schedule: 1e-2,
  memory: memory.classBalanced({ capacity: 20 }),
  strategies: [strategies.replay({ batchSize: 4 })],
  seed: 3,
};

/** Memories whose rows are kept in the step, and after it by what it measured. */
const memories: [string, Partial<LearnerOptions>][] = [
  ["rows drawn uniformly", {}],
  ["rows drawn by their losses", { strategies: [strategies.replay({ batchSize: 4, draw: draws.proportional() })] }],
  ["rows kept by their features", { memory: memory.herding({ capacity: 20 }) }],
];

function soundBatch(random: RandomStream): Batch {
  const x = Float32Array.from({ length: ROWS * INPUTS }, () => 2 * random.uniform() - 1);
  const y = Array.from({ length: ROWS }, () => random.below(3));
  return { x, y, id: y.map(() => random.below(1e6)) };
}

/** Returns a batch of finite numbers with which a step cannot stay finite. */
function brokenBatch(random: RandomStream): Batch {
  const batch = soundBatch(random);
  for (let n = 1 + random.below(3); n > 0; n--) {
    batch.x[random.below(batch.x.length)] = (random.below(2) === 0 ? 1 : -1) * (random.below(2) === 0 ? 3e38 : 1e25);
  }
  return batch;
}

describe.each(["wasm", "webgpu"] as const)("on %s", (backend) => {
  let runtime: Runtime | undefined;
  beforeAll(async () => {
    const required = typeof process !== "undefined" && process.env?.CI === "true" && !("Bun" in globalThis);
    runtime = await openRuntime({ backend }).catch((error: unknown) => {
      if (required || backend === "wasm") throw error;
      return undefined;
    });
  });
  afterAll(() => runtime?.close());

  it.each(memories)("a run with broken batches ends as one that never saw them: %s", async (name, more) => {
    if (runtime === undefined) return;
    const random = new RandomStream(backend === "wasm" ? 1 : 2, "broken");
    const given = { ...options, ...more };
    const [clean, tried] = [await Learner.create(runtime, given), await Learner.create(runtime, given)];
    const seen: SkippedStep[] = [];
    tried.on("skipped", (event) => seen.push(event));
    let broken = 0;
    for (let i = 0; i < (backend === "wasm" ? 500 : name === "rows drawn uniformly" ? 60 : 30); i++) {
      if (random.below(2) === 0) {
        const batch = brokenBatch(random);
        const { skipped, step } = await tried.observe(batch);
        broken += 1;
        expect(step).toBe(clean.step);
        expect(skipped).toEqual(seen.at(-1));
        expect(skipped?.step).toBe(clean.step + 1);
        expect(skipped?.ids).toEqual(skipped?.rows.map((row) => batch.id?.[row]));
      } else {
        const batch = soundBatch(random);
        expect(await tried.observe(batch)).toEqual(await clean.observe(batch));
      }
    }
    expect(broken).toBeGreaterThan(5);
    expect(seen.length).toBe(broken);
    expect(await tried.stateHash()).toBe(await clean.stateHash());
    await clean.close();
    await tried.close();
  });

  const linear: LearnerOptions = { model: nn.classifier({ capacity: 2 }), input: [2], optimizer: optim.sgd(), schedule: 0.1 };
  const normed: LearnerOptions = { ...linear, model: nn.sequential(nn.batchNorm(), nn.classifier({ capacity: 2 })) };
  const weighted = (...values: number[]): LearnerOptions => ({ ...linear, weights: new Map([["weight", Float32Array.from(values)]]) });
  // Class 0 gets the sum of both inputs, which overflows.
  const summing = weighted(1, 0, 1, 0);
  const cases: [SkippedStep["cause"], LearnerOptions, number[], number[]][] = [
    ["gradients", weighted(0, 0, 0, 0), [1, 1, 1e25, 1], [0, 1]],
    ["loss", summing, [1, 1, 3e38, 3e38], [1]],
    ["weights", weighted(1e19, 1e19, 1e19, 1e19), [0, 0, 0, 0], [0, 1]],
    ["state", normed, [1, 1, 1e15, 1], [0, 1]],
  ];
  it.each(cases)("names %s as the cause, and the rows", async (cause, given, x, rows) => {
    if (runtime === undefined) return;
    const learner = await Learner.create(runtime, given);
    const { skipped } = await learner.observe({ x: Float32Array.from(x), y: [0, 1], id: [70, 71] });
    expect(skipped).toEqual({ step: 1, cause, rows, ids: rows.map((row) => 70 + row) });
    expect(learner.step).toBe(0);
    await learner.close();
  });

  it("twenty in a row pause the learner until it is resumed", async () => {
    if (runtime === undefined) return;
    const learner = await Learner.create(runtime, summing);
    const [bad, good] = [
      { x: Float32Array.of(3e38, 3e38), y: [0] },
      { x: Float32Array.of(1, 2), y: [0] },
    ];
    for (let i = 0; i < 19; i++) expect((await learner.observe(bad)).skipped?.rows).toEqual([0]);
    await learner.observe(good);
    for (let i = 0; i < 19; i++) await learner.observe(bad);
    await expect(learner.observe(bad)).rejects.toMatchObject({ code: "E_DIVERGED", context: { cause: "loss", rows: [0] } });
    await expect(learner.observe(good)).rejects.toMatchObject({ code: "E_DIVERGED" });
    learner.resume();
    expect((await learner.observe(good)).step).toBe(2);
    await learner.close();
  });
});
