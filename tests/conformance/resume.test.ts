import { Learner, openRuntime, type Store, stores } from "palimpsest";
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

/** Saves a learner that was made without a store. */
async function saveTo(learner: Learner, store: Store): Promise<void> {
  await store.write(await learner.checkpoint());
}
