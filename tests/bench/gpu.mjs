/**
 * What a hardware GPU gives, on a machine that has Node, Dawn and this folder beside `dist/`; one line of JSON a measurement.
 *
 *   node tests/bench/gpu.mjs                                          with the package `webgpu` installed
 *   DAWN_NODE=/path/to/dawn.node node tests/bench/gpu.mjs             with its addon alone
 *   … --gemm 1024,4096 --adamw 1,100 --batch 1,32 --models cnn,gpt    sizes: order of matrices, Mi of parameters, rows; models beside the MLP
 *   … --peak 67                                                       TFLOP/s of the adapter in f32, of which products take a share
 *   … --peers                                                         jax-js and tfjs too, where their packages are installed
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { openRuntime } from "palimpsest";
import { measureBindings, measureCopy } from "./bindings.mjs";
import { median } from "./contest.mjs";
import { openDawn } from "./dawn.mjs";
import { countDispatches } from "./dispatches.mjs";
import { openChain } from "./gemm.mjs";
import { cycle } from "./numbers.mjs";
import { replayBatches, replayLearner } from "./replay.mjs";
import { contenders } from "./train.mjs";
import { openUpdate } from "./update.mjs";
import { workloads } from "./workloads/index.mjs";
import { mlp } from "./workloads/mlp.mjs";

const { values } = parseArgs({
  options: {
    gemm: { type: "string", default: "512,1024,2048,4096" },
    adamw: { type: "string", default: "1,10,100" },
    batch: { type: "string", default: "1,8,32,128" },
    models: { type: "string", default: "cnn,gru,gpt" },
    peak: { type: "string" },
    peers: { type: "boolean", default: false },
  },
});
const names = (/** @type {string} */ text) => (text === "" ? [] : text.split(","));
const numbers = (/** @type {string} */ text) => names(text).map(Number);

const gpu = await openDawn();
const runtime = await openRuntime({ backend: "webgpu", gpu });
const software = runtime.info.adapter?.software === true;
console.log(JSON.stringify({ adapter: runtime.info.adapter, node: process.versions.node, cpu: os.cpus()[0]?.model.trim() }));

const copied = await report("copy", () => onDevice(copy));
const bandwidth = copied?.gigabytesPerSecond;
await report("arena against separate bindings", () => onDevice(bindings));
await report("dispatch", dispatchCost);
for (const n of numbers(values.gemm))
  for (const form of /** @type {const} */ (["NN", "NT", "TN"])) await report(`GEMM ${form} ${n}`, () => gemm(form, n));
for (const millions of numbers(values.adamw)) {
  for (const form of /** @type {const} */ (["kernel", "recipe"]))
    await report(`AdamW ${form}, ${millions} Mi parameters`, () => adamw(millions * 2 ** 20, form));
}
const models = [...numbers(values.batch).map(mlp), ...names(values.models).map((name) => workloads[/** @type {"cnn"} */ (name)]())];
for (const backend of /** @type {const} */ (["webgpu", "wasm"])) {
  for (const model of models) {
    const { palimpsest, jax, tfjs } = contenders(model, backend);
    for (const entry of values.peers ? [palimpsest, jax, tfjs] : [palimpsest])
      await report(`${model.title}, ${entry.name} on ${backend}`, () => trainingStep(entry, backend));
  }
  for (const rule of /** @type {const} */ (["sgd", "adamw"]))
    await report(`replay step 10+10, ${rule}, ${backend}`, () => replayStep(rule, backend));
}
// Dawn keeps the process alive.
process.exit(0);

/** Prints what a measurement finds and returns it, or why it cannot be made. @template {object} T @param {string} name @param {() => Promise<T>} measure */
async function report(name, measure) {
  try {
    const found = await measure();
    console.log(JSON.stringify({ name, ...found }));
    return found;
  } catch (error) {
    console.log(JSON.stringify({ name, error: String(error) }));
    return undefined;
  }
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
  const teraflops = (2 * n ** 3) / ms / 1e9;
  return { ms, fixedMs, teraflops, ...(values.peak !== undefined && { shareOfPeak: teraflops / Number(values.peak) }) };
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
  const gigabytesPerSecond = (28 * count) / (ms / burst) / 1e6;
  return { ms: ms / burst, gigabytesPerSecond, ...(bandwidth !== undefined && { shareOfCopy: gigabytesPerSecond / bandwidth }) };
}

/** @param {import("./contest.mjs").Entry} entry @param {"webgpu" | "wasm"} backend */
async function trainingStep(entry, backend) {
  const contender = await entry.open();
  const found = await latency(() => contender.turn(0));
  if (backend === "webgpu") Object.assign(found, { dispatches: await countDispatches(() => contender.turn(0)) });
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

/** Measures on a device of its own with the limits of the adapter. @template T @param {(device: GPUDevice) => Promise<T>} measure */
async function onDevice(measure) {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error("no adapter");
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  const found = await measure(device);
  device.destroy();
  return found;
}

/** Bytes read and written. @param {GPUDevice} device */
async function copy(device) {
  const bytes = software ? 2 ** 22 : 2 ** 30;
  const ms = await measureCopy(device, bytes);
  return { ms, gigabytesPerSecond: (2 * bytes) / ms / 1e6 };
}

/** GB/s of a stream and TFLOP/s of a plain product under each binding. @param {GPUDevice} device */
async function bindings(device) {
  const sizes = software ? { count: 2 ** 20, n: 128 } : { count: 2 ** 26, n: 2048 };
  const found = await measureBindings(device, sizes);
  return {
    found: found.map(({ kernel, binding, ms }) =>
      kernel === "stream"
        ? { kernel, binding, ms, gigabytesPerSecond: (12 * sizes.count) / ms / 1e6 }
        : { kernel, binding, ms, teraflops: (2 * sizes.n ** 3) / ms / 1e9 },
    ),
  };
}
