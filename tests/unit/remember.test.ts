import {
  type Batch,
  type DrawPolicy,
  draws,
  Learner,
  type LearnerOptions,
  losses,
  type MemoryPolicy,
  memory,
  nn,
  openRuntime,
  optim,
  PalimpsestError,
  type Runtime,
  readSafetensors,
  type StoredTensor,
  type Strategy,
  stores,
  strategies,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkBatch } from "../../src/learner/batch.ts";
import { Engine } from "../../src/learner/engine.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import type { Replay } from "../../src/memory/replay.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const INPUTS = 3;
const policies: Record<string, MemoryPolicy> = {
  reservoir: memory.reservoir({ capacity: 9 }),
  "reservoir in chunks": memory.reservoir({ capacity: 8, chunk: 2 }),
  ring: memory.ring({ capacity: 9, key: "task" }),
  quota: memory.quota({ capacity: 9 }),
  "class-balanced": memory.classBalanced({ capacity: 9 }),
  "balanced-reservoir": memory.balancedReservoir({ capacity: 9 }),
  greedy: memory.greedy({ capacity: 9 }),
  "loss-aware": memory.lossAware({ capacity: 9, balance: 0.5 }),
  "gradient-diverse": memory.gradientDiverse({ capacity: 9 }),
  herding: memory.herding({ capacity: 9 }),
  "closest-to-mean": memory.closestToMean({ capacity: 9 }),
  clusters: memory.clusters({ capacity: 9, clusters: 3 }),
  similarity: memory.similarity({ capacity: 9 }),
  "long-term": memory.longTerm({ capacity: 9 }),
};
const optionsOf = (policy: MemoryPolicy, draw?: DrawPolicy, more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(nn.linear(5), nn.relu(), nn.classifier({ capacity: 3 })),
  input: [INPUTS],
  optimizer: optim.sgd(),
  schedule: 0.05,
  memory: policy,
  strategies: [strategies.replay({ batchSize: 4, ...(draw && { draw }) })],
  seed: 6,
  batchSize: 4,
  ...more,
});
/** Row `id` is the same whenever it is asked for. */
const rowOf = (id: number): number[] => Array.from({ length: INPUTS }, (_, i) => Math.sin(7 * id + 3 * i + 1));
const labelOf = (id: number): number => (id * id) % 3;
function batchOf(ids: readonly number[], task = 0): Batch {
  return { x: Float32Array.from(ids.flatMap(rowOf)), y: ids.map(labelOf), id: ids, task };
}
const stream = (steps: number): Batch[] =>
  Array.from({ length: steps }, (_, s) => batchOf([4 * s, 4 * s + 1, 4 * s + 2, 4 * s + 3], Math.floor(s / 6)));

/** The rows in memory: what each column holds of them. */
async function storedIn(learner: Learner): Promise<{ x: Float32Array; y: Uint32Array; index: Uint8Array }> {
  const { tensors } = readSafetensors(await learner.checkpoint(), "checkpoint");
  const bytes = (name: string): ArrayBuffer => new Uint8Array((tensors.get(name) as StoredTensor).data).buffer;
  return { x: new Float32Array(bytes("memory/x")), y: new Uint32Array(bytes("memory/y")), index: new Uint8Array(bytes("memory/index")) };
}

async function refusal(action: () => unknown): Promise<PalimpsestError> {
  try {
    await action();
  } catch (error) {
    expect(error).toBeInstanceOf(PalimpsestError);
    return error as PalimpsestError;
  }
  return expect.fail("nothing was refused");
}

describe("every policy", () => {
  it.each(Object.entries(policies))("%s keeps whole rows of the stream, each with its label", async (_, policy) => {
    const learner = await Learner.create(runtime, optionsOf(policy));
    for (const batch of stream(15)) expect((await learner.observe(batch)).skipped).toBeUndefined();
    const { x, y } = await storedIn(learner);
    expect(y.length).toBe(learner.stored);
    expect(learner.stored).toBeGreaterThan(5);
    expect(learner.stored).toBeLessThanOrEqual(9);
    expect(learner.memory).toMatchObject({ capacity: policy === policies["reservoir in chunks"] ? 8 : 9, seen: 60 });
    const rows = Array.from({ length: 60 }, (_, id) => Float32Array.from(rowOf(id)));
    for (let row = 0; row < y.length; row++) {
      const id = rows.findIndex((values) => values.every((value, i) => value === x[row * INPUTS + i]));
      expect(id, `row ${row}`).toBeGreaterThanOrEqual(0);
      expect(y[row]).toBe(labelOf(id));
    }
    await learner.close();
  });
});

