/** Strategies that change parameters beside the optimizer, or average and merge them. */
import { losses, nn, optim, strategies } from "palimpsest";
import { describe, expect, it } from "vitest";
import { shareOf } from "../../src/strategy/balancedema.ts";
import { numbersOf, probe, runtimeOf, small } from "./probed.ts";

const runtime = runtimeOf();
const f32 = (...values: number[]) => Float32Array.from(values);
const close = (got: ArrayLike<number>, wanted: readonly number[], digits = 5) => {
  expect(got.length).toBe(wanted.length);
  for (const [i, value] of wanted.entries()) expect(got[i]).toBeCloseTo(value, digits);
};
const varianceOf = (values: readonly number[]) => values.reduce((sum, x) => sum + x * x, 0) / values.length;
const still = { x: f32(0, 0), y: f32(0) };
const line = { model: nn.linear(1, { bias: false }), input: [2], batchSize: 2 };

describe("shrinkPerturb", () => {
  const wide = { model: nn.linear(128, { bias: false }), input: [128], schedule: 0, batchSize: 1 };
  const zeros = { x: new Float32Array(128), y: new Float32Array(128) };

  it("changes nothing with p = 1 and s = 0", async () => {
    const learner = await small(runtime(), { ...wide, strategies: [strategies.shrinkPerturb({ shrink: 1, perturb: 0 })] });
    await learner.observe(zeros);
    const before = await numbersOf(learner, "weight");
    await learner.consolidate();
    expect(await numbersOf(learner, "weight")).toEqual(before);
    await learner.close();
  });

  it("leaves the variance p²·Var + s²·Var₀, with fresh numbers each time", async () => {
    const learner = await small(runtime(), { ...wide, strategies: [strategies.shrinkPerturb({ shrink: 0.6, perturb: 0.5 })] });
    await learner.observe(zeros);
    const before = await numbersOf(learner, "weight");
    const first = varianceOf(before);
    const added = async (from: readonly number[]) => (await numbersOf(learner, "weight")).map((x, i) => x - 0.6 * (from[i] as number));
    await learner.consolidate();
    const once = await added(before);
    const after = await numbersOf(learner, "weight");
    expect(varianceOf(after) / first).toBeCloseTo(0.36 + 0.25, 1);
    expect(varianceOf(once) / first).toBeCloseTo(0.25, 2);
    // What is added is not what training began with, nor the same twice.
    expect(Math.abs(once.reduce((sum, x, i) => sum + x * (before[i] as number), 0) / before.length / first)).toBeLessThan(0.02);
    await learner.consolidate();
    const twice = await added(after);
    expect(Math.abs(once.reduce((sum, x, i) => sum + x * (twice[i] as number), 0) / before.length / first)).toBeLessThan(0.02);
    await learner.close();
  });

  it.each([
    ["reset", true],
    ["keep", false],
  ] as const)("lets momentum begin again at an event, or stay: %s", async (moments, stands) => {
    const strategy = strategies.shrinkPerturb({ shrink: 1, perturb: 0, moments });
    const learner = await small(runtime(), { ...line, optimizer: optim.sgd({ momentum: 0.9 }), schedule: 0.1, strategies: [strategy] });
    await learner.observe({ x: f32(1, 1), y: f32(3) });
    await learner.consolidate();
    const before = await numbersOf(learner, "weight");
    await learner.observe(still);
    const after = await numbersOf(learner, "weight");
    expect(after[0] === before[0] && after[1] === before[1]).toBe(stands);
    await learner.close();
  });
});

describe("normalizeProject", () => {
  it("brings (3, 4) back to the norm 1 that it began with: (0.6, 0.8)", async () => {
    const learner = await small(runtime(), { ...line, strategies: [strategies.normalizeProject()] }, { weight: [1, 0] });
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(3, 4) });
    close(await numbersOf(learner, "weight"), [0.6, 0.8]);
    await learner.close();
  });

  it("changes no answer where a layer norm follows, and rescales scale and offset together", async () => {
    const model = nn.sequential(nn.linear(6, { bias: false }), nn.layerNorm({ eps: 1e-12 }), nn.relu(), nn.classifier({ capacity: 3 }));
    const options = { model, input: [4], loss: losses.crossEntropy(), schedule: 0.5 };
    const batch = { x: f32(1, -1, 0.5, 2, 0, 1, 1, -2), y: [0, 2] };
    const plain = await small(runtime(), options);
    const projected = await small(runtime(), { ...options, strategies: [strategies.normalizeProject({ except: ["^3"] })] });
    const first = varianceOf(await numbersOf(projected, "0.weight"));
    for (const learner of [plain, projected]) await learner.observe(batch);
    expect(varianceOf(await numbersOf(plain, "0.weight"))).not.toBeCloseTo(first, 4);
    expect(varianceOf(await numbersOf(projected, "0.weight"))).toBeCloseTo(first, 6);
    close((await projected.predict(batch.x)).probabilities, [...(await plain.predict(batch.x)).probabilities]);
    const joint = await small(runtime(), { ...options, strategies: [strategies.normalizeProject({ norms: true })] });
    await joint.observe(batch);
    const both = [...(await numbersOf(joint, "1.weight")), ...(await numbersOf(joint, "1.bias"))];
    expect(both.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(6, 4);
    for (const learner of [plain, projected, joint]) await learner.close();
  });
});

