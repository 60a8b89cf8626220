import {
  Learner,
  type LearnerOptions,
  nn,
  openRuntime,
  optim,
  type RuntimeEvent,
  type RuntimeOptions,
  type Tensor,
  tensor,
} from "palimpsest";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";
import { runJob } from "./job.ts";

/** Returns the state and losses after a few steps on the Wasm backend. */
async function train(options: LearnerOptions, runtimeOptions: RuntimeOptions, steps = 3): Promise<{ hash: string; losses: number[] }> {
  const runtime = await openRuntime({ backend: "wasm", ...runtimeOptions });
  const learner = await Learner.create(runtime, options);
  const shape = "shape" in options.input ? options.input.shape : options.input;
  const size = shape.reduce((a, b) => a * b, 1);
  const random = new RandomStream(5, "rows");
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const x = Float32Array.from({ length: 24 * size }, () => 2 * random.uniform() - 1);
    losses.push((await learner.observe({ x, y: Array.from({ length: 24 }, () => random.below(5)) })).loss);
  }
  const hash = await learner.stateHash();
  await learner.close();
  runtime.close();
  return { hash, losses };
}

const head = nn.classifier({ capacity: 10 });
const common = { schedule: 1e-2, seed: 4 };
const models: Record<string, LearnerOptions> = {
  "an MLP with AdamW": {
    ...common,
    model: nn.sequential(nn.linear(300), nn.relu(), nn.linear(400), nn.gelu(), head),
    input: [200],
    optimizer: optim.adamw(),
  },
  "the same by the traced recipe": {
    ...common,
    model: nn.sequential(nn.linear(300), nn.relu(), nn.dropout(0.3), head),
    input: [200],
    optimizer: optim.chain(optim.clipByGlobalNorm({ maxNorm: 1 }), optim.adamw()),
    update: "recipe",
  },
  "a CNN with batch norm": {
    ...common,
    model: nn.sequential(
      nn.conv2d(8, 3, { padding: 1 }),
      nn.batchNorm(),
      nn.relu(),
      nn.maxPool(2),
      nn.conv2d(16, 3, { groups: 2 }),
      nn.relu(),
      nn.flatten(),
      head,
    ),
    input: [12, 12, 3],
    optimizer: optim.sgd({ momentum: 0.9 }),
  },
  "a GRU": { ...common, model: nn.sequential(nn.gru(40), head), input: [9, 20], optimizer: optim.adamw() },
  "a transformer": {
    ...common,
    model: nn.sequential(nn.linear(32), nn.transformerBlock({ heads: 4, causal: true }), nn.flatten(), head),
    input: [16, 12],
    optimizer: optim.adamw(),
  },
};

describe("threads", () => {
  it("work here", async (context) => {
    const events: RuntimeEvent[] = [];
    const runtime = await openRuntime({ backend: "wasm", threads: 2, onEvent: (event) => events.push(event) });
    const { threads } = runtime.info;
    runtime.close();
    // Where they do not, the runtime says so and has one.
    if (threads === 1) {
      expect(events.map((event) => event.message).join()).toMatch(/one thread, since/);
      if (!("Bun" in globalThis)) expect.fail(events.map((event) => event.message).join());
      return context.skip("this runtime shares no memory");
    }
    expect(threads).toBe(2);
  });

  it.each(Object.entries(models))("change no bit of %s", async (_, options) => {
    const expected = await train(options, { threads: 1 });
    expect(expected.losses.every(Number.isFinite)).toBe(true);
    for (const threads of [2, 3]) expect(await train(options, { threads })).toEqual(expected);
  });

  it("each search a part of the parameters for what is no finite number", async () => {
    const runtime = await openRuntime({ backend: "wasm", threads: 3 });
    const common = { model: nn.classifier({ capacity: 10 }), input: [3000], optimizer: optim.sgd(), schedule: 0.1 };
    for (const at of [undefined, 0, 9_999, 10_016, 20_000, 29_999]) {
      const weight = new Float32Array(30_000).fill(0.01);
      if (at !== undefined) weight[at] = at % 2 === 0 ? Number.NaN : 1e19;
      const learner = await Learner.create(runtime, { ...common, weights: new Map([["weight", weight]]) });
      const { skipped } = await learner.observe({ x: new Float32Array(3000), y: [1] });
      expect(skipped?.cause).toBe(at === undefined ? undefined : "weights");
      await learner.close();
    }
    runtime.close();
  });

  it("all take part in a program of one kernel, and end with their runtime", async () => {
    const runtime = await openRuntime({ backend: "wasm", threads: 2 });
    const product = await runtime.compile(({ a, b }) => ({ c: tensor.matmul(a as Tensor, b as Tensor) }), { a: [64, 64], b: [64, 128] });
    const { c } = await product.run({ a: new Float32Array(64 * 64).fill(1), b: new Float32Array(64 * 128).fill(2) });
    expect(new Set(c)).toEqual(new Set([128]));
    const { threads } = runtime.info;
    runtime.close();
    if (threads > 1)
      await expect(product.run({ a: new Float32Array(64 * 64), b: new Float32Array(64 * 128) })).rejects.toMatchObject({ code: "E_STATE" });
    product.close();
  });

  it("serve several learners of one runtime", async () => {
    const [alone, shared] = [await openRuntime({ backend: "wasm" }), await openRuntime({ backend: "wasm", threads: 2 })];
    const expected = await runJob(alone, 20);
    expect(await Promise.all([runJob(shared, 20), runJob(shared, 20)])).toEqual([expected, expected]);
    alone.close();
    shared.close();
  });
});

describe("fast precision", () => {
  it("stays near the exact one, or says that it is exact", async () => {
    const events: RuntimeEvent[] = [];
    const runtime = await openRuntime({ backend: "wasm", precision: "fast", onEvent: (event) => events.push(event) });
    const { precision } = runtime.info;
    runtime.close();
    expect(events.some((event) => /no relaxed SIMD/.test(event.message))).toBe(precision === "exact");
    const options = models["an MLP with AdamW"] as LearnerOptions;
    const [exact, fast] = [await train(options, {}, 20), await train(options, { precision: "fast" }, 20)];
    const apart = exact.losses.map((loss, i) => Math.abs((fast.losses[i] as number) - loss) / loss);
    expect(Math.max(...apart)).toBeLessThan(1e-3);
    if (precision === "exact") expect(fast).toEqual(exact);
  });
});
