/** Every strategy on both backends. */
import { Learner, openRuntime, type Runtime } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findGpu } from "../env.ts";
import { batchAt, learn, named, options } from "./shelf.ts";

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
  it.each(named)("%s learns as on Wasm", async (_, make) => {
    const [here, there] = await Promise.all(
      [runtime, other].map((on) => Learner.create(on, options(make()))) as [Promise<Learner>, Promise<Learner>],
    );
    const [expected, losses] = [await learn(here, 0, 6), await learn(there, 0, 6)];
    for (const [i, loss] of losses.entries())
      expect(Math.abs(loss - (expected[i] as number))).toBeLessThan(1e-3 * Math.max(1, Math.abs(expected[i] as number)));
    const { x } = batchAt(9);
    const [a, b] = [await here.predict(x), await there.predict(x)];
    for (const [i, p] of a.probabilities.entries()) expect(Math.abs(p - (b.probabilities[i] as number))).toBeLessThan(1e-3);
    await here.close();
    await there.close();
  });
});
