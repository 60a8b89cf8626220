/** Rectified units made anew: which there are, which are chosen, and what becomes of all that belongs to them. */
import { type Layer, type LearnerOptions, losses, nn, optim, strategies } from "palimpsest";
import { describe, expect, it } from "vitest";
import { unitsOf } from "../../src/learner/units.ts";
import { paramsOf } from "../../src/nn/layer.ts";
import { numbersOf, probe, runtimeOf, small } from "./probed.ts";

const runtime = runtimeOf();
const f32 = (...values: number[]) => Float32Array.from(values);

describe("unitsOf", () => {
  const found = (model: Layer, input: number[], ...rectified: string[]) =>
    unitsOf(model.config, paramsOf(model.build(input, "")), rectified);

  it("follows linear layers through what leaves units by themselves, to the classifier", () => {
    const model = nn.sequential(
      nn.linear(8),
      nn.relu(),
      nn.dropout(0.5),
      nn.sequential(nn.linear(6, { bias: false, init: "kaimingNormal" })),
      nn.relu(),
      nn.classifier({ capacity: 3 }),
    );
    expect(found(model, [4], "1", "4")).toEqual([
      {
        units: 8,
        rectified: 0,
        weight: "0.weight",
        bias: "0.bias",
        bound: 0.5,
        next: "3.0.weight",
        nextShape: [1, 8, 6],
        nextBias: undefined,
      },
      {
        units: 6,
        rectified: 1,
        weight: "3.0.weight",
        bias: undefined,
        bound: Math.sqrt(6 / 8),
        next: "5.weight",
        nextShape: [1, 6, 3],
        nextBias: "5.bias",
      },
    ]);
  });

  it("follows convolutions to the next, and through pooling and flattening to a linear layer", () => {
    const model = nn.sequential(
      nn.conv2d(4, 3, { padding: 1 }),
      nn.relu(),
      nn.maxPool(2),
      nn.conv2d(5, 3),
      nn.relu(),
      nn.flatten(),
      nn.linear(2),
    );
    const [first, second] = found(model, [8, 8, 2], "1", "4");
    expect(first).toMatchObject({ units: 4, bound: Math.sqrt(1 / 18), next: "3.weight", nextShape: [9, 4, 5] });
    expect(second).toMatchObject({ units: 5, next: "6.weight", nextShape: [4, 5, 2], nextBias: "6.bias" });
  });

  it("looks inside a residual block, counts rectified layers by path, and leaves the rest alone", () => {
    const block = nn.residual(nn.sequential(nn.linear(7), nn.relu(), nn.linear(4)));
    expect(found(nn.sequential(nn.relu(), block, nn.relu(), nn.linear(2)), [4], "0", "1.inner.1", "2")).toMatchObject([
      { units: 7, rectified: 1, weight: "1.inner.0.weight", next: "1.inner.2.weight" },
    ]);
    const normed = nn.sequential(nn.linear(7), nn.layerNorm(), nn.relu(), nn.linear(4), nn.relu(), nn.layerNorm(), nn.linear(4));
    expect(found(normed, [4], "2", "4")).toEqual([]);
    expect(found(nn.sequential(nn.frozen(nn.linear(7)), nn.relu(), nn.linear(4)), [4], "1")).toEqual([]);
    expect(found(nn.sequential(nn.linear(7), nn.relu(), nn.conv2d(7, 1, { groups: 7 })), [2, 2, 3], "1")).toEqual([]);
    const tied = nn.sequential(nn.linear(7), nn.relu(), nn.linear(4), nn.relu(), nn.linear(7, { tie: "2.weight" }), nn.linear(2));
    expect(found(tied, [4], "1", "3")).toEqual([]);
  });
});

const hidden = (units: number, bias = true) => nn.sequential(nn.linear(units, { bias }), nn.relu(), nn.linear(2, { bias }));
const options = (units: number, more: Partial<LearnerOptions>, bias = true) => ({
  model: hidden(units, bias),
  input: [1],
  schedule: 0,
  batchSize: 1,
  ...more,
});
const one = { x: f32(1), y: f32(0, 0) };

