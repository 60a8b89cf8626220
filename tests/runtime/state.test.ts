import { type Batch, Learner, type LearnerOptions, losses, memory, nn, openRuntime, optim, type Runtime, strategies } from "palimpsest";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

/** A job of each kind of state a learner has beside its parameters, with its state after 60 steps on Wasm, the same in every engine. */
interface Job {
  readonly options: LearnerOptions;
  readonly batch: (random: RandomStream, step: number) => Batch;
  /** When the classifier grows, and to what. */
  readonly grows?: { readonly step: number; readonly capacity: number };
  readonly hash: string;
}

const jobs: Readonly<Record<string, Job>> = {
  "tokens, a carried state and a tied head": {
    options: {
      model: nn.sequential(
        nn.embedding(9, 8, { deviation: 0.3 }),
        nn.gru(8, { carry: true, returns: "all" }),
        nn.linear(9, { tie: "0.weight" }),
      ),
      input: { shape: [5], dtype: "u8" },
      loss: losses.crossEntropy({ labelSmoothing: 0.1 }),
      optimizer: optim.adamw(),
      schedule: 0.01,
      memory: memory.reservoir({ capacity: 12 }),
      strategies: [strategies.replay({ batchSize: 3 })],
      seed: 21,
    },
    batch(random, step) {
      const x = Uint8Array.from({ length: 4 * 5 }, (_, i) => (i + step + random.below(2)) % 9);
      return { x, y: Array.from(x, (token) => (token + 1) % 9) };
    },
    hash: "4a36005e55e7d5dfb140a10efdb2a107583615a59b6f02ebbaed4daec224c658",
  },
  "classes not seen yet, and more of them than there was room for": {
    options: {
      model: nn.sequential(nn.frozen(nn.linear(16)), nn.batchNorm(), nn.tanh(), nn.classifier({ capacity: 3, mask: "seen" })),
      input: [4],
      optimizer: optim.sgd({ momentum: 0.9 }),
      schedule: 0.05,
      memory: memory.classBalanced({ capacity: 10 }),
      strategies: [strategies.replay({ batchSize: 4 })],
      seed: 22,
    },
    batch(random, step) {
      // From step 40 on there is a fourth class.
      const y = Array.from({ length: 4 }, () => random.below(2 + Math.floor(step / 20)));
      return { x: Float32Array.from({ length: 16 }, (_, i) => ((y[i >> 2] as number) === (i & 3) ? 1 : 0) + 0.2 * random.uniform()), y };
    },
    grows: { step: 40, capacity: 5 },
    hash: "dd54299e49a644efed8140acb66936c3593f3f86d7e7c5a15292b4696db5ee9b",
  },
  "values under a Huber loss": {
    options: {
      model: nn.sequential(nn.linear(12), nn.silu(), nn.lstm(6), nn.linear(2)),
      input: [3, 2],
      loss: losses.huber({ delta: 0.5 }),
      optimizer: optim.adamw(),
      schedule: 0.01,
      memory: memory.reservoir({ capacity: 12 }),
      strategies: [strategies.replay({ batchSize: 3 })],
      seed: 23,
    },
    batch(random) {
      const x = Float32Array.from({ length: 4 * 6 }, () => 2 * random.uniform() - 1);
      return { x, y: Float32Array.from({ length: 8 }, (_, i) => 3 * (x[(i >> 1) * 6 + (i & 1)] as number)) };
    },
    hash: "00f56f740b44215d1070901df37eead9006aae6a615ef9fb9ecbb0c848059b8b",
  },
};

async function run(runtime: Runtime, { options, batch, grows }: Job): Promise<{ losses: number[]; hash: string }> {
  const learner = await Learner.create(runtime, options);
  const random = new RandomStream(1, "state");
  const told: number[] = [];
  for (let step = 0; step < 60; step++) {
    if (step === grows?.step) await learner.grow(grows.capacity);
    told.push((await learner.observe(batch(random, step))).loss);
  }
  const hash = await learner.stateHash();
  await learner.close();
  return { losses: told, hash };
}

describe.each(Object.entries(jobs))("%s", (_, job) => {
  it("end in the same state on Wasm in every engine, having learned", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const { losses: told, hash } = await run(runtime, job);
    runtime.close();
    expect(hash).toBe(job.hash);
    const mean = (part: number[]): number => part.reduce((a, b) => a + b) / part.length;
    expect(mean(told.slice(50))).toBeLessThan(0.9 * mean(told.slice(0, 10)));
  });

  it("keep on WebGPU to the losses of Wasm", async (context) => {
    const gpu = await openRuntime({ backend: "webgpu" }).catch((error) => {
      if (typeof process !== "undefined" && process.env?.CI === "true" && !("Bun" in globalThis)) throw error;
      return undefined;
    });
    if (gpu === undefined) return context.skip("this runtime has no WebGPU adapter");
    const wasm = await openRuntime({ backend: "wasm" });
    const [expected, found] = [await run(wasm, job), await run(gpu, job)];
    for (const [i, loss] of expected.losses.entries()) expect(Math.abs((found.losses[i] as number) - loss) / loss).toBeLessThan(1e-3);
    gpu.close();
    wasm.close();
  });
});