describe("weightInterpolation", () => {
  it("answers with the average, from which training goes on at a boundary with moments at their beginning", async () => {
    const learner = await small(
      runtime(),
      { ...line, optimizer: optim.sgd({ momentum: 0.9 }), strategies: [strategies.weightInterpolation({ decay: 0.75 })] },
      { weight: [0, 0] },
    );
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(4, 8) });
    close(await numbersOf(learner, "weight"), [4, 8]);
    await learner.consolidate();
    close(await numbersOf(learner, "weight"), [1, 2]);
    await learner.observe(still);
    close(await numbersOf(learner, "weight"), [1, 2]);
    await learner.close();
  });
});

describe("balancedEma", () => {
  it("weighs the new by 2(1 + ‖g‖)/(‖θ − θ̄‖·‖Δg‖) where that is below 1", async () => {
    const share = await runtime().compile(({ g, away, change }) => ({ share: shareOf(g as never, away as never, change as never, 0.01) }), {
      g: [],
      away: [],
      change: [],
    });
    expect((await share.run({ g: f32(0.5), away: f32(10), change: f32(2) })).share?.[0]).toBeCloseTo(0.15, 6);
    expect((await share.run({ g: f32(0.5), away: f32(1), change: f32(2) })).share?.[0]).toBeCloseTo(0.01, 6);
    expect((await share.run({ g: f32(0.5), away: f32(0), change: f32(2) })).share?.[0]).toBeCloseTo(0.01, 6);
  });

  it("averages each tensor by its own gradients", async () => {
    const look = probe("step", "balancedEma/params");
    const learner = await small(
      runtime(),
      { ...line, strategies: [strategies.balancedEma({ fallback: 0.5 }), look.strategy] },
      { weight: [0, 0] },
    );
    // g = (−4, −8), θ = (4, 8): α = 2·13/(12·12).
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(4, 8) });
    const share = 26 / 144;
    close(look.read("balancedEma/params"), [4 * share, 8 * share]);
    // g = 0, θ stays: α = 2/(12·(1 − share)·12).
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(4, 8) });
    const next = 2 / (144 * (1 - share));
    const mixed = share + next * (1 - share);
    close(look.read("balancedEma/params"), [4 * mixed, 8 * mixed]);
    await learner.close();
  });
});

describe("merge", () => {
  const learn = async (options: Parameters<typeof strategies.merge>[0]) => {
    const look = probe("boundary", "merge/model0", ...(options?.start === "merged" ? [] : ["merge/params"]));
    const learner = await small(runtime(), { ...line, strategies: [strategies.merge(options), look.strategy] }, { weight: [1, 1] });
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(3, 0) });
    await learner.consolidate();
    await learner.observe({ x: f32(1, 0, 0, 1), y: f32(2, 5) });
    await learner.consolidate();
    const weights = await numbersOf(learner, "weight");
    await learner.close();
    return { weights, look };
  };

  it("answers with the mean of the models of its boundaries, and trains on", async () => {
    const { weights, look } = await learn({});
    close(weights, [2, 5]);
    close(look.read("merge/params"), [2.5, 2.5]);
  });

  it("goes on from what is merged: of θ₀ = (1, 1), (3, 0) and (2, 5) by the largest change (3, 5)", async () => {
    const { weights } = await learn({ method: "magmax", start: "merged" });
    close(weights, [3, 5]);
  });

  it("answers with the trained parameters until the first boundary", async () => {
    const learner = await small(runtime(), {
      model: nn.classifier({ capacity: 2 }),
      input: [2],
      loss: losses.crossEntropy(),
      strategies: [strategies.merge()],
    });
    const alone = await small(runtime(), { model: nn.classifier({ capacity: 2 }), input: [2], loss: losses.crossEntropy() });
    for (const one of [learner, alone]) await one.observe({ x: f32(1, 2), y: [1] });
    expect(await learner.predict(f32(1, 1))).toEqual(await alone.predict(f32(1, 1)));
    for (const one of [learner, alone]) await one.close();
  });
});

describe("options", () => {
  it.each([
    () => strategies.rankOneFisher({ scale: "one" as never }),
    () => strategies.mas({ alpha: 2 }),
    () => strategies.featureDistillation({ distance: "l1" as never }),
    () => strategies.centerLoss({ alpha: -1 }),
    () => strategies.spectral({ power: 1.5 }),
    () => strategies.spectral({ except: "bias" as never }),
    () => strategies.spectral({ except: ["("] }),
    () => strategies.wasserstein({ every: 0 }),
    () => strategies.shrinkPerturb({ on: "never" as never }),
    () => strategies.shrinkPerturb({ on: { every: 0 } }),
    () => strategies.normalizeProject({ norm: true } as never),
    () => strategies.redo({ threshold: -1 }),
    () => strategies.continualBackprop({ decay: 1 }),
    () => strategies.weightInterpolation({ decay: 2 }),
    () => strategies.balancedEma({ fallback: -1 }),
    () => strategies.merge({ tasks: 1 }),
    () => strategies.merge({ method: "mean" as never }),
  ])("refuses what is out of range: %s", (make) => {
    expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});
