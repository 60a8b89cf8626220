/** What a user waits for: the first step, from the import of the library to the loss, each in a new process. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { contest } from "./contest.mjs";
import { titles } from "./targets.mjs";
import { workloads } from "./workloads/index.mjs";

/** Returns the contender whose step is a process of its own. @param {string} workload @param {string} who */
async function cold(workload, who) {
  const start = async () => {
    const script = fileURLToPath(new URL("cold.mjs", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script, workload, who]);
    const { error, ...found } = JSON.parse(stdout);
    if (error !== undefined) throw new Error(error);
    return found;
  };
  const { name } = await start();
  return { name, turn: async () => (await start()).ms, close() {} };
}

/** Returns a row for each contender's first step. */
export async function run() {
  const rows = [];
  for (const [workload, make] of Object.entries(workloads)) {
    const entry = (/** @type {string} */ name, /** @type {string} */ who) => ({
      name,
      kind: /** @type {const} */ ("javascript"),
      open: () => cold(workload, who),
    });
    const palimpsest = { ...entry("Palimpsest", "palimpsest"), kind: /** @type {const} */ ("palimpsest"), required: true };
    const entries = [palimpsest, entry("jax-js", "jax"), { ...entry("tfjs wasm", "tfjs"), otherwise: entry("tfjs cpu", "cpu") }];
    const rules = { unit: "ms", measure: (/** @type {number} */ ms) => ms, turns: 5, seconds: 0 };
    rows.push(...(await contest(titles.first(make().title), entries, rules)));
  }
  return rows;
}