describe("what a step measures", () => {
  // Weights are chosen, and with a rate of 0 they stay.
  const weights = new Map([
    ["0.weight", Float32Array.of(1, 0, 0, 1, -1, 0)],
    ["0.bias", Float32Array.of(0, 0)],
    ["2.weight", new Float32Array(6)],
    ["2.bias", Float32Array.of(0, 0, Math.log(2))],
  ]);
  const options = (policy: MemoryPolicy, draw?: DrawPolicy): LearnerOptions =>
    optionsOf(policy, draw, { model: nn.sequential(nn.linear(2), nn.relu(), nn.classifier({ capacity: 3 })), weights, schedule: 0 });
  const batch: Batch = { x: Float32Array.of(1, 2, 0, 0, 3, 1, -5, 1, 0), y: [0, 2, 1] };
  async function measured(given: LearnerOptions): Promise<{ engine: Engine; dims: number }> {
    const config = await resolveConfig(given);
    const engine = await Engine.open(runtime, config);
    for (let i = 0; i < 2; i++) await engine.step(checkBatch("test", batch, config));
    return { engine, dims: config.memory?.dims as number };
  }

  it("rows kept by features are drawn by loss: what lets a row give way is not its score", async () => {
    for (const policy of [memory.similarity({ capacity: 6 }), memory.herding({ capacity: 6 })]) {
      const { engine } = await measured(options(policy, draws.proportional()));
      const { slots } = (engine.memory as NonNullable<Engine["memory"]>).replay.stores[0] as Replay["stores"][number];
      expect(slots.stored).toBe(6);
      for (const score of slots.scores()) expect(Math.min(Math.abs(score - Math.log(2)), Math.abs(score - Math.log(4)))).toBeLessThan(1e-5);
      engine.close();
    }
  });

  it("the score of a row is its loss, of those that were drawn too", async () => {
    const { engine } = await measured(options(memory.lossAware({ capacity: 6 })));
    // Probabilities are ¼, ¼, ½.
    const expected = Array.from(batch.y).map((label) => Math.log(label === 2 ? 2 : 4));
    const scores = engine.memory?.replay.stores[0]?.slots.scores();
    expect(scores?.length).toBe(6);
    for (const [i, score] of [...(scores as Float32Array)].entries()) expect(score).toBeCloseTo(expected[i % 3] as number, 5);
    engine.close();
  });

  it("the score of a row that was drawn becomes its loss of now, that of another stays", async () => {
    const config = await resolveConfig({
      ...options(memory.lossAware({ capacity: 6 })),
      strategies: [strategies.replay({ batchSize: 2 })],
    });
    const engine = await Engine.open(runtime, config);
    const { replay } = engine.memory as NonNullable<Engine["memory"]>;
    const slots = replay.stores[0]?.slots as { scores(): Float32Array };
    await engine.step(checkBatch("test", batch, config));
    replay.update([0, 1, 2], undefined, [9, 9, 9]);
    await engine.step(checkBatch("test", batch, config));
    const stale = [...slots.scores()].filter((score) => score === 9);
    expect(stale.length).toBe(1);
    engine.close();
  });

  it("a draw by priority makes losses scores under any policy, and rows of no loss are drawn all the same", async () => {
    const { engine } = await measured(options(memory.reservoir({ capacity: 6 }), draws.proportional()));
    expect(engine.memory?.replay.stores[0]?.slots.scores()[0]).toBeCloseTo(Math.log(4), 5);
    engine.close();
    const sure = new Map([...weights, ["2.bias", Float32Array.of(0, 0, 99)]]);
    const config = await resolveConfig({ ...options(memory.reservoir({ capacity: 6 }), draws.proportional()), weights: sure });
    const certain = await Engine.open(runtime, config);
    for (let i = 0; i < 2; i++) expect((await certain.step(checkBatch("test", { ...batch, y: [2, 2, 2] }, config))).loss).toBe(0);
    const scores = certain.memory?.replay.stores[0]?.slots.scores() as Float32Array;
    expect([...scores]).toEqual(new Array(6).fill(Math.fround(1e-6)));
    certain.close();
  });

  it("features are what the classifier takes in, gradients those of the outputs", async () => {
    const seen: { measure: string; values: number[] }[] = [];
    for (const policy of [memory.similarity({ capacity: 6 }), memory.gradientDiverse({ capacity: 6 })]) {
      const config = await resolveConfig(options(policy));
      const engine = await Engine.open(runtime, config);
      const { replay } = engine.memory as NonNullable<Engine["memory"]>;
      const offer = replay.offer.bind(replay);
      replay.offer = (rows) => {
        seen.push({ measure: config.memory?.embeds as string, values: [...(rows.embeddings as Float32Array)] });
        return offer(rows);
      };
      await engine.step(checkBatch("test", batch, config));
      engine.close();
    }
    expect(seen[0]).toEqual({ measure: "features", values: [1, 2, 0, 3, 0, 1] });
    // Probabilities less the label.
    const gradient = [
      [-0.75, 0.25, 0.5],
      [0.25, 0.25, -0.5],
      [0.25, -0.75, 0.5],
    ].flat();
    expect(seen[1]?.values.length).toBe(9);
    for (const [i, value] of (seen[1]?.values ?? []).entries()) expect(value).toBeCloseTo(gradient[i] as number, 6);
  });

  it("an adaptive draw is told the share of units that are active, and draws more once it is stable", async () => {
    const drawn: number[] = [];
    const draw = draws.adaptive({ low: 0.5, high: 1, gap: 1, check: 1 });
    const replay = strategies.replay({ batchSize: 3, draw });
    const watched: Strategy = {
      ...replay,
      draw: {
        groups: replay.draw?.groups ?? [],
        async select(context) {
          const rows = (await replay.draw?.select(context)) ?? {};
          drawn.push(rows.replay?.slots.length ?? 0);
          return rows;
        },
      },
    };
    const config = await resolveConfig({ ...options(memory.ring({ capacity: 6 })), strategies: [watched], batchSize: 5 });
    const engine = await Engine.open(runtime, config);
    const { replay: index } = engine.memory as NonNullable<Engine["memory"]>;
    const told: number[] = [];
    const signal = index.signal.bind(index);
    index.signal = (policy, active) => {
      told.push(active);
      signal(policy, active);
    };
    for (let i = 0; i < 20; i++) await engine.step(checkBatch("test", batch, config));
    // Of six units, rows (1, 2), (-1, 3) and (-5, 1) before the rectifier, four are above 0.
    for (const share of told) expect(share).toBeCloseTo(4 / 6, 6);
    expect(told.length).toBe(2);
    expect(drawn.slice(1, 10).reduce((a, b) => a + b)).toBe(Math.floor(0.5 * 27));
    expect(drawn.slice(11).every((count) => count === 3)).toBe(true);
    engine.close();
  });

  it("weights that come with a draw multiply those of the mean", async () => {
    const doubled: Strategy = {
      name: "doubled",
      needsMemory: true,
      draw: {
        groups: [{ name: "doubled", size: 1 }],
        select: ({ memory: index }) => ({ doubled: index?.stored ? { slots: [1], weights: [2] } : { slots: [] } }),
      },
    };
    const learner = await Learner.create(runtime, { ...options(memory.ring({ capacity: 6 })), strategies: [doubled] });
    await learner.observe(batch);
    const { loss } = await learner.observe(batch);
    expect(loss).toBeCloseTo((2 * Math.log(4) + Math.log(2) + 2 * Math.log(2)) / 5, 5);
    await learner.close();
  });
});

