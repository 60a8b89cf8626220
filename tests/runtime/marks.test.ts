import { Learner, type LearnerOptions, nn, openRuntime, optim, type Runtime, type Schedule, type Store, schedules } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const options = (schedule: Schedule): LearnerOptions => ({
  model: nn.sequential(nn.linear(6), nn.relu(), nn.classifier({ capacity: 2 })),
  input: [2],
  optimizer: optim.adamw(),
  schedule,
});
const trunk = schedules.cooldown({ peak: 0.1, warmup: 2, start: "mark", length: 4, shape: "sqrt" });
const restarting = schedules.restartOn("boundary", schedules.linear({ peak: 0.1, total: 10 }));

/** Learns a number of steps; returns the rates they took. */
async function learn(learner: Learner, steps: number): Promise<number[]> {
  const rates: number[] = [];
  for (let i = 0; i < steps; i++) {
    const x = Float32Array.from({ length: 8 }, (_, j) => ((learner.step * 5 + j * 3) % 7) - 3);
    rates.push((await learner.observe({ x, y: [0, 1, 0, 1] })).learningRate);
  }
  return rates;
}

const inMemory = (bytes: Uint8Array): Store => ({
  name: "copy",
  read: async () => bytes,
  write: async () => {},
  remove: async () => {},
});
const copyOf = async (learner: Learner): Promise<Learner> => Learner.open(runtime, inMemory(await learner.checkpoint()));

describe("what happens while training", () => {
  it("cools a copy down and leaves the trunk as it was", async () => {
    const learner = await Learner.create(runtime, options(trunk));
    const alone = await Learner.create(runtime, options(trunk));
    await learn(alone, 5);
    expect(await learn(learner, 5)).toEqual([0.05, 0.1, 0.1, 0.1, 0.1]);
    const fork = await copyOf(learner);
    expect(fork.scheduleMarks).toEqual({ cooldown: null });
    await fork.mark("cooldown");
    expect(fork.scheduleMarks).toEqual({ cooldown: 5 });
    const cooled = await learn(fork, 5);
    [1, 0.5, 1 - Math.SQRT1_2, 1 - Math.sqrt(0.75), 0].forEach((left, i) => {
      expect(cooled[i]).toBeCloseTo(0.1 * left, 15);
    });
    expect(learner.scheduleMarks).toEqual({ cooldown: null });
    expect(await learn(learner, 3)).toEqual(await learn(alone, 3));
    expect(await learner.stateHash()).toBe(await alone.stateHash());
  });

  it.each([0, 1, 3, 5, 7])("goes on bit for bit when it is opened again after %i steps, marked after 3", async (saved) => {
    const run = async (upTo: number, from?: Learner): Promise<Learner> => {
      const learner = from ?? (await Learner.create(runtime, options(trunk)));
      while (learner.step < upTo) {
        if (learner.step === 3 && learner.scheduleMarks.cooldown === null) await learner.mark("cooldown");
        await learn(learner, 1);
      }
      return learner;
    };
    const whole = await run(9);
    const resumed = await run(9, await copyOf(await run(saved)));
    expect(resumed.scheduleMarks).toEqual({ cooldown: 3 });
    expect(await resumed.stateHash()).toBe(await whole.stateHash());
  });

  it("restarts at a boundary, also in a learner that has grown, and counts in its hash", async () => {
    const learner = await Learner.create(runtime, options(restarting));
    const first = await learn(learner, 4);
    const before = await learner.stateHash();
    await learner.consolidate();
    expect(await learner.stateHash()).not.toBe(before);
    await learner.grow(3);
    expect(learner.scheduleMarks).toEqual({ boundary: 4 });
    expect(await learn(learner, 4)).toEqual(first);
    await learner.consolidate();
    expect(learner.learningRate).toBe(0.1);
  });

  it("refuses a mark that the schedule does not wait for", async () => {
    const learner = await Learner.create(runtime, options(trunk));
    await expect(learner.mark("cooldwon")).rejects.toMatchObject({ code: "E_CONFIG", hint: 'Did you mean "cooldown"?' });
    const plain = await Learner.create(runtime, options(schedules.constant(0.1)));
    await expect(plain.mark("cooldown")).rejects.toThrow(/waits for no mark "cooldown"; expected none/);
    await plain.consolidate();
    expect(plain.scheduleMarks).toEqual({});
  });
});
