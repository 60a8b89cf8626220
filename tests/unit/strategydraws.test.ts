/** Strategies that choose what is rehearsed, when, and by which parts of a model. */
import {
  augment,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type Strategy,
  strategies,
  streams,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const options = (more: Partial<LearnerOptions>): LearnerOptions => ({
  model: nn.sequential(nn.linear(6), nn.layerNorm(), nn.relu(), nn.classifier({ capacity: 2 })),
  input: [2],
  optimizer: optim.sgd(),
  schedule: 0.1,
  memory: memory.reservoir({ capacity: 100 }),
  ...more,
});

/** Returns batches of four rows of two classes, told apart by where their larger number is; `swap`: the other way round. */
function batch(index: number, swap = false): { x: Float32Array; y: number[] } {
  const random = new RandomStream(5, `batch ${index}`);
  const x = Float32Array.from({ length: 8 }, () => random.uniform());
  const y = [0, 1, 2, 3].map((i) => Number((x[2 * i] as number) < (x[2 * i + 1] as number)) ^ Number(swap));
  return { x, y };
}

/** Returns a strategy that also notes how many rows each step draws, and from which slots. */
function noted(strategy: Strategy): { strategy: Strategy; draws: number[][] } {
  const draws: number[][] = [];
  const { groups, select } = strategy.draw as NonNullable<Strategy["draw"]>;
  return {
    draws,
    strategy: {
      ...strategy,
      draw: {
        groups,
        async select(context) {
          const drawn = await select(context);
          draws.push(Array.from(drawn[groups[0]?.name ?? ""]?.slots ?? []));
          return drawn;
        },
      },
    },
  };
}

describe("fpf", () => {
  const all = ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"];
  it.each([
    [["head"], ["3.weight", "3.bias"]],
    [["norm"], ["1.weight", "1.bias"]],
    [["stem"], ["0.weight", "0.bias"]],
    [undefined, ["1.weight", "1.bias", "3.weight", "3.bias"]],
  ] as const)("tunes %s alone: all else stays to the bit", async (parts, tuned) => {
    const strategy = strategies.fpf({ steps: 20, learningRate: 0.1, ...(parts && { parts }) });
    const learner = await Learner.create(runtime, options({ strategies: [strategy] }));
    for (let i = 0; i < 5; i++) await learner.observe(batch(i));
    const before = await learner.weights();
    await learner.consolidate();
    const after = await learner.weights();
    expect([...before.keys()].sort()).toEqual([...all].sort());
    const moved = all.filter((path) => !Object.is(before.get(path)?.data.join(), after.get(path)?.data.join()));
    const same = all.filter((path) => before.get(path)?.data.join() === after.get(path)?.data.join());
    expect(same).toEqual(all.filter((path) => !(tuned as readonly string[]).includes(path)));
    expect(moved).toEqual(all.filter((path) => (tuned as readonly string[]).includes(path)));
    await learner.close();
  });

  it("a swap of labels moves the head most", async () => {
    const learner = await Learner.create(
      runtime,
      options({ model: nn.sequential(nn.linear(6), nn.relu(), nn.classifier({ capacity: 2 })) }),
    );
    for (let i = 0; i < 100; i++) await learner.observe(batch(i));
    const before = await learner.weights();
    for (let i = 100; i < 200; i++) await learner.observe(batch(i, true));
    const [first] = strategies.sensitivities(before, await learner.weights());
    expect(first?.path).toMatch(/^2\./);
    await learner.close();
    expect(() => strategies.sensitivities(before, new Map())).toThrow(/differs in size/);
  });
});

describe("uer", () => {
  const learned = async (scale: number, batches: number) => {
    const weights = new Map([
      ["weight", Float32Array.of(scale, 0.6, 0, 0.8)],
      ["bias", Float32Array.of(0, 0)],
    ]);
    const learner = await Learner.create(
      runtime,
      options({ model: nn.classifier({ capacity: 2 }), weights, strategies: [strategies.uer({ batchSize: 4 })] }),
    );
    const results = [];
    for (let i = 0; i < batches; i++) {
      if (i === 1) learner.set("learningRate", 0);
      results.push(await learner.observe({ x: Float32Array.of(2, 1.5), y: [0] }));
    }
    const after = (await learner.weights()).get("weight")?.data as Float32Array;
    await learner.close();
    return { results, after };
  };

  it("new rows are learned by the angle alone: the weights' gradient is at right angles to each of them, which drawn rows are not", async () => {
    const [one, two] = [await learned(1, 1), await learned(2, 1)];
    expect(two.results[0]?.loss).toBeCloseTo(one.results[0]?.loss as number, 5);
    expect(one.results[0]?.loss).toBeCloseTo(Math.log(1 + Math.exp((0.96 - 0.8) / 0.09)), 4);
    const [a, c, b, d] = one.after as unknown as [number, number, number, number];
    expect((a - 1) * 1 + b * 0).toBeCloseTo(0, 5);
    expect((c - 0.6) * 0.6 + (d - 0.8) * 0.8).toBeCloseTo(0, 5);
    expect(Math.abs(b)).toBeGreaterThan(0.1);
  });

  it("drawn rows are learned by logits", async () => {
    const { results, after } = await learned(1, 2);
    const [a, c, b, d] = after as unknown as [number, number, number, number];
    const wanted = Math.log(1 + Math.exp(2 * c + 1.5 * d - 2 * a - 1.5 * b));
    expect(results[1]?.terms.replay).toBeCloseTo(wanted, 4);
  });
});

describe("wrapped replay", () => {
  it("powerLawReplay: tasks of the past come at 0.48, 0.24, 0.16 and 0.12", async () => {
    const { strategy, draws } = noted(strategies.powerLawReplay({ batchSize: 2000 }));
    const learner = await Learner.create(
      runtime,
      options({ memory: memory.ring({ capacity: 100 }), strategies: [strategy], batchSize: 4 }),
    );
    for (let task = 0; task < 6; task++) await learner.observe({ ...batch(task), task: Math.min(task, 4) });
    const slots = draws[5] as number[];
    const shares = [0, 1, 2, 3, 4].map((task) => slots.filter((slot) => Math.floor(slot / 4) === task).length / slots.length);
    expect(slots.length).toBe(2000);
    for (const [i, share] of [0.12, 0.16, 0.24, 0.48, 0].entries()) expect(Math.abs((shares[i] as number) - share)).toBeLessThan(0.04);
    await learner.close();
  });

  it("adaptiveReplay: half a row for each new one, two once the share of active units is stable", async () => {
    const { strategy, draws } = noted(strategies.adaptiveReplay({ batchSize: 8, check: 1, gap: 1 }));
    const learner = await Learner.create(runtime, options({ strategies: [strategy], batchSize: 4 }));
    for (let i = 0; i < 16; i++) await learner.observe(batch(i));
    expect(draws.map((slots) => slots.length)).toEqual([0, ...Array(9).fill(2), ...Array(6).fill(8)]);
    await learner.close();
    const plain = options({ model: nn.classifier({ capacity: 2 }), strategies: [strategies.adaptiveReplay({ batchSize: 8 })] });
    await expect(Learner.create(runtime, plain)).rejects.toMatchObject({ code: "E_CONFIG" });
  });

  it("gss: replays from a memory of gradients that point apart, and refuses another", async () => {
    const strategy = strategies.gss({ batchSize: 4 });
    const learner = await Learner.create(runtime, options({ strategies: [strategy], memory: memory.gradientDiverse({ capacity: 6 }) }));
    for (let i = 0; i < 5; i++) expect((await learner.observe(batch(i))).skipped).toBeUndefined();
    expect(learner.stored).toBe(6);
    await learner.close();
    const other = await Learner.create(runtime, options({ strategies: [strategy] }));
    await expect(other.observe(batch(0))).rejects.toMatchObject({ code: "E_CONFIG" });
    await other.close();
  });
});

describe("viewBatch", () => {
  const weights = new Map([
    ["weight", Float32Array.of(1, 0.6, 0, 0.8)],
    ["bias", Float32Array.of(0, 0)],
  ]);
  const learned = async (make: Strategy[], steps: number) => {
    const learner = await Learner.create(
      runtime,
      options({ model: nn.classifier({ capacity: 2 }), weights, schedule: 0, strategies: make }),
    );
    const results = [];
    for (let i = 0; i < steps; i++) results.push(await learner.observe(batch(0)));
    await learner.close();
    return results;
  };

  it("with views that are the rows themselves it is plain training", async () => {
    const [plain] = await learned([], 1);
    const [same] = await learned([strategies.viewBatch({ augment: augment.none() })], 1);
    expect(same?.loss).toBeCloseTo(plain?.loss as number, 6);
    expect(same?.terms.penalty).toBe(0);
  });

  it("holds other views to the row, from a step on, by a weight that grows", async () => {
    const results = await learned([strategies.viewBatch({ augment: augment.noise({ deviation: 1 }), after: 1, ramp: 4, weight: 2 })], 60);
    const penalties = results.map(({ terms }) => terms.penalty as number);
    expect(penalties[0]).toBe(0);
    expect(penalties.slice(1).every((value) => value > 0)).toBe(true);
    const full = penalties.slice(4).reduce((a, b) => a + b) / 56;
    const quarter = (penalties[1] as number) / full;
    expect(quarter).toBeGreaterThan(0.05);
    expect(quarter).toBeLessThan(0.6);
  });
});

describe("streams.recall", () => {
  it.each([
    [12, 4, 8],
    [10, 4, 9],
    [7, 3, 3],
    [5, 1, 2],
  ])(
    "%d rows, %d views, batches of %d: every row as often as it has views in so many epochs, all in one of them",
    (n, views, batchSize) => {
      const x = Float32Array.from({ length: n }, (_, i) => i);
      const set = streams.arrays(x, new Uint32Array(n), { shape: [1] });
      const epochsOf = (count: number): number[][] => {
        const rows = (epochs: number): number[] => [...streams.recall(set, { batchSize, views, epochs })].flatMap((one) => [...one.x]);
        return Array.from({ length: count }, (_, e) => rows(e + 1).slice(e === 0 ? 0 : rows(e).length));
      };
      const epochs = epochsOf(2 * views);
      for (const half of [epochs.slice(0, views), epochs.slice(views)])
        for (let row = 0; row < n; row++)
          expect(half.map((rows) => rows.filter((value) => value === row).length).filter((times) => times > 0)).toEqual([views]);
      for (const one of streams.recall(set, { batchSize, views, epochs: views })) {
        expect(one.y.length).toBeLessThanOrEqual(batchSize);
        expect(one.y.length % views).toBe(0);
      }
    },
  );
});

describe("cal", () => {
  it("weighs this round's rows by their share, and holds rows of former rounds to the model of the last boundary", async () => {
    const weights = new Map([
      ["weight", Float32Array.of(1, 0, 0, 1)],
      ["bias", Float32Array.of(0, 0)],
    ]);
    const learner = await Learner.create(
      runtime,
      options({ model: nn.classifier({ capacity: 2 }), weights, schedule: 0, strategies: [strategies.cal({ batchSize: 9, alpha: 0.25 })] }),
    );
    const entropy = (own: number, other: number): number => Math.log(1 + Math.exp(other - own));
    const row = { x: Float32Array.of(1, 0), y: [0] };
    expect((await learner.observe(row)).loss).toBeCloseTo(entropy(1, 0), 5);
    // Rows of the round itself are not drawn.
    expect((await learner.observe(row)).terms.replay).toBe(0);
    await learner.consolidate();
    const other = { x: Float32Array.of(0, 2), y: [1] };
    const { terms } = await learner.observe(other);
    expect(terms.task).toBeCloseTo(entropy(2, 0) / 3, 5);
    expect(terms.replay).toBeCloseTo((2 / 3) * 0.75 * entropy(1, 0), 5);
    learner.set("learningRate", 1);
    await learner.observe(row);
    learner.set("learningRate", 0);
    const after = await learner.weights();
    const [w, b] = ["weight", "bias"].map((path) => [...(after.get(path)?.data ?? [])]) as [number[], number[]];
    const z = [0, 1].map((k) => (w[k] as number) + (b[k] as number)) as [number, number];
    const result = await learner.observe(row);
    const p = 1 / (1 + Math.exp(-1));
    const q = 1 / (1 + Math.exp(z[1] - z[0]));
    const distance = p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
    expect(result.terms.replay).toBeCloseTo((2 / 5) * (0.25 * distance + 0.75 * entropy(z[0], z[1])), 5);
    await learner.close();
  });

  it("submodularSubset: gains are those of the value, the greatest there are, and never rise", () => {
    const random = new RandomStream(2, "features");
    const [n, width] = [14, 3];
    const features = Float64Array.from({ length: n * width }, () => 3 * random.uniform());
    const uncertainty = Float64Array.from({ length: n }, () => random.uniform());
    const value = (rows: readonly number[]): number => {
      const alike = (i: number, j: number): number =>
        Math.exp(
          -[0, 1, 2].reduce((sum, k) => sum + ((features[i * width + k] as number) - (features[j * width + k] as number)) ** 2, 0) /
            (2 * 0.49),
        );
      const cover = [...Array(n).keys()].reduce((sum, i) => sum + Math.max(0, ...rows.map((j) => alike(i, j))), 0);
      return cover + 2 * Math.log(1 + rows.reduce((sum, j) => sum + (uncertainty[j] as number), 0));
    };
    const { rows, gains } = strategies.submodularSubset(features, width, { size: 8, sigma: 0.7, lambda: 2, uncertainty });
    for (let k = 0; k < 8; k++) {
      const before = [...rows.subarray(0, k)];
      const best = Math.max(...[...Array(n).keys()].filter((j) => !before.includes(j)).map((j) => value([...before, j]) - value(before)));
      expect(gains[k]).toBeCloseTo(best, 10);
      expect(value([...before, rows[k] as number]) - value(before)).toBeCloseTo(best, 10);
      if (k > 0) expect(gains[k]).toBeLessThanOrEqual((gains[k - 1] as number) + 1e-12);
    }
    expect([...strategies.submodularSubset([0, 0, 5], 1, { size: 3 }).rows]).toEqual([0, 2, 1]);
    expect(() => strategies.submodularSubset([1, 2, 3], 2, { size: 1 })).toThrow(/no rows/);
    expect(() => strategies.submodularSubset([Number.NaN], 1, { size: 1 })).toThrow(/of no use/);
  });
});
