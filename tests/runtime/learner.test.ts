import { openRuntime, type Runtime, type RuntimeEvent } from "palimpsest";
import { describe, expect, it } from "vitest";
import { runJob } from "./job.ts";

/** The state after 500 steps on Wasm, the same in every engine. It changes only when the arithmetic of training does. */
const HASH_AFTER_500 = "61707222523a83d44a57991febe87226ec1e679bb986e268d6b9fd15dd5070d3";

async function openWebGpu(events: RuntimeEvent[]): Promise<Runtime | undefined> {
  const required = typeof process !== "undefined" && process.env?.CI === "true";
  try {
    return await openRuntime({ backend: "webgpu", onEvent: (event) => events.push(event) });
  } catch (error) {
    if (required && !("Bun" in globalThis)) throw error;
    return undefined;
  }
}

describe("a learner", () => {
  it("has the same bits after 500 steps on Wasm in every engine", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const { hash, losses } = await runJob(runtime, 500);
    expect(losses.length).toBe(500);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(hash).toBe(HASH_AFTER_500);
    runtime.close();
  });

  const events: RuntimeEvent[] = [];
  it("draws the same rows on WebGPU and keeps to the losses of Wasm for 100 steps", async (context) => {
    const gpu = await openWebGpu(events);
    if (gpu === undefined) return context.skip("this runtime has no WebGPU adapter");
    const wasm = await openRuntime({ backend: "wasm" });
    const [expected, found] = [await runJob(wasm, 100), await runJob(gpu, 100)];
    expect(gpu.info.backend).toBe("webgpu");
    expect(found.drawn).toEqual(expected.drawn);
    expect(found.drawn.at(-1)?.length).toBe(10);
    const apart = expected.losses.map((loss, i) => Math.abs((found.losses[i] as number) - loss) / loss);
    expect(Math.max(...apart)).toBeLessThan(1e-3);
    // A software adapter is taken because it was asked for by name, and says so.
    expect(events.some((event) => event.level === "warning")).toBe(gpu.info.adapter?.software);
    gpu.close();
    wasm.close();
  });
});