describe("redo", () => {
  const weights = { "0.weight": [0, 0.05, 1, 2.95], "0.bias": [0, 0, 0, 0], "2.weight": [1, 2, 3, 4, 5, 6, 7, 8] };

  it("of activations 0, 0.05, 1 and 2.95 finds the first two dormant at 0.1, and lets nothing of them on", async () => {
    const look = probe("step", "redo/activity", "ema/params");
    const learner = await small(
      runtime(),
      options(4, { strategies: [strategies.redo({ every: 2 }), strategies.ema(), look.strategy] }),
      weights,
    );
    await learner.observe(one);
    expect(look.read("redo/activity").map((x) => Math.fround(x))).toEqual([0, Math.fround(0.05), 1, Math.fround(2.95)]);
    const before = await learner.predict(f32(1));
    await learner.observe(one);
    const [into, on, bias] = [
      await numbersOf(learner, "0.weight"),
      await numbersOf(learner, "2.weight"),
      await numbersOf(learner, "0.bias"),
    ];
    expect(on).toEqual([0, 0, 0, 0, 5, 6, 7, 8]);
    expect(into.slice(2)).toEqual([1, Math.fround(2.95)]);
    expect(bias).toEqual([0, 0, 0, 0]);
    for (const [i, was] of [0, Math.fround(0.05)].entries()) {
      expect(into[i]).not.toBe(was);
      expect(Math.abs(into[i] as number)).toBeLessThanOrEqual(1);
    }
    const after = await learner.predict(f32(1));
    const [first, second] = [before, after].map(({ values }) => [...(values as Float32Array)]) as [number[], number[]];
    for (const [i, weight] of [3, 4].entries()) expect((first[i] as number) - (second[i] as number)).toBeCloseTo(0.05 * weight, 5);
    // The average follows what was made anew, and begins to count again.
    expect(look.read("redo/activity")).toEqual([0, 0, 0, 0]);
    expect(look.read("ema/params").slice(0, 2)).toEqual(into.slice(0, 2));
    await learner.close();
  });

  it("lets the moments of what was made anew begin again, and no others", async () => {
    const learner = await small(
      runtime(),
      options(4, { optimizer: optim.sgd({ momentum: 0.9 }), schedule: 0.01, strategies: [strategies.redo({ every: 2 })] }, false),
      { "0.weight": weights["0.weight"], "2.weight": weights["2.weight"] },
    );
    const real = { x: f32(1), y: f32(3, -3) };
    await learner.observe(real);
    await learner.observe(real);
    const before = [...(await numbersOf(learner, "0.weight")), ...(await numbersOf(learner, "2.weight"))];
    await learner.observe({ x: f32(0), y: f32(0, 0) });
    const after = [...(await numbersOf(learner, "0.weight")), ...(await numbersOf(learner, "2.weight"))];
    expect(after.map((x, i) => x !== before[i])).toEqual([false, false, true, true, false, false, false, false, true, true, true, true]);
    await learner.close();
  });

  it("makes channels of a convolution anew: where all are, the answer is the last bias", async () => {
    const model = nn.sequential(
      nn.conv2d(3, 3, { padding: 1 }),
      nn.relu(),
      nn.avgPool(2),
      nn.conv2d(4, 2),
      nn.relu(),
      nn.flatten(),
      nn.linear(2),
    );
    const learner = await small(
      runtime(),
      { model, input: [6, 6, 1], schedule: 0, strategies: [strategies.redo({ every: 1, threshold: 100 })] },
      { "6.bias": [0.25, -2] },
    );
    const x = Float32Array.from({ length: 36 }, (_, i) => i / 36);
    const before = await numbersOf(learner, "0.weight");
    await learner.observe({ x, y: f32(0, 0) });
    const after = await numbersOf(learner, "0.weight");
    expect(after.filter((value, i) => value === before[i])).toEqual([]);
    expect(Math.max(...after.map(Math.abs))).toBeLessThanOrEqual(1 / 3);
    expect(Math.max(...after.map(Math.abs))).toBeGreaterThan(1 / 6);
    expect([...((await learner.predict(x)).values as Float32Array)]).toEqual([0.25, -2]);
    await learner.close();
  });

  it("refuses a model without such units", async () => {
    const model = nn.sequential(nn.linear(4), nn.layerNorm(), nn.relu(), nn.classifier({ capacity: 2 }));
    const refused = small(runtime(), { model, input: [1], loss: losses.crossEntropy(), strategies: [strategies.redo()] });
    await expect(refused).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});

describe("continualBackprop", () => {
  it("makes the unit of least utility anew, and leaves what it passed on to the next bias", async () => {
    const look = probe("step", "continualBackprop/utility", "continualBackprop/age", "continualBackprop/saved");
    const strategy = strategies.continualBackprop({ rate: 1 / 6, maturity: 0, decay: 0.9 });
    // Utilities mean|w|·h: 1.5·1, 0.5·2, 4·0.5.
    const learner = await small(runtime(), options(3, { strategies: [strategy, look.strategy] }), {
      "0.weight": [1, 2, 0.5],
      "0.bias": [0, 0, 0],
      "2.weight": [1, 2, 0.75, -0.25, 4, 4],
      "2.bias": [1, 1],
    });
    await learner.observe(one);
    const before = [...((await learner.predict(f32(1))).values as Float32Array)];
    expect(look.read("continualBackprop/age")).toEqual([1, 1, 1]);
    for (const [i, value] of [0.15, 0.1, 0.2].entries()) expect(look.read("continualBackprop/utility")[i]).toBeCloseTo(value, 6);
    await learner.observe(one);
    expect(look.read("continualBackprop/age")).toEqual([2, 0, 2]);
    expect(look.read("continualBackprop/saved")).toEqual([0]);
    expect(look.read("continualBackprop/utility")[1]).toBe(0);
    const after = [...((await learner.predict(f32(1))).values as Float32Array)];
    for (const [i, value] of before.entries()) expect(after[i]).toBeCloseTo(value, 5);
    const on = await numbersOf(learner, "2.weight");
    expect(on).toEqual([1, 2, 0, 0, 4, 4]);
    const bias = await numbersOf(learner, "2.bias");
    expect(bias[0]).toBeCloseTo(1 + 0.75 * 2, 5);
    expect(bias[1]).toBeCloseTo(1 - 0.25 * 2, 5);
    await learner.close();
  });

  it("makes rate × mature units × steps anew: of 100 units 100 in 1000 steps at 1e-3", async () => {
    const look = probe("boundary", "continualBackprop/saved", "continualBackprop/age");
    const strategy = strategies.continualBackprop({ rate: 1e-3, maturity: 0 });
    const learner = await small(runtime(), options(100, { strategies: [strategy, look.strategy] }));
    for (let i = 0; i < 1000; i++) await learner.observe(one);
    await learner.consolidate();
    // Each takes 1000 of the 100 that are saved in a step: what is left tells how many there were.
    expect(look.read("continualBackprop/saved")[0]).toBeCloseTo(0, 1);
    expect(Math.min(...look.read("continualBackprop/age"))).toBe(0);
    await learner.close();
  });

  it("spares units that are not mature yet", async () => {
    const strategy = strategies.continualBackprop({ rate: 1, maturity: 3 });
    const learner = await small(runtime(), options(3, { strategies: [strategy] }));
    const counts: number[] = [];
    for (let i = 0; i < 6; i++) {
      await learner.observe(one);
      const on = await numbersOf(learner, "2.weight");
      counts.push([0, 2, 4].filter((at) => on[at] === 0 && on[at + 1] === 0).length);
    }
    expect(counts).toEqual([0, 0, 0, 1, 2, 3]);
    await learner.close();
  });
});
