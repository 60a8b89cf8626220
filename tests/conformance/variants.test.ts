import { openRuntime, type Runtime } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { applyOptimizer, type Vectors } from "../../src/learner/testing.ts";
import { openTestHost } from "../env.ts";
import { type Tensors, type Variant, variants } from "./models.ts";
import { problem } from "./rules.ts";

const STEPS = 9;
const listed = ({ W, b }: Vectors): Tensors => [Array.from(W ?? []), Array.from(b ?? [])];
/** The gradients of the published steps, now larger, now smaller. */
const grads = Array.from({ length: STEPS }, (_, k): { W: number[]; b: number[] } => {
  const { W, b } = problem.grads[k % 3] as (typeof problem.grads)[number];
  const factor = [1, 0.5, 2, -0.7][k % 4] as number;
  return { W: W.map((g) => factor * g), b: b.map((g) => factor * g) };
});
const noise = Array.from({ length: STEPS }, (_, k) => problem.noise[k % 3] as (typeof problem.noise)[number]);

/** What f32 can hold of a step: its rounding at each, and 2e-5 of how far the parameters went. */
function near(got: Tensors, expected: Tensors, begin: Tensors, k: number): void {
  for (const [i, list] of expected.entries())
    for (const [j, value] of list.entries()) {
      const bound = 1.2e-7 * k * Math.max(Math.abs(value), 0.5) + 2e-5 * Math.abs(value - (begin[i]?.[j] as number));
      expect(Math.abs((got[i]?.[j] as number) - value), `step ${k}, ${i}/${j}: ${got[i]?.[j]} for ${value}`).toBeLessThanOrEqual(bound);
    }
}

async function check(runtime: Runtime, { optimizer, learningRate, model }: Variant): Promise<void> {
  const { params, curvature } = problem;
  const found = await applyOptimizer(runtime, optimizer, { params, grads, learningRate, noise, curvature });
  const begin = listed({ W: params.W.data, b: params.b.data });
  const step = model();
  let w = begin;
  for (let k = 1; k <= STEPS; k++) {
    const next = step({ k, w, g: listed(grads[k - 1] as Vectors), noise: listed(noise[k - 1] as Vectors) });
    near(listed(found.params[k - 1] as Vectors), next.w, begin, k);
    if (next.averaged !== undefined) near(listed(found.averaged[k - 1] as Vectors), next.averaged, begin, k);
    w = next.w;
  }
  expect(w).not.toEqual(begin);
}

describe("options of rules mean what a slow model says", () => {
  const cases = Object.entries(variants);
  let wasm: Runtime;
  let webgpu: Runtime | undefined;
  beforeAll(async () => {
    wasm = await openRuntime({ backend: "wasm" });
    const host = await openTestHost();
    if (host !== undefined) webgpu = await openRuntime({ backend: "webgpu", device: host.device });
  });
  it.each(cases)("%s on Wasm", (_, variant) => check(wasm, variant));
  it.each(cases)("%s on WebGPU", async (_, variant) => {
    if (webgpu !== undefined) await check(webgpu, variant);
  });
});
