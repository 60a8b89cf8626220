/** Rows of a memory in a file, in every place that keeps files, on both backends. */
import { Learner, openRuntime, type Runtime, type Store, stores, strategies } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findGpu } from "../env.ts";
import { faultyGpu } from "./faultygpu.ts";
import { jobBatches, jobOptions } from "./job.ts";

interface Host {
  getBuiltinModule(id: "node:os"): { tmpdir(): string };
  getBuiltinModule(id: "node:path"): { join(...parts: string[]): string };
  readonly pid: number;
}
const { process: host } = globalThis as unknown as { process?: Partial<Host> };
const folder = (name: string): Store => {
  const { getBuiltinModule, pid } = host as Host;
  return stores.folder(getBuiltinModule("node:path").join(getBuiltinModule("node:os").tmpdir(), `palimpsest paged ${pid}`, name));
};
const places: [string, (name: string) => Store][] = [["memory", stores.memory]];
if (host?.getBuiltinModule !== undefined) places.push(["folder", folder]);
if (globalThis.indexedDB !== undefined) places.push(["indexeddb", stores.indexeddb], ["opfs", stores.opfs]);

const STEPS = 30;
/** Room for some of the rows. */
const RESIDENT = 40 * (196 + 4 + 4);
const options = { ...jobOptions(), strategies: [strategies.replay({ batchSize: 10 })] };
const batches = jobBatches(STEPS);

async function plainHash(runtime: Runtime): Promise<string> {
  const learner = await Learner.create(runtime, options);
  for (const batch of batches) await learner.observe(batch);
  const hash = await learner.stateHash();
  await learner.close();
  return hash;
}

describe.each(["wasm", "webgpu"] as const)("rows in a file on %s", (backend) => {
  let runtime: Runtime | undefined;
  beforeAll(async () => {
    const required = typeof process !== "undefined" && process.env?.CI === "true" && !("Bun" in globalThis);
    runtime = await openRuntime({ backend }).catch((error: unknown) => {
      if (required || backend === "wasm") throw error;
      return undefined;
    });
  });
  afterAll(() => runtime?.close());

  it.each(places)("are learned as those in memory: %s", async (_, make) => {
    if (runtime === undefined) return;
    const store = make("paged");
    await store.remove();
    let learner = await Learner.create(runtime, { ...options, store, durability: "relaxed", residentBytes: RESIDENT });
    for (const [step, batch] of batches.entries()) {
      await learner.observe(batch);
      if (step === 8) await learner.save();
      if (step !== 17) continue;
      await learner.close();
      learner = await Learner.open(runtime, store);
    }
    expect(await learner.stateHash()).toBe(await plainHash(runtime));
    const paged = (await learner.memory?.stats())?.paged;
    expect(paged?.residentBytes).toBeLessThanOrEqual(RESIDENT);
    for (const count of [paged?.hits, paged?.ahead]) expect(count).toBeGreaterThan(0);
    await learner.close();
    await store.remove();
  });
});

it("outlive the device", async (context) => {
  const gpu = await findGpu();
  if (gpu === undefined) return context.skip("this runtime has no WebGPU adapter");
  const faulty = faultyGpu(gpu);
  const runtime = await openRuntime({ backend: "webgpu", gpu: faulty.gpu });
  const expected = await plainHash(runtime);
  const learner = await Learner.create(runtime, { ...options, store: stores.memory(), durability: "relaxed", residentBytes: RESIDENT });
  let recovered = 0;
  learner.on("recovered", () => {
    recovered += 1;
  });
  for (const [step, batch] of batches.entries()) {
    if (step === 9 || step === 21) faulty.arm("submit", 1, "destroy");
    await learner.observe(batch);
  }
  expect([recovered, await learner.stateHash()]).toEqual([2, expected]);
  await learner.close();
  runtime.close();
});
