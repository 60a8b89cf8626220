/** What holds of the hooks of strategies, whatever the method. */
import {
  detectors,
  Learner,
  type LearnerOptions,
  losses,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type Store,
  type Strategy,
  schedules,
  stores,
  strategies,
  tensor,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const ROWS = 6;
const CLASSES = 4;
const optionsOf = (list: readonly Strategy[], more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(nn.linear(8), nn.relu(), nn.classifier({ capacity: CLASSES })),
  input: [5],
  optimizer: optim.adamw(),
  schedule: 0.01,
  memory: memory.reservoir({ capacity: 40 }),
  strategies: list,
  seed: 3,
  batchSize: ROWS,
  ...more,
});

function batchAt(index: number, task = Math.floor(index / 4) % 2) {
  const draw = new RandomStream(11, `batch ${index}`);
  const kind = Math.floor(index / 4) % 2;
  const y = Array.from({ length: ROWS }, () => 2 * kind + draw.below(2));
  const x = Float32Array.from({ length: 5 * ROWS }, (_, i) => draw.uniform() - 0.5 + (i % 5 === (y[Math.floor(i / 5)] as number) ? 1 : 0));
  return { x, y, task, id: Array.from({ length: ROWS }, (_, row) => ROWS * index + row) };
}

async function learned(list: readonly Strategy[], steps = 10, more: Partial<LearnerOptions> = {}): Promise<Learner> {
  const learner = await Learner.create(runtime, optionsOf(list, more));
  for (let index = 0; index < steps; index++) {
    await learner.observe(batchAt(index));
    if (index % 4 === 3) await learner.consolidate();
  }
  return learner;
}

async function weightsAfter(list: readonly Strategy[], steps = 10): Promise<number[][]> {
  const learner = await learned(list, steps);
  const weights = [...(await learner.weights()).values()].map(({ data }) => [...data]);
  await learner.close();
  return weights;
}

