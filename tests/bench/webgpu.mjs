/** Training steps on WebGPU, all on the adapter of the page or that Dawn finds, which is SwiftShader where there is no GPU. */
import { contest } from "./contest.mjs";
import { countDispatches } from "./dispatches.mjs";
import { titles } from "./targets.mjs";
import { contenders } from "./train.mjs";
import { mlp } from "./workloads/mlp.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

/** Returns a row for each contender at each batch, and for how many kernels its step dispatches. */
export async function run() {
  if (!("gpu" in (globalThis.navigator ?? {}))) await (await import("./dawn.mjs")).openDawn();
  const rows = [];
  for (const batch of [1, 32]) {
    const workload = mlp(batch);
    const { palimpsest, jax, tfjs } = contenders(workload, "webgpu");
    const entries = [palimpsest, jax, tfjs];
    rows.push(...(await contest(titles.webgpu(workload.title), entries, { turns: 5, learns: true })));
    if (batch === 32) for (const entry of entries) rows.push(await dispatches(workload.title, entry));
  }
  return rows;
}

/** @param {string} title @param {import("./contest.mjs").Entry} entry @returns {Promise<Row>} */
async function dispatches(title, { name, kind, open }) {
  const row = { workload: titles.dispatches(title), name, kind, unit: "dispatches" };
  try {
    const contender = await open();
    // The first step compiles and may warm up.
    await contender.turn(0);
    const value = await countDispatches(() => contender.turn(0));
    await contender.close();
    return { ...row, name: contender.name, value };
  } catch (error) {
    return { ...row, skipped: `${error}` };
  }
}
