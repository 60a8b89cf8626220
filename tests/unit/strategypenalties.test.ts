/** Penalties that hold parameters, features or singular values, against numbers worked out by hand. */
import { losses, memory, nn, optim, strategies } from "palimpsest";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";
import { byRank } from "../../src/strategy/wasserstein.ts";
import { numbersOf, probe, runtimeOf, small } from "./probed.ts";

const runtime = runtimeOf();
const f32 = (...values: number[]) => Float32Array.from(values);
const close = (got: readonly number[], wanted: readonly number[], digits = 5) => {
  expect(got.length).toBe(wanted.length);
  for (const [i, value] of wanted.entries()) expect(got[i]).toBeCloseTo(value, digits);
};

describe("rankOneFisher", () => {
  const line = { model: nn.linear(1, { bias: false }), input: [2], memory: memory.reservoir({ capacity: 4 }), batchSize: 2 };

  it("keeps the mean gradient: two orthogonal ones of length 1 have collinearity ½, and a move across it costs nothing", async () => {
    const look = probe("boundary", "rankOneFisher/direction", "rankOneFisher/collinearity");
    const learner = await small(
      runtime(),
      { ...line, schedule: 0, strategies: [strategies.rankOneFisher({ lambda: 4 }), look.strategy] },
      { weight: [0, 0] },
    );
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(-0.5, -0.5) });
    await learner.consolidate();
    close(look.read("rankOneFisher/direction"), [0.5, 0.5]);
    close(look.read("rankOneFisher/collinearity"), [0.5]);
    learner.set("learningRate", 0.25);
    await learner.observe({ x: f32(1, -1), y: f32(2) });
    close(await numbersOf(learner, "weight"), [1, -1]);
    expect((await learner.observe({ x: f32(1, -1), y: f32(2) })).terms.penalty).toBe(0);
    await learner.observe({ x: f32(1, 1), y: f32(2) });
    const [a, b] = (await numbersOf(learner, "weight")) as [number, number];
    const { terms } = await learner.observe({ x: f32(0, 0), y: f32(0) });
    expect(a + b).toBeGreaterThan(0.5);
    expect(terms.penalty).toBeCloseTo(0.5 * 4 * (0.5 * (a + b)) ** 2, 5);
    await learner.close();
  });

  it("has the trace of the Fisher information where that is asked for", async () => {
    const look = probe("boundary", "rankOneFisher/direction");
    const learner = await small(
      runtime(),
      { ...line, schedule: 0, strategies: [strategies.rankOneFisher({ scale: "trace" }), look.strategy] },
      { weight: [0, 0] },
    );
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(-0.5, -0.5) });
    await learner.consolidate();
    close(look.read("rankOneFisher/direction"), [Math.SQRT1_2, Math.SQRT1_2]);
    await learner.close();
  });
});

describe("mas", () => {
  it("takes 2|f·xᵀ| of each row, not of their mean, and merges by α", async () => {
    const look = probe("boundary", "mas/importance");
    const learner = await small(
      runtime(),
      {
        model: nn.linear(2, { bias: false }),
        input: [2],
        memory: memory.ring({ capacity: 2 }),
        batchSize: 2,
        schedule: 0,
        strategies: [strategies.mas({ alpha: 0.25, lambda: 2 }), look.strategy],
      },
      { weight: [1, 2, 3, 4] },
    );
    /** Weight is [in, out]. */
    const importance = (rows: number[][]) =>
      [0, 1, 2, 3].map((i) => {
        const each = rows.map(([p = 0, q = 0]) => Math.abs(2 * (i % 2 === 0 ? p + 3 * q : 2 * p + 4 * q) * ((i < 2 ? p : q) as number)));
        return each.reduce((a, b) => a + b) / rows.length;
      });
    const first = importance([
      [1, 1],
      [-1, 2],
    ]);
    await learner.observe({ x: f32(1, 1, -1, 2), y: f32(0, 0, 0, 0) });
    await learner.consolidate();
    close(look.read("mas/importance"), first);
    const second = importance([
      [2, 0],
      [0, 1],
    ]);
    await learner.observe({ x: f32(2, 0, 0, 1), y: f32(0, 0, 0, 0) });
    await learner.consolidate();
    const merged = first.map((value, i) => 0.25 * value + 0.75 * (second[i] as number));
    close(look.read("mas/importance"), merged);
    learner.set("learningRate", 0.01);
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(0, 0, 0, 0) });
    const moved = (await numbersOf(learner, "weight")).map((value, i) => value - i - 1);
    const { terms } = await learner.observe({ x: f32(1, 0, 0, 1), y: f32(0, 0, 0, 0) });
    expect(terms.penalty).toBeCloseTo(2 * merged.reduce((sum, value, i) => sum + value * (moved[i] as number) ** 2, 0), 6);
    await learner.close();
  });
});

