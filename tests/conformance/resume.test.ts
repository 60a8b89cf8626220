import {
  type DrawPolicy,
  draws,
  Learner,
  type LearnerOptions,
  type MemoryPolicy,
  memory,
  nn,
  openRuntime,
  optim,
  type Store,
  stores,
  strategies,
} from "palimpsest";
import { describe, expect, it } from "vitest";
import { jobBatches, jobOptions } from "../runtime/job.ts";

const STEPS = 100;

describe("save at step k, open and continue", () => {
  it("equals the run that never stopped, bit for bit on Wasm, for 50 values of k", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const batches = jobBatches(STEPS);
    const whole = await Learner.create(runtime, jobOptions());
    const saved = new Map<number, Store>();
    for (const [k, batch] of batches.entries()) {
      // Every other step is saved, by a learner of its own so that saving cannot help the one it is compared with.
      if (k % 2 === 1) saved.set(k, stores.memory(`step ${k}`));
      await whole.observe(batch);
    }
    const expected = await whole.stateHash();

    const saver = await Learner.create(runtime, jobOptions());
    for (const [k, batch] of batches.entries()) {
      const store = saved.get(k);
      if (store !== undefined) await saveTo(saver, store);
      await saver.observe(batch);
    }
    expect(await saver.stateHash()).toBe(expected);

    expect(saved.size).toBe(50);
    for (const [k, store] of saved) {
      // Half of them are opened from what the checkpoint says alone, half against the same options.
      const learner = await Learner.open(runtime, store, k % 4 === 1 ? jobOptions() : undefined);
      expect(learner.step).toBe(k);
      for (const batch of batches.slice(k)) await learner.observe(batch);
      expect(await learner.stateHash(), `saved at step ${k}`).toBe(expected);
      await learner.close();
    }
    await whole.close();
    await saver.close();
    runtime.close();
  });

  it("grows for a larger batch without losing anything, and a padded batch equals one that fits", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const { batchSize: _, ...options } = jobOptions();
    const batches = jobBatches(10);
    const split = batches.flatMap(({ x, y }) => [
      { x: x.slice(0, 3 * 196), y: Array.from(y).slice(0, 3) },
      { x: x.slice(3 * 196), y: Array.from(y).slice(3) },
    ]);
    const hash = async (batchSize: number | undefined): Promise<number> => {
      const learner = await Learner.create(runtime, { ...options, ...(batchSize === undefined ? {} : { batchSize }) });
      let loss = 0;
      for (const batch of split) loss = (await learner.observe(batch)).loss;
      await learner.close();
      return loss;
    };
    const [grown, padded] = [await hash(undefined), await hash(7)];
    expect(grown).toBeCloseTo(padded, 5);
    runtime.close();
  });
});

describe("under every policy and every draw", () => {
  const capacity = 20;
  const policies: Record<string, MemoryPolicy> = {
    reservoir: memory.reservoir({ capacity }),
    "reservoir by skips": memory.reservoir({ capacity, method: "L" }),
    "reservoir in chunks": memory.reservoir({ capacity, chunk: 4 }),
    ring: memory.ring({ capacity, key: "label" }),
    quota: memory.quota({ capacity, key: "task" }),
    "class-balanced": memory.classBalanced({ capacity }),
    "balanced-reservoir": memory.balancedReservoir({ capacity }),
    greedy: memory.greedy({ capacity }),
    "loss-aware": memory.lossAware({ capacity }),
    "gradient-diverse": memory.gradientDiverse({ capacity }),
    herding: memory.herding({ capacity }),
    "closest-to-mean": memory.closestToMean({ capacity }),
    clusters: memory.clusters({ capacity, clusters: 4 }),
    similarity: memory.similarity({ capacity }),
    "long-term": memory.longTerm({ capacity }),
  };
  const ways: Record<string, DrawPolicy> = {
    uniform: draws.uniform(),
    balanced: draws.balanced(),
    proportional: draws.proportional(),
    rank: draws.rank(),
    "power-law": draws.powerLaw({ key: "task" }),
    fading: draws.fading(),
    recency: draws.recency({ halfLife: 20 }),
    recall: draws.recall({ views: 2 }),
    top: draws.top({ candidates: 8 }),
    softmax: draws.softmax(),
    mixture: draws.mixture([{ share: 2 }, { share: 1, policy: draws.recall() }]),
    limited: draws.limited({ samplesPerInsert: 0.7 }),
    adaptive: draws.adaptive({ gap: 0.5, check: 2 }),
  };
  const pairs = [
    ...Object.keys(policies).flatMap((policy) => ["uniform", "mixture", "recall", "proportional"].map((draw) => [policy, draw] as const)),
    ...Object.keys(ways).flatMap((draw) => ["reservoir", "long-term", "herding"].map((policy) => [policy, draw] as const)),
  ];

  it.each(pairs)(
    "%s, %s: a run that was saved and opened, by itself or by the same options, ends as one that went on",
    async (policy, draw) => {
      const runtime = await openRuntime({ backend: "wasm" });
      const options: LearnerOptions = {
        model: nn.sequential(nn.flatten(), nn.linear(8), nn.relu(), nn.classifier({ capacity: 10 })),
        input: { shape: [14, 14], dtype: "u8", scale: 1 / 128, offset: -0.5 },
        optimizer: optim.sgd(),
        schedule: 0.05,
        memory: policies[policy] as MemoryPolicy,
        strategies: [strategies.replay({ batchSize: 6, draw: ways[draw] as DrawPolicy })],
        seed: 9,
        batchSize: 10,
      };
      const whole = await Learner.create(runtime, options);
      const saved: [number, Store][] = [];
      for (const [k, batch] of batches.entries()) {
        if (k === 4 || k === 23) {
          saved.push([k, stores.memory()]);
          await saveTo(whole, (saved.at(-1) as [number, Store])[1]);
        }
        await whole.observe(batch);
      }
      const expected = await whole.stateHash();
      expect(whole.stored).toBeGreaterThan(10);
      for (const [k, store] of saved) {
        const learner = await Learner.open(runtime, store, k === 4 ? options : undefined);
        for (const batch of batches.slice(k)) await learner.observe(batch);
        expect(await learner.stateHash(), `saved at step ${k}`).toBe(expected);
        await learner.close();
      }
      await whole.close();
      runtime.close();
    },
  );

  const batches = jobBatches(30).map((batch, k) => ({
    ...batch,
    id: Array.from(batch.y, (_, row) => 10 * k + row),
    task: Math.floor(k / 6),
  }));
});

/** Saves a learner that was made without a store. */
async function saveTo(learner: Learner, store: Store): Promise<void> {
  await store.write(await learner.checkpoint());
}
