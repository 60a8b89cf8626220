/** Strategies of replay against what their sources say, in closed form. */
import { Learner, type LearnerOptions, memory, nn, openRuntime, optim, type Runtime, strategies } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rateAt } from "../../src/strategy/gdumb.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

/** A classifier of two classes on two inputs, without more. */
const options = (more: Partial<LearnerOptions>): LearnerOptions => ({
  model: nn.classifier({ capacity: 2 }),
  input: [2],
  optimizer: optim.sgd(),
  schedule: 1,
  memory: memory.reservoir({ capacity: 10 }),
  ...more,
});

const weightsOf = async (learner: Learner): Promise<number[]> => [...(await learner.weights()).values()].flatMap(({ data }) => [...data]);

describe("gdumb", () => {
  const learned = async (more: Partial<LearnerOptions>, online: boolean) => {
    const learner = await Learner.create(
      runtime,
      options({ memory: memory.greedy({ capacity: 10 }), strategies: [strategies.gdumb({ epochs: 40, online })], ...more }),
    );
    const first = await weightsOf(learner);
    for (let i = 0; i < 20; i++) {
      const y = Array<number>(10).fill(i < 10 ? 0 : 1);
      await learner.observe({
        x: Float32Array.from({ length: 20 }, (_, k) => (k % 2 === (y[0] as number) ? 1 + ((i + k) % 7) / 10 : 0)),
        y,
      });
    }
    const last = await weightsOf(learner);
    await learner.consolidate();
    const stats = await learner.memory?.stats();
    const prediction = await learner.predict(Float32Array.of(1, 0, 0, 1));
    await learner.close();
    return { first, last, stats, prediction };
  };

  it("keeps five of each of two classes, learns from them alone, and leaves the learner's parameters as they are", async () => {
    const { first, last, stats, prediction } = await learned({ optimizer: optim.adamw({ weightDecay: 0.1 }) }, false);
    expect(last).toEqual(first);
    expect(stats?.groups.label.map(({ stored }) => stored)).toEqual([5, 5]);
    expect([...(prediction.labels as Uint32Array)]).toEqual([0, 1]);
  });

  it("answers the same whatever the steps train", async () => {
    const [off, on] = [await learned({}, false), await learned({ schedule: 0.3 }, true)];
    expect(on.last).not.toEqual(on.first);
    expect(on.prediction).toEqual(off.prediction);
  });

  it("has the rates of cosine warm restarts of 1, 2, 4 … epochs, the first epoch at a tenth", () => {
    const rates = Array.from({ length: 9 }, (_, epoch) => {
      const { share, angle } = rateAt(epoch);
      return share * 0.5 * (1 + Math.cos(angle));
    });
    const half = Math.SQRT1_2;
    const wanted = [0.1, 1, 1, 0.5, 1, 0.5 * (1 + half), 0.5, 0.5 * (1 - half), 1];
    for (const [i, rate] of rates.entries()) expect(rate).toBeCloseTo(wanted[i] as number, 12);
  });
});