describe("hooks", () => {
  it("that only look leave what is learned as it is, bit for bit", async () => {
    const plain = await weightsAfter([]);
    for (const list of [[strategies.ema()], [strategies.ncm()], [strategies.detect({ detector: detectors.adwin(), boundary: false })]])
      expect(await weightsAfter(list)).toEqual(plain);
  });

  it("of weight 0 leave what is learned as it is, bit for bit", async () => {
    const plain = await weightsAfter([]);
    const none = [
      strategies.l2({ lambda: 0 }),
      strategies.si({ c: 0 }),
      strategies.ewc({ lambda: 0, rows: 8 }),
      strategies.lwf({ alpha: 0 }),
    ];
    for (const strategy of none) expect(await weightsAfter([strategy])).toEqual(plain);
    expect(await weightsAfter(none)).toEqual(plain);
  });

  it("that are independent give the same in any order", async () => {
    const watch = strategies.detect({ detector: detectors.cusum({ mean: 0.5 }), boundary: false });
    const list = [strategies.l2({ lambda: 0.01, towards: "init" }), strategies.ema(), watch];
    const [one, other] = [await learned(list), await learned([...list].reverse())];
    const { x } = batchAt(3);
    expect(await one.predict(x)).toEqual(await other.predict(x));
    await one.close();
    await other.close();
  });

  it("add their terms, each told by its tag", async () => {
    const constant = (name: string, value: number): Strategy => ({
      name,
      terms: ({ vector }) => [{ tag: "penalty", value: tensor.add(tensor.mul(tensor.sum(vector), 0), value) }],
    });
    const [plain, both] = [await learned([], 0), await learned([constant("one", 0.25), constant("two", 0.5)], 0)];
    const [a, b] = [await plain.observe(batchAt(0)), await both.observe(batchAt(0))];
    expect(b.terms).toEqual({ task: a.loss, penalty: 0.75 });
    expect(b.loss).toBeCloseTo(a.loss + 0.75, 5);
    await plain.close();
    await both.close();
  });

  it("never read tasks where they have no boundaries", async () => {
    for (const make of [() => strategies.erAce({ batchSize: 4 }), () => strategies.der({ batchSize: 4 }), () => strategies.ema()]) {
      const [one, other] = [await learned([make()], 0), await learned([make()], 0)];
      for (let index = 0; index < 8; index++)
        expect((await one.observe(batchAt(index))).loss).toBe((await other.observe(batchAt(index, index))).loss);
      await one.close();
      await other.close();
    }
  });

  it("keep the answers of old classes when the classifier grows, and learn on", async () => {
    for (const list of [
      [strategies.ema()],
      [strategies.der({ batchSize: 4 }), strategies.si(), strategies.lwf()],
      [strategies.ewc({ rows: 8 }), strategies.erAce({ batchSize: 4 })],
      [strategies.slda()],
      [strategies.firstSession()],
      [strategies.slca({ epochs: 1, samples: 8, batchSize: 8 })],
      [strategies.energy(), strategies.fetril({ epochs: 2, batchSize: 8 })],
    ]) {
      const learner = await learned(list, 9);
      const { x } = batchAt(2);
      const before = await learner.predict(x, { head: "model" });
      await learner.grow(CLASSES + 2);
      const after = await learner.predict(x, { head: "model" });
      for (let row = 0; row < ROWS; row++) {
        // New classes take a share; what old ones have of the rest stays.
        const ratio = (p: Float32Array, classes: number) => Math.log((p[row * classes] as number) / (p[row * classes + 1] as number));
        expect(ratio(after.probabilities, CLASSES + 2)).toBeCloseTo(ratio(before.probabilities, CLASSES), 4);
      }
      for (let index = 9; index < 14; index++) expect(Number.isFinite((await learner.observe(batchAt(index))).loss)).toBe(true);
      await learner.consolidate();
      await learner.close();
    }
  });

  it("that clash, or lack what they need, are refused before the first step", async () => {
    const refused = async (list: readonly Strategy[], message: RegExp, more: Partial<LearnerOptions> = {}) =>
      expect(Learner.create(runtime, optionsOf(list, more))).rejects.toMatchObject({
        code: "E_CONFIG",
        message: expect.stringMatching(message),
      });
    await refused(
      [
        strategies.erAce({ batchSize: 2 }),
        { ...strategies.erAce({ batchSize: 2 }), name: "other", draw: { groups: [], select: () => ({}) } },
      ],
      /both decide the loss of group "(arrival|erAce)"/,
    );
    await refused([strategies.ema(), strategies.ncm()], /answer in place of the model/);
    await refused([strategies.ewc()], /boundaries/, { boundaries: "none" });
    await refused([strategies.l2(), strategies.l2({ lambda: 5 })], /two are called "l2"/);
    await refused([{ name: "odd", owns: ["nothing"], terms: () => [] }], /owns a group "nothing"/);
    const { memory: _, ...bare } = optionsOf([strategies.der({ batchSize: 2 })]);
    await expect(Learner.create(runtime, bare)).rejects.toMatchObject({ code: "E_CONFIG" });
    const values: Partial<LearnerOptions> = { model: nn.sequential(nn.linear(4), nn.linear(2)), loss: losses.meanSquaredError() };
    await refused([strategies.erAce({ batchSize: 2 })], /one label a row/, values);
    await expect(
      Learner.create(
        runtime,
        optionsOf([strategies.detect({ detector: detectors.pageHinkley() }), strategies.ewc()], { boundaries: "none" }),
      ),
    ).resolves.toBeDefined();
  });

  it("tell what they cost", async () => {
    const learner = await learned([strategies.der({ batchSize: 4 }), strategies.si()], 0);
    const { strategies: costs, parameters } = learner.plan();
    expect(costs.map(({ name, rows }) => [name, rows])).toEqual([
      ["der", 8],
      ["anchor", 0],
      ["si", 0],
    ]);
    expect(costs[0]?.bytes).toBe(4 * CLASSES * (40 + ROWS));
    expect(costs[2]?.bytes).toBe(4 * 4 * parameters);
    await learner.close();
  });

  it("hear numbers that change while it trains", async () => {
    const learner = await learned([strategies.l2({ lambda: 0.5 })], 2);
    expect(learner.get("l2.lambda")).toBe(0.5);
    learner.set("l2.lambda", 0);
    const { terms } = await learner.observe(batchAt(2));
    expect(terms.penalty).toBe(0);
    expect(() => learner.set("l2.lambda", -1)).toThrow(/lambda/);
    expect(() => learner.set("l2.lamda", 1)).toThrow(/no setting/);
    await learner.close();
  });
});