describe("what does not fit is refused when the learner is made", () => {
  const cases: [string, () => LearnerOptions, RegExp, RegExp][] = [
    [
      "stores that embed rows by different things",
      () => optionsOf(memory.stores({ a: memory.gradientDiverse({ capacity: 2 }), b: memory.clusters({ capacity: 2 }) })),
      /expected gradient \(policy "gradient-diverse"\) in all stores, got also features \(policy "clusters"\)/,
      /another policy/,
    ],
    [
      "a policy by a column that learners do not have",
      () => optionsOf(memory.quota({ capacity: 9, key: "source" })),
      /policy "quota" groups rows by what a learner does not know of them; expected key label or task, got "source"/,
      /task/,
    ],
    [
      "a draw by such a column",
      () => optionsOf(memory.ring({ capacity: 9 }), draws.balanced({ key: "cluster" })),
      /draw "balanced" .* got "cluster"/,
      /task/,
    ],
    [
      "a draw from a store that is not there",
      () => optionsOf(memory.longTerm({ capacity: 9 }), draws.mixture([{ share: 1, store: "resent" }])),
      /no store called "resent"; expected one of recent, past/,
      /^$/,
    ],
    ["no capacity", () => optionsOf(memory.reservoir()), /store "memory" has no capacity/, /capacity/],
    [
      "too few bytes",
      () => optionsOf(memory.reservoir({ capacity: { bytes: 40 } })),
      /no row fits the capacity; expected at least \d+ bytes, got 40/,
      /^$/,
    ],
    [
      "an unknown policy",
      () => optionsOf({ policy: "resevoir", capacity: 3 } as never),
      /option "policy" has no such choice/,
      /"reservoir"/,
    ],
    [
      "an unknown draw",
      () => optionsOf(memory.ring({ capacity: 3 }), { draw: "unifrom" } as never),
      /option "draw" has no such choice/,
      /"uniform"/,
    ],
  ];
  it.each(cases)("%s", async (_, options, message, hint) => {
    const error = await refusal(async () => Learner.create(runtime, options()));
    expect(error.code).toBe("E_CONFIG");
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  it("but clusters may be drawn from in turn", async () => {
    const learner = await Learner.create(
      runtime,
      optionsOf(memory.clusters({ capacity: 9, clusters: 2 }), draws.balanced({ key: "cluster" })),
    );
    for (const batch of stream(4)) await learner.observe(batch);
    expect(learner.stored).toBe(9);
    await learner.close();
  });

  it("nor may a classifier grow whose gradients rows are known by", async () => {
    const learner = await Learner.create(runtime, optionsOf(memory.gradientDiverse({ capacity: 9 })));
    await learner.observe(batchOf([1, 2]));
    expect((await refusal(() => learner.grow(5))).code).toBe("E_UNSUPPORTED");
    await learner.observe(batchOf([3, 4]));
    expect(learner.stored).toBe(4);
    const other = await Learner.create(runtime, optionsOf(memory.herding({ capacity: 9 })));
    await other.observe(batchOf([1, 2]));
    await other.grow(5);
    await other.observe(batchOf([3, 4]));
    expect(other.stored).toBe(4);
    await learner.close();
    await other.close();
  });

  it.each(Object.keys(policies).filter((name) => name !== "long-term"))("bytes of %s hold what the memory then takes", async (name) => {
    const { capacity: _, ...policy } = policies[name] as MemoryPolicy & { capacity: number };
    const taken = async (bytes: number, draw: DrawPolicy | undefined): Promise<number> => {
      const config = await resolveConfig(optionsOf({ ...policy, capacity: { bytes } } as MemoryPolicy, draw));
      const engine = await Engine.open(runtime, config);
      for (let i = 0; i < 2; i++) await engine.step(checkBatch("test", batchOf([1, 2, 3, 4]), config));
      const [store] = (engine.memory as NonNullable<Engine["memory"]>).replay.stores;
      const columns = (config.memory?.capacities[0] as number) * (engine.layout.x.rowBytes + engine.layout.y.rowBytes);
      const index = store?.slots.bytes as number;
      engine.close();
      return columns + index;
    };
    const scored = ["loss-aware", "quota"].includes(name) ? [draws.proportional()] : [];
    for (const draw of [undefined, draws.balanced({ key: "task" }), ...scored]) {
      const [some, more] = [await taken(1e5, draw), await taken(3e5, draw)];
      // Groups and the header come on top, which do not grow with the rows.
      expect(some).toBeGreaterThan(0.99e5);
      expect(some).toBeLessThan(1.2e5);
      expect(Math.abs(more - some - 2e5)).toBeLessThan(1e3);
    }
  });
});

describe("identities", () => {
  it.each([
    ["below 0", [0, -1], 1],
    ["not whole", [0.5, 1], 0],
    ["not exact", [0, 2 ** 53], 1],
    ["no number", [Number.NaN, 1], 0],
    ["text", ["a", 1], 0],
  ])("%s are refused", async (_, id, row) => {
    const learner = await Learner.create(runtime, optionsOf(memory.ring({ capacity: 9 })));
    const error = await refusal(() => learner.observe({ ...batchOf([1, 2]), id: id as number[] }));
    expect([error.code, error.context]).toEqual(["E_DATA", { field: "id", row }]);
    expect(error.message).toMatch(new RegExp(`id of row ${row} names no row; expected a whole number from 0 to 2\\^53 − 1`));
    expect((await refusal(() => learner.observe({ ...batchOf([1, 2]), task: -1 }))).code).toBe("E_DATA");
    expect(learner.step).toBe(0);
    await learner.close();
  });

  it("that are stored are stored once, and told", async () => {
    const learner = await Learner.create(runtime, optionsOf(memory.ring({ capacity: 9 })));
    for (const ids of [
      [1, 2],
      [2, 1],
      [2, 3],
      [3, 3],
    ])
      await learner.observe(batchOf(ids));
    expect(await learner.memory?.stats()).toMatchObject({ stored: 3, seen: 3, duplicates: 5 });
    await learner.close();
  });

  it("stats tell classes, tasks and ages", async () => {
    const learner = await Learner.create(runtime, optionsOf(memory.ring({ capacity: 6 })));
    await learner.observe(batchOf([0, 1, 2, 3], 5));
    await learner.observe(batchOf([4, 5, 6, 7], 2));
    expect(await learner.memory?.stats()).toEqual({
      capacity: 6,
      stored: 6,
      seen: 8,
      duplicates: 0,
      forgotten: 0,
      refused: 0,
      // Labels of 2 … 7 are 1, 0, 1, 1, 0, 1.
      groups: {
        label: [
          { key: 0, stored: 2, seen: 3, share: 2 / 6 },
          { key: 1, stored: 4, seen: 5, share: 4 / 6 },
        ],
        task: [
          { key: 2, stored: 4, seen: 4, share: 4 / 6 },
          { key: 5, stored: 2, seen: 4, share: 2 / 6 },
        ],
      },
      ages: { least: 1, mean: 3.5, most: 6, histogram: { edges: [1, 2, 4], counts: [1, 2, 3] } },
    });
    await learner.close();
    expect((await Learner.create(runtime, optionsOf(memory.ring({ capacity: 6 })))).memory?.stored).toBe(0);
  });
});

describe("under other losses", () => {
  it("rows of values, and of several labels, are measured too", async () => {
    const values = await Learner.create(runtime, {
      ...optionsOf(memory.lossAware({ capacity: 5 }), draws.proportional()),
      model: nn.linear(2),
      loss: losses.meanSquaredError(),
    });
    for (let i = 0; i < 4; i++)
      await values.observe({ x: new Float32Array(2 * INPUTS).fill(i), y: Float32Array.of(1, 2, 3, 4), id: [2 * i, 2 * i + 1] });
    expect(values.stored).toBe(5);
    const places = await Learner.create(runtime, {
      ...optionsOf(memory.gradientDiverse({ capacity: 5 })),
      model: nn.sequential(nn.linear(4)),
      input: [2, INPUTS],
    });
    for (let i = 0; i < 4; i++) await places.observe({ x: new Float32Array(4 * INPUTS).fill(i), y: [0, 1, 2, 3] });
    expect(places.stored).toBe(5);
    expect((await refusal(() => places.forget({ where: { label: 0 } }))).message).toMatch(/rows have no label of their own/);
    await values.close();
    await places.close();
  });
});

describe("a checkpoint", () => {
  it("opens without options with the policy and the draw it was saved with, and with no other", async () => {
    const store = stores.memory();
    const draw = draws.mixture([
      { share: 2, policy: draws.balanced({ key: "task" }) },
      { share: 1, store: "past" },
    ]);
    const options = optionsOf(memory.longTerm({ capacity: 8 }), draw, { store });
    const learner = await Learner.create(runtime, options);
    for (const batch of stream(5)) await learner.observe(batch);
    await learner.save();
    const same = await Learner.open(runtime, store);
    expect(await same.stateHash()).toBe(await learner.stateHash());
    const other = optionsOf(memory.longTerm({ capacity: 8 }), draws.uniform());
    expect((await refusal(() => Learner.open(runtime, store, other))).message).toMatch(/another strategies/);
    const kept = optionsOf(memory.longTerm({ capacity: 9 }), draw);
    expect((await refusal(() => Learner.open(runtime, store, kept))).message).toMatch(/another memory/);
    await learner.close();
    await same.close();
  });
});
