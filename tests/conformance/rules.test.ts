import { openRuntime, type Runtime } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { applyOptimizer, type Vectors } from "../../src/learner/testing.ts";
import { openTestHost } from "../env.ts";
import { problem, type RuleVector, vectors } from "./rules.ts";

const transposed = ([a, b, c, d, e, f]: readonly number[]): number[] => [a, d, b, e, c, f] as number[];
const flat = (vectors: Vectors): number[] => [...Array.from(vectors.W ?? []), ...Array.from(vectors.b ?? [])];

/** What f32 can hold of a step: its rounding at each, and 2e-5 of how far the parameters went. */
function near(got: readonly number[], expected: readonly number[], begin: readonly number[], step: number): void {
  for (const [i, value] of expected.entries()) {
    const bound = 1.2e-7 * (step + 1) * Math.max(Math.abs(value), 0.5) + 2e-5 * Math.abs(value - (begin[i] as number));
    expect(Math.abs((got[i] as number) - value), `step ${step + 1}, element ${i}: ${got[i]} for ${value}`).toBeLessThanOrEqual(bound);
  }
}

async function check(runtime: Runtime, name: string, { optimizer, learningRate, after, averaged, metrics }: RuleVector): Promise<void> {
  const muon = name === "muon";
  const { params, grads, noise, curvature } = problem;
  const own = muon ? { ...params, W: { shape: [3, 2], data: transposed(params.W.data) } } : params;
  const taken = muon ? grads.map(({ W, b }) => ({ W: transposed(W), b })) : grads;
  const found = await applyOptimizer(runtime, optimizer, { params: own, grads: taken, learningRate, noise, curvature });
  const begin = flat({ W: own.W.data, b: own.b.data });
  for (const [step, expected] of after.entries()) {
    // Muon's biases are left to AdamW.
    near(flat(found.params[step] as Vectors), muon ? expected.slice(0, 6) : expected, begin, step);
    if (averaged !== undefined) near(flat(found.averaged[step] as Vectors), averaged[step] as number[], begin, step);
    for (const [metric, values] of Object.entries(metrics ?? {}))
      expect(Math.abs((found.metrics[step]?.[metric] as number) / (values[step] as number) - 1)).toBeLessThan(2e-5);
  }
}

describe("three steps of every rule", () => {
  const cases = Object.entries(vectors);
  let wasm: Runtime;
  let webgpu: Runtime | undefined;
  beforeAll(async () => {
    wasm = await openRuntime({ backend: "wasm" });
    const host = await openTestHost();
    if (host !== undefined) webgpu = await openRuntime({ backend: "webgpu", device: host.device });
  });
  it.each(cases)("%s on Wasm", (name, vector) => check(wasm, name, vector));
  it.each(cases)("%s on WebGPU", async (name, vector) => {
    if (webgpu !== undefined) await check(webgpu, name, vector);
  });
});
