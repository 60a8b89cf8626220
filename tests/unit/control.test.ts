import { controllers, Learner, type LearnerOptions, nn, openRuntime, optim, type Runtime, schedules, stores } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

const options = (more: Pick<LearnerOptions, "schedule"> & Partial<LearnerOptions>): LearnerOptions => ({
  model: nn.sequential(nn.linear(5), nn.tanh(), nn.classifier({ capacity: 3 })),
  input: [4],
  optimizer: optim.sgd({ momentum: 0.9 }),
  batchSize: 6,
  seed: 3,
  ...more,
});

function batchAt(step: number): { x: Float32Array; y: number[] } {
  const draw = new RandomStream(2, `rows ${step}`);
  return { x: Float32Array.from({ length: 24 }, () => draw.uniform()), y: Array.from({ length: 6 }, () => draw.below(3)) };
}

/** What each controller is shown after a step: its loss, and numbers from a stream. */
const shown: Readonly<Record<string, (loss: number, draw: RandomStream) => object>> = {
  plateau: (loss) => ({ metric: loss }),
  autoLrs: (loss) => ({ loss }),
  hypergradient: (_, draw) => ({ product: draw.uniform() - 0.5 }),
  fedHyper: (_, draw) => ({ product: draw.uniform() - 0.5 }),
  fedHyperClient: (_, draw) => ({ global: draw.uniform() - 0.5, local: draw.uniform() - 0.5 }),
  homeostatic: (_, draw) => ({ effect: draw.below(2) === 0 ? -1 : 1, keep: draw.uniform(), change: draw.uniform() }),
  signalToNoise: (_, draw) => ({ meanSquare: draw.uniform(), variance: draw.uniform(), count: 6 }),
};
const made = async (): Promise<Record<string, LearnerOptions["schedule"]>> => ({
  plateau: controllers.plateau({ rate: 0.1, patience: 1, factor: 0.5 }),
  autoLrs: await controllers.autoLrs({ minRate: 1e-3, maxRate: 0.1, trials: 2, trialSteps: 16, steps: 4, maxSteps: 8 }),
  hypergradient: controllers.hypergradient({ rate: 0.1, beta: 0.01 }),
  fedHyper: controllers.fedHyper({ form: "SL", rate: 0.01 }),
  fedHyperClient: controllers.fedHyperClient({ rate: 0.01, clients: 2 }),
  homeostatic: controllers.homeostatic({ rate: 0.1 }),
  signalToNoise: controllers.signalToNoise({ rate: 0.1 }),
});

describe("a learner whose rate is controlled", () => {
  it.each(Object.keys(shown))("goes on from every step as if it had not stopped: %s", async (kind) => {
    const schedule = (await made())[kind] as LearnerOptions["schedule"];
    const whole = await Learner.create(runtime, options({ schedule }));
    const advance = async (learner: Learner, step: number): Promise<void> => {
      const { loss, learningRate } = await learner.observe(batchAt(step));
      rates.add(learningRate);
      const { rate } = learner.control(shown[kind]?.(loss, new RandomStream(5, `${kind} ${step}`)));
      expect(learner.learningRate).toBe(rate);
    };
    const rates = new Set<number>();
    const saved: Uint8Array[] = [];
    for (let step = 0; step < 30; step++) {
      saved.push(await whole.checkpoint());
      await advance(whole, step);
    }
    expect(rates.size, "the rate moves").toBeGreaterThan(1);
    for (const [k, bytes] of saved.entries()) {
      const store = stores.memory();
      await store.write(bytes);
      const learner = await Learner.open(runtime, store);
      await advance(learner, k);
      if (k < 29) expect(await learner.checkpoint(), `step ${k}`).toEqual(saved[k + 1]);
      else expect(await learner.stateHash()).toBe(await whole.stateHash());
      await learner.close();
    }
  });

  it("has the controller's state in its hash", async () => {
    const learner = await Learner.create(runtime, options({ schedule: controllers.plateau({ rate: 0.1 }) }));
    const before = await learner.stateHash();
    learner.control({ metric: 1 });
    expect(await learner.stateHash()).not.toBe(before);
  });

  it("refuses what a controller cannot use and goes on as before, and marks, which it has none of", async () => {
    const learner = await Learner.create(runtime, options({ schedule: controllers.hypergradient({ rate: 0.1, beta: 0.01 }) }));
    const before = await learner.stateHash();
    expect(() => learner.control({ product: Number.NaN })).toThrow(
      /observation "product" cannot be used; expected a finite number, got NaN/,
    );
    expect(() => learner.control(undefined)).toThrow(/nothing was observed; expected an object such as .*, got nothing/);
    expect(await learner.stateHash()).toBe(before);
    await expect(learner.mark("boundary")).rejects.toThrow(/the schedule waits for no mark "boundary"/);
    expect(learner.scheduleMarks).toEqual({});
  });

  it("does not open what another controller left", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, options({ schedule: controllers.plateau({ rate: 0.1 }), store }));
    await learner.save();
    const other = options({ schedule: controllers.signalToNoise({ rate: 0.1 }) });
    await expect(Learner.open(runtime, store, other)).rejects.toMatchObject({ code: "E_MISMATCH" });
  });

  it("is told so where its rate is scheduled", async () => {
    const learner = await Learner.create(runtime, options({ schedule: 0.1 }));
    expect(() => learner.control({ metric: 1 })).toThrow(
      /nothing controls the rate; expected option "schedule" to be a controller, got "constant"/,
    );
  });
});

describe("a schedule for each group", () => {
  const groups = (name: string): optim.Optimizer => optim.chain(optim.perGroup({ groups: [{ match: "^2", schedule: name }] }), optim.sgd());

  it("is followed by the group that names it, all others follow the rest", async () => {
    const scaled = optim.chain(optim.perGroup({ groups: [{ match: "^2", rateScale: 4 }] }), optim.sgd());
    const [grouped, expected] = await Promise.all([
      Learner.create(runtime, options({ optimizer: groups("head"), schedule: schedules.perGroup({ head: 0.5, rest: 0.125 }) })),
      Learner.create(runtime, options({ optimizer: scaled, schedule: 0.125 })),
    ]);
    for (let step = 0; step < 5; step++) {
      const batch = batchAt(step);
      expect((await grouped.observe(batch)).loss).toBe((await expected.observe(batch)).loss);
    }
    expect(await grouped.weights()).toEqual(await expected.weights());
  });

  it("is refused before a rule whose groups share one rate", () => {
    const group = optim.perGroup({ groups: [{ match: "^2", schedule: "head" }] });
    expect(() => optim.chain(group, optim.hypergradientSgd())).toThrow(/option "schedule" of perGroup has no effect on hypergradientSgd/);
  });

  it("is refused where the names of optimizer and schedule differ", async () => {
    const schedule = schedules.perGroup({ head: 0.5, rest: 0.1 });
    await expect(Learner.create(runtime, options({ optimizer: groups("heads"), schedule }))).rejects.toThrow(
      /schedule and optimizer differ in the groups they name; expected heads, got head/,
    );
    await expect(Learner.create(runtime, options({ schedule }))).rejects.toThrow(/expected none, got head/);
    await expect(Learner.create(runtime, options({ optimizer: groups("head"), schedule: 0.1 }))).rejects.toThrow(/expected head, got none/);
  });
});