describe("featureDistillation", () => {
  it.each(["cosine", "mse"] as const)("measures the distance to the features of the last boundary: %s", async (distance) => {
    const model = nn.sequential(nn.linear(2, { bias: false }), nn.classifier({ capacity: 2 }));
    const learner = await small(runtime(), {
      model,
      input: [2],
      loss: losses.crossEntropy(),
      schedule: 0.05,
      strategies: [strategies.featureDistillation({ distance, lambda: 3 })],
    });
    const batch = { x: f32(1, 0.5), y: [1] };
    expect((await learner.observe(batch)).terms.penalty).toBe(0);
    const old = await numbersOf(learner, "0.weight");
    await learner.consolidate();
    expect((await learner.observe(batch)).terms.penalty).toBeCloseTo(0, 5);
    for (let i = 0; i < 9; i++) await learner.observe({ x: f32(2, -1), y: [i % 2] });
    const now = await numbersOf(learner, "0.weight");
    const features = ([a = 0, b = 0, c = 0, d = 0]: number[]): [number, number] => [a + 0.5 * c, b + 0.5 * d];
    const [[p, q], [r, s]] = [features(old), features(now)];
    const cosine = 1 - (p * r + q * s) / Math.sqrt((p * p + q * q) * (r * r + s * s));
    const wanted = distance === "cosine" ? cosine : ((p - r) ** 2 + (q - s) ** 2) / 2;
    expect(wanted).toBeGreaterThan(1e-4);
    expect((await learner.observe(batch)).terms.penalty).toBeCloseTo(3 * wanted, 5);
    await learner.close();
  });
});

describe("centerLoss", () => {
  it("moves a center by half of (0 − 1) + (0 − 2) over 1 + 2, and from the boundary on draws features to it and leaves its logits alone", async () => {
    const look = probe("step", "centerLoss/centers");
    const learner = await small(
      runtime(),
      {
        model: nn.sequential(nn.linear(1, { bias: false }), nn.classifier({ capacity: 3 })),
        input: [1],
        loss: losses.crossEntropy(),
        schedule: 0,
        batchSize: 2,
        strategies: [strategies.centerLoss({ lambda: 2 }), look.strategy],
      },
      { "0.weight": [1] },
    );
    expect((await learner.observe({ x: f32(1, 2), y: [1, 1] })).terms.penalty).toBe(0);
    close(look.read("centerLoss/centers"), [0, 0.5, 0]);
    await learner.consolidate();
    learner.set("learningRate", 0.1);
    const before = await numbersOf(learner, "1.weight");
    const { terms } = await learner.observe({ x: f32(3, 2), y: [1, 2] });
    expect(terms.penalty).toBeCloseTo((2 * (0.5 * 2.5 ** 2)) / 2, 5);
    const after = await numbersOf(learner, "1.weight");
    expect([after[0] === before[0], after[1] === before[1], after[2] === before[2]]).toEqual([false, true, false]);
    expect(look.read("centerLoss/centers")[1]).toBe(0.5);
    expect(look.read("centerLoss/centers")[2]).toBeCloseTo(0.5, 5);
    await learner.close();
  });
});

