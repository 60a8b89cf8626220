/**
 * Contenders side by side in one process, medians and ratios, then which targets Palimpsest meets; nothing here passes or fails.
 *
 *   npm run bench                                   everything, in Node
 *   npm run bench -- --only mlp,size                those benchmarks
 *   npm run bench -- --runtime deno                 what runs there too; or chromium, or firefox
 *   npm run bench -- --json > FILE                  a line for each row
 *   npm run bench -- --markdown [--from FILE]       the tables that stand in README, of these rows or of those in a file
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { lavapipe, swiftshader, vulkan } from "../../.config/browsers.mjs";
import { install } from "../../.config/tools.mjs";
import { markdown, text, verdicts } from "./table.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

const everywhere = ["mlp", "replay", "cnn", "gru", "gpt", "gemm", "webgpu"];
const node = ["adamw", "first", "memory", "optim", "schedule", "size", "store", "strategies"];
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    from: { type: "string" },
    runtime: { type: "string", default: "node" },
  },
});
const { runtime, json } = values;
const inDeno = "Deno" in globalThis;
if (!["node", "deno", "chromium", "firefox"].includes(runtime)) refuse("runtime", runtime, ["node", "deno", "chromium", "firefox"]);
const names = runtime === "node" ? [...everywhere, ...node] : everywhere;
const chosen = values.only === undefined ? names : values.only.split(",");
for (const name of chosen) if (!names.includes(name)) refuse("benchmark", name, names);

if (values.from !== undefined) {
  const lines = readFileSync(values.from, "utf8").trim().split("\n");
  const rows = lines.map((line) => JSON.parse(line));
  console.log(values.markdown ? markdown(rows, rows[0].machine) : verdicts(rows));
  process.exit(0);
}
install("tests/bench/peers");
if (runtime === "deno" && !inDeno) process.exit(startDeno());
// Without a hardware driver WebGPU runs on the CPU, which shows what it costs, not what it gives.
for (const [key, value] of Object.entries(vulkan(swiftshader))) process.env[key] ??= value;

const versions = inDeno ? `Deno ${process.versions.deno}` : `Node ${process.versions.node}`;
const { where, run, close } =
  runtime === "chromium" || runtime === "firefox" ? await (await import("./browser.mjs")).openPage(runtime) : await openHere();
const machine = `${os.cpus()[0]?.model.trim()}, ${os.cpus().length} cores, ${where}`;
const load = /** @type {number} */ (os.loadavg()[0]);
const quiet = json || values.markdown;
if (!quiet) console.log(`${machine}; load average ${load.toFixed(1)}`);
/** @type {Row[]} */
const all = [];
for (const name of chosen) {
  const rows = await run(name);
  all.push(...rows);
  if (json) for (const row of rows) console.log(JSON.stringify({ benchmark: name, machine, load, ...row }));
  if (!quiet) console.log(text(rows));
}
await close();
if (values.markdown) console.log(markdown(all, machine));
if (!quiet) console.log(verdicts(all));
// Dawn keeps the process alive.
process.exit(0);

/** Returns how benchmarks run in this process. */
async function openHere() {
  const { portable } = await import("./portable.mjs");
  const { pytorch } = await import("./torch.mjs");
  const run = async (/** @type {string} */ name) => {
    const benchmark = portable[name] ?? (await import(`./${name}.mjs`)).run;
    return /** @type {Promise<Row[]>} */ (benchmark(pytorch));
  };
  return { where: versions, run, close: async () => {} };
}

/** Runs this file in Deno; returns the exit status. */
function startDeno() {
  const root = new URL("../../", import.meta.url);
  const map = JSON.stringify({ imports: { palimpsest: new URL("dist/index.js", root).href } });
  const options = ["run", "--allow-all", "--no-config", "--node-modules-dir=manual", `--import-map=data:application/json,${map}`];
  const deno = fileURLToPath(new URL("tests/runtimes/node_modules/@deno/linux-x64-glibc/deno", root));
  const { status } = spawnSync(deno, [...options, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, ...vulkan(lavapipe) },
  });
  return status ?? 1;
}

/** @param {string} what @param {string} given @param {readonly string[]} expected @returns {never} */
function refuse(what, given, expected) {
  console.error(`bench: no ${what} called "${given}"; expected one of ${expected.join(", ")}`);
  process.exit(2);
}
