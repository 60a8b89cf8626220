import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Learner, metrics, nn, openRuntime, optim, type Runtime, strategies } from "../../src/index.ts";
import { openLinear } from "../../src/wasm/linear.ts";

/** Returns rows · weight + bias, and nothing below 0. */
function layer(rows: number[][], weight: Float32Array, bias: Float32Array): number[][] {
  return rows.map((row) =>
    Array.from(bias, (b, unit) =>
      Math.max(
        0,
        row.reduce((sum, value, i) => sum + value * (weight[i * bias.length + unit] as number), b),
      ),
    ),
  );
}

describe("what the layers of a learner still can", () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await openRuntime({ backend: "wasm" });
  });
  afterAll(() => runtime.close());

  const x = Float32Array.from({ length: 9 * 3 }, (_, i) => ((i * 29) % 11) / 5 - 1);
  const y = Array.from({ length: 9 }, (_, i) => i % 2);
  const part = (first: number, last: number) => ({ x: x.slice(3 * first, 3 * last), y: y.slice(first, last) });
  const options = { optimizer: optim.sgd(), schedule: 0.1, seed: 3 };

  it.each([
    ["a learner", []],
    ["a learner with strategies", [strategies.l2({ lambda: 0.1 })]],
  ])("is measured over what %s is asked", async (_name, list) => {
    const model = nn.sequential(nn.linear(6), nn.relu(), nn.dropout(0.5), nn.linear(4), nn.relu(), nn.classifier({ capacity: 2 }));
    const learner = await Learner.create(runtime, { ...options, model, input: [3], strategies: list });
    await learner.observe(part(0, 9));
    const { layers, ...told } = await learner.evaluate([part(0, 5), part(5, 9)], { plasticity: true });
    expect(told).toEqual(await learner.evaluate([part(0, 5), part(5, 9)]));
    const weights = await learner.weights();
    const of = (path: string): Float32Array => weights.get(path)?.data as Float32Array;
    const rows = y.map((_, i) => [...x.slice(3 * i, 3 * i + 3)]);
    const first = layer(rows, of("0.weight"), of("0.bias"));
    const second = layer(first, of("3.weight"), of("3.bias"));
    const linear = await openLinear();
    const svd = (a: Float64Array, m: number, n: number) => linear.svd(a, m, n).values;
    const expected = [
      { layer: "0", activations: first.flat(), rows: 9, units: 6, weights: of("0.weight"), svd },
      { layer: "3", activations: second.flat(), rows: 9, units: 4, weights: of("3.weight"), svd },
    ].map(metrics.layerPlasticity);
    expect(layers).toHaveLength(2);
    for (const [i, found] of (layers ?? []).entries()) {
      const { effectiveRank, stableRank, weightMagnitude, ...counts } = found;
      expect(counts).toEqual(
        expect.objectContaining({ layer: expected[i]?.layer, dead: expected[i]?.dead, dormant: expected[i]?.dormant }),
      );
      expect(effectiveRank).toBeCloseTo(expected[i]?.effectiveRank as number, 5);
      expect(stableRank).toBeCloseTo(expected[i]?.stableRank as number, 5);
      expect(weightMagnitude).toBe(expected[i]?.weightMagnitude);
    }
    await learner.close();
  });

  it("counts the channels of a convolution", async () => {
    const model = nn.sequential(nn.conv2d(5, 3), nn.relu(), nn.flatten(), nn.classifier({ capacity: 2 }));
    const learner = await Learner.create(runtime, { ...options, model, input: [4, 4, 1] });
    const images = { x: Float32Array.from({ length: 7 * 16 }, (_, i) => ((i * 13) % 17) / 17), y: [0, 1, 0, 1, 0, 1, 0] };
    const { layers } = await learner.evaluate([images], { plasticity: true });
    expect(layers).toMatchObject([{ layer: "0", rows: 7, units: 5 }]);
    await learner.close();
  });

  it("is that of the first 512 rows, and nothing where no layer is rectified", async () => {
    const model = nn.sequential(nn.linear(3), nn.relu(), nn.classifier({ capacity: 2 }));
    const batch = { x: new Float32Array(300 * 3).fill(0.5), y: new Array<number>(300).fill(1) };
    const learner = await Learner.create(runtime, { ...options, model, input: [3] });
    expect((await learner.evaluate([batch, batch, batch], { plasticity: true })).layers).toMatchObject([{ rows: 512, units: 3 }]);
    await expect(learner.evaluate([batch], { plasticity: 1 as never })).rejects.toMatchObject({ code: "E_CONFIG" });
    await learner.close();
    const plain = await Learner.create(runtime, { ...options, model: nn.classifier({ capacity: 2 }), input: [3] });
    expect((await plain.evaluate([batch], { plasticity: true })).layers).toEqual([]);
    await plain.close();
  });
});
