/** Every strategy on both backends, and pairs of them. */
import { type Learner, openRuntime, type Runtime, type Strategy } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findGpu } from "../env.ts";
import { batchAt, learn, named, pairs, together } from "./shelf.ts";

const gpu = await findGpu();
describe.skipIf(gpu === undefined)("on WebGPU", () => {
  let runtime: Runtime;
  let other: Runtime;
  beforeAll(async () => {
    runtime = await openRuntime({ backend: "wasm" });
    other = await openRuntime({ backend: "webgpu", gpu: gpu as GPU });
  });
  afterAll(() => {
    runtime.close();
    other.close();
  });

  async function learnsAlike(make: readonly (() => Strategy)[]): Promise<void> {
    const here = await together(runtime, make);
    if (here === undefined) return;
    const there = (await together(other, make)) as Learner;
    const [expected, losses] = [await learn(here, 0, 6), await learn(there, 0, 6)];
    for (const [i, loss] of losses.entries())
      expect(Math.abs(loss - (expected[i] as number))).toBeLessThan(1e-3 * Math.max(1, Math.abs(expected[i] as number)));
    const { x } = batchAt(9);
    const [a, b] = [await here.predict(x), await there.predict(x)];
    for (const [i, p] of a.probabilities.entries()) expect(Math.abs(p - (b.probabilities[i] as number))).toBeLessThan(1e-3);
    await here.close();
    await there.close();
  }

  it.each(named)("%s learns as on Wasm", (_, make) => learnsAlike([make]));
  it.each(pairs(245))("%s beside %s learns as on Wasm", (_a, _b, make) => learnsAlike(make));
});
