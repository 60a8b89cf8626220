/**
 * What a hardware GPU gives, on a machine that has Node, Dawn and this folder beside `dist/`; one line of JSON a measurement.
 *
 *   node tests/bench/gpu.mjs                                          with the package `webgpu` installed
 *   DAWN_NODE=/path/to/dawn.node node tests/bench/gpu.mjs             with its addon alone
 *   … --gemm 1024,2048,4096 --adamw 10,100 --batch 1,32,128           sizes: order of matrices, Mi of parameters, rows
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { openRuntime } from "palimpsest";
import { measureBindings } from "./bindings.mjs";
import { median } from "./contest.mjs";
import { openDawn } from "./dawn.mjs";
import { openChain } from "./gemm.mjs";
import { contenders } from "./mlp.mjs";
import { cycle } from "./numbers.mjs";
import { replayBatches, replayLearner } from "./replay.mjs";
import { openUpdate } from "./update.mjs";

const { values } = parseArgs({
  options: {
    gemm: { type: "string", default: "1024,2048,4096" },
    adamw: { type: "string", default: "10,100" },
    batch: { type: "string", default: "1,32,128" },
  },
});
const numbers = (/** @type {string} */ text) => (text === "" ? [] : text.split(",").map(Number));

const gpu = await openDawn();
const runtime = await openRuntime({ backend: "webgpu", gpu });
console.log(JSON.stringify({ adapter: runtime.info.adapter, node: process.versions.node, cpu: os.cpus()[0]?.model.trim() }));

await report("arena against separate bindings", bindings);
await report("dispatch", dispatchCost);
for (const n of numbers(values.gemm))
  for (const form of /** @type {const} */ (["NN", "NT", "TN"])) await report(`GEMM ${form} ${n}`, () => gemm(form, n));
for (const millions of numbers(values.adamw)) {
  for (const form of /** @type {const} */ (["kernel", "recipe"]))
    await report(`AdamW ${form}, ${millions} Mi parameters`, () => adamw(millions * 2 ** 20, form));
}
for (const backend of /** @type {const} */ (["webgpu", "wasm"])) {
  for (const batch of numbers(values.batch)) await report(`MLP step, batch ${batch}, ${backend}`, () => mlpStep(batch, backend));
  for (const rule of /** @type {const} */ (["sgd", "adamw"]))
    await report(`replay step 10+10, ${rule}, ${backend}`, () => replayStep(rule, backend));
}
// Dawn keeps the process alive.
process.exit(0);

/** Prints what a measurement finds, or why it cannot be made. @param {string} name @param {() => Promise<object>} measure */
async function report(name, measure) {
  const found = await measure().catch((error) => ({ error: String(error) }));
  console.log(JSON.stringify({ name, ...found }));
}

/** Returns the median and the least milliseconds of a step, after some to warm up. @param {() => Promise<unknown>} step */
async function latency(step) {
  for (let i = 0; i < 5; i++) await step();
  const times = [];
  for (const end = performance.now() + 1000; times.length < 5 || performance.now() < end; ) {
    const began = performance.now();
    await step();
    times.push(performance.now() - began);
  }
  return { ms: median(times), leastMs: Math.min(...times) };
}

/**
 * Returns milliseconds of one product in a chain, by what twice as many take longer, and of a run beside its products.
 * @param {"NN" | "NT" | "TN"} form @param {number} n @param {number} length
 */
async function productTime(form, n, length) {
  const runTime = async (/** @type {number} */ products) => {
    const compiled = await openChain(runtime, form, n, products);
    const { ms } = await latency(() => compiled.run({}));
    compiled.close();
    return ms;
  };
  const [short, long] = [await runTime(length), await runTime(2 * length)];
  return { ms: (long - short) / length, fixedMs: 2 * short - long };
}

/** @param {"NN" | "NT" | "TN"} form @param {number} n */
async function gemm(form, n) {
  const { ms, fixedMs } = await productTime(form, n, Math.min(64, Math.max(4, 2 ** 26 / n ** 2)));
  return { ms, fixedMs, teraflops: (2 * n ** 3) / ms / 1e9 };
}

/** A product of 16 × 16 costs little but its dispatch. */
async function dispatchCost() {
  const { ms, fixedMs } = await productTime("NN", 16, 200);
  return { microseconds: 1000 * ms, fixedMs };
}

/** @param {number} count @param {"kernel" | "recipe"} form */
async function adamw(count, form) {
  const { update, close } = await openUpdate(runtime, count, form);
  // Many at once, so that waiting for one does not idle the GPU.
  const burst = 30;
  const { ms } = await latency(() => Promise.all(Array.from({ length: burst }, update)));
  close();
  // Reads four vectors, writes three.
  return { ms: ms / burst, gigabytesPerSecond: (28 * count) / (ms / burst) / 1e6 };
}

/** @param {number} batch @param {"webgpu" | "wasm"} backend */
async function mlpStep(batch, backend) {
  const contender = await contenders.palimpsest(batch, backend);
  const found = await latency(() => contender.turn(0));
  await contender.close();
  return found;
}

/** @param {"sgd" | "adamw"} rule @param {"webgpu" | "wasm"} backend */
async function replayStep(rule, backend) {
  const own = await openRuntime({ backend, ...(backend === "webgpu" && { gpu }) });
  const learner = await replayLearner(own, rule);
  const next = cycle(replayBatches());
  const found = await latency(() => learner.observe(next()));
  await learner.close();
  own.close();
  return found;
}

/** GB/s of a stream and TFLOP/s of a plain product under each binding. */
async function bindings() {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error("no adapter");
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  const software = runtime.info.adapter?.software === true;
  const sizes = software ? { count: 2 ** 20, n: 128 } : { count: 2 ** 26, n: 2048 };
  const found = await measureBindings(device, sizes);
  device.destroy();
  return {
    found: found.map(({ kernel, binding, ms }) =>
      kernel === "stream"
        ? { kernel, binding, ms, gigabytesPerSecond: (12 * sizes.count) / ms / 1e6 }
        : { kernel, binding, ms, teraflops: (2 * sizes.n ** 3) / ms / 1e9 },
    ),
  };
}