describe("spectral", () => {
  const still = { x: f32(0, 0), y: f32(0, 0) };
  const diagonal = (vectors: boolean) =>
    small(
      runtime(),
      { model: nn.linear(2, { bias: false }), input: [2], schedule: 0, strategies: [strategies.spectral({ lambda: 1, vectors })] },
      { weight: [3, 0, 0, 0.5] },
    );

  it("is 64 for singular values 3 and ½ with k = 2, from 2.960323 after one iteration, with gradient 96", async () => {
    const learner = await diagonal(true);
    expect((await learner.observe(still)).terms.penalty).toBeCloseTo((2.960323 ** 2 - 1) ** 2, 3);
    for (let i = 0; i < 6; i++) await learner.observe(still);
    expect((await learner.observe(still)).terms.penalty).toBeCloseTo(64, 4);
    learner.set("learningRate", 2 ** -10);
    await learner.observe(still);
    const [a, b, c, d] = (await numbersOf(learner, "weight")) as [number, number, number, number];
    expect((3 - a) * 2 ** 10).toBeCloseTo(96, 2);
    close([b, c, d], [0, 0, 0.5]);
    await learner.close();
  });

  it("holds biases, scales and offsets too", async () => {
    const learner = await small(
      runtime(),
      {
        model: nn.sequential(nn.linear(2), nn.layerNorm()),
        input: [2],
        schedule: 0,
        strategies: [strategies.spectral({ lambda: 1, except: ["^0\\.weight$"] })],
      },
      { "0.bias": [1, 2], "1.weight": [2, 1], "1.bias": [0, 0.5] },
    );
    const { terms } = await learner.observe(still);
    expect(terms.penalty).toBeCloseTo(25 + (4 - 1) ** 2 / 2 + 0.25 ** 2, 4);
    await learner.close();
  });
});

describe("wasserstein", () => {
  it("gives the smallest number to the smallest weight, the first of equals first", () => {
    expect([...byRank([3, 1, 2], [1, 2, 3])]).toEqual([3, 1, 2]);
    expect([...byRank([1, 1, 0], [7, 9, 8])]).toEqual([8, 9, 7]);
    const [weights, targets] = ["weights", "targets"].map((name) => {
      const draw = new RandomStream(1, name);
      return Float32Array.from({ length: 5000 }, (_, i) => (draw.uniform() - 0.5) * 2 ** ((i % 60) - 30));
    }) as [Float32Array, Float32Array];
    const [order, sorted] = [[...weights.keys()].sort((a, b) => (weights[a] as number) - (weights[b] as number)), targets.slice().sort()];
    const placed = byRank(weights, targets);
    expect(order.map((i) => placed[i])).toEqual([...sorted]);
  });

  it("costs nothing where weights are those of the beginning in another order, unlike the distance to the beginning", async () => {
    const rows = { x: f32(1, 0, 0, 0, 1, 0, 0, 0, 1), y: f32(3, 1, 2) };
    const options = { model: nn.linear(1, { bias: false }), input: [3], schedule: 1.5, batchSize: 3 };
    const learner = await small(
      runtime(),
      { ...options, strategies: [strategies.wasserstein({ lambda: 1, every: 1 }), strategies.l2({ lambda: 0, towards: "init" })] },
      { weight: [1, 2, 3] },
    );
    expect((await learner.observe(rows)).terms.penalty).toBe(0);
    close(await numbersOf(learner, "weight"), [3, 1, 2]);
    learner.set("learningRate", 0);
    expect((await learner.observe(rows)).terms.penalty).toBeCloseTo(0, 6);
    learner.set("l2.lambda", 1);
    expect((await learner.observe(rows)).terms.penalty).toBeCloseTo(6, 5);
    await learner.close();
  });

  it("is the mean square to the number of the same rank", async () => {
    const learner = await small(
      runtime(),
      {
        model: nn.linear(1, { bias: false }),
        input: [2],
        schedule: 1,
        batchSize: 2,
        strategies: [strategies.wasserstein({ lambda: 1, every: 1 })],
        optimizer: optim.sgd(),
      },
      { weight: [1, 2] },
    );
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(5, 1) });
    close(await numbersOf(learner, "weight"), [5, 1]);
    learner.set("learningRate", 0);
    expect((await learner.observe({ x: f32(0, 0), y: f32(0) })).terms.penalty).toBeCloseTo((9 + 0) / 2, 5);
    await learner.close();
  });
});
