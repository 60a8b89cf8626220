/** The first step of a contender of a workload, both named by the arguments, in a new process. Prints how long it took, the import included. */
import { contenders } from "./train.mjs";
import { workloads } from "./workloads/index.mjs";

const [workload, who] = /** @type {[string, "palimpsest" | "jax" | "tfjs" | "cpu"]} */ (process.argv.slice(2));
const entry = contenders(workloads[/** @type {keyof typeof workloads} */ (workload)](), "wasm")[who];
const began = performance.now();
try {
  const contender = await entry.open();
  await contender.turn(0);
  console.log(JSON.stringify({ name: contender.name, ms: performance.now() - began }));
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
}
process.exit(0);