/** A store that fails at its n-th write, and from then on. */
function failing(store: Store, after: () => boolean): Store {
  const open = store.open as NonNullable<Store["open"]>;
  return {
    ...store,
    open: async (mode) => {
      const files = await open(mode);
      const guard =
        <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
        async (...args: A): Promise<T> => {
          if (after()) throw new Error("the power is out");
          return call(...args);
        };
      return { ...files, create: guard(files.create), write: guard(files.write) };
    },
  };
}

describe("work in pieces", () => {
  it.each([
    ["of measures", () => [strategies.ewc({ rows: 40, lambda: 5 }), strategies.replay({ batchSize: 3 })]],
    [
      "of training",
      () => [strategies.slca({ epochs: 3, samples: 16, batchSize: 8, rate: 0.1 }), strategies.fetril({ epochs: 3, batchSize: 16 })],
    ],
  ] as const)("is gone on with after a kill at any of its records: %s", async (_, list) => {
    const whole = await learned(list(), 10);
    const expected = await whole.stateHash();
    await whole.close();
    let kills = 0;
    for (let write = 6; write < 60; write += 2) {
      const kept = stores.memory();
      let writes = 0;
      const learner = await Learner.create(
        runtime,
        optionsOf(list(), { store: failing(kept, () => ++writes > write), durability: "strict" }),
      ).catch(() => undefined);
      if (learner === undefined) continue;
      const run = async (one: Learner): Promise<void> => {
        while (one.step < 10 || one.boundaries < 2) {
          if (one.step % 4 === 0 && one.boundaries < one.step / 4) await one.consolidate();
          else await one.observe(batchAt(one.step));
        }
      };
      const failed = await run(learner).then(
        () => false,
        () => true,
      );
      await learner.close().catch(() => {});
      if (failed) kills += 1;
      const next = await Learner.open(runtime, kept, { steal: true });
      await run(next);
      expect(await next.stateHash()).toBe(expected);
      await next.close();
    }
    expect(kills).toBeGreaterThan(8);
  });
});

describe("a drift", () => {
  /** A detector that tells of a drift at the third batch. */
  const third = (raises: Strategy["raises"]): Strategy => ({
    name: "third",
    ...(raises && { raises }),
    fold: {
      numbers: () => ({ count: [1] }),
      reads: [],
      push(numbers) {
        const count = numbers.count as Float64Array;
        count[0] = (count[0] as number) + 1;
        return count[0] === 3 ? ["drift"] : [];
      },
    },
  });
  it("is a boundary, a mark of the schedule, and makes room in memory, as it is told to", async () => {
    const signals: string[] = [];
    const schedule = schedules.cooldown({ peak: 0.02, start: "mark", length: 4 });
    const learner = await learned([third({ boundary: true, marks: ["cooldown"], refresh: 0.5 }), strategies.replay({ batchSize: 4 })], 0, {
      schedule,
    });
    learner.on("signal", ({ signal, step }) => signals.push(`${signal} ${step}`));
    for (let index = 0; index < 3; index++) await learner.observe(batchAt(index));
    expect([learner.boundaries, learner.scheduleMarks.cooldown, learner.stored, signals]).toEqual([1, 3, 9, ["drift 3"]]);
    // The newest half is left.
    expect((await learner.memory?.stats())?.ages.most).toBeLessThanOrEqual(9);
    for (let index = 3; index < 6; index++) expect(Number.isFinite((await learner.observe(batchAt(index))).loss)).toBe(true);
    await learner.close();
  });
});

describe("a memory that gives classes equal shares", () => {
  it("has a row for each at least", async () => {
    for (const policy of [memory.classBalanced, memory.greedy, memory.quota])
      await expect(
        Learner.create(runtime, optionsOf([strategies.erAce({ batchSize: 2 })], { memory: policy({ capacity: CLASSES - 1 }) })),
      ).rejects.toMatchObject({
        code: "E_CONFIG",
        message: expect.stringMatching(/too small for the classes there are; expected 4 rows at least, got 3/),
      });
    await (await Learner.create(runtime, optionsOf([], { memory: memory.greedy({ capacity: CLASSES }) }))).close();
  });
});
