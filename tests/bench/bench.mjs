/**
 * `npm run bench [-- --only NAME[,NAME] --json]`: contenders side by side in one process, medians and ratios, then which targets Palimpsest
 * meets; nothing here passes or fails. Each file beside this one that is named below exports `run()`, which returns rows (`contest.mjs`).
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { swiftshader, vulkan } from "../../.config/browsers.mjs";
import { install } from "../../.config/tools.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

const { values } = parseArgs({ options: { only: { type: "string" }, json: { type: "boolean", default: false } } });
const names = ["mlp", "replay", "gemm", "adamw", "first", "webgpu"];
const chosen = values.only === undefined ? names : values.only.split(",");
for (const name of chosen) {
  if (!names.includes(name)) {
    console.error(`bench: no benchmark called "${name}"; expected one of ${names.join(", ")}`);
    process.exit(2);
  }
}
install("tests/bench/peers");
// Without a hardware driver WebGPU runs on the CPU, which shows what it costs, not what it gives.
for (const [key, value] of Object.entries(vulkan(swiftshader))) process.env[key] ??= value;

const machine = `${os.cpus()[0]?.model.trim()}, ${os.cpus().length} cores, Node ${process.versions.node}`;
const load = /** @type {number} */ (os.loadavg()[0]);
if (!values.json) console.log(`${machine}; load average ${load.toFixed(1)}`);
/** @type {Row[]} */
const all = [];
for (const name of chosen) {
  /** @type {{ run(): Promise<Row[]> }} */
  const { run } = await import(`./${name}.mjs`);
  const rows = await run();
  all.push(...rows);
  if (values.json) for (const row of rows) console.log(JSON.stringify({ benchmark: name, machine, load, ...row }));
  else print(rows);
}
if (!values.json) printTargets(all);
// Dawn keeps the process alive.
process.exit(0);

/** @param {readonly Row[]} rows */
function print(rows) {
  let workload;
  for (const row of rows) {
    if (row.workload !== workload) console.log(`\n${row.workload}`);
    workload = row.workload;
    const columns = [row.name.padEnd(56), show(row.value).padStart(8), row.unit.padEnd(12)];
    if (row.ms !== undefined) columns.push(`${row.ms.toFixed(3).padStart(10)} ms ±${(100 * (row.noise ?? 0)).toFixed(0).padStart(2)} %`);
    for (const [kind, ratio] of Object.entries(row.times ?? {})) {
      if (kind !== "palimpsest") columns.push(`${show(ratio).padStart(7)}× ${kind}`);
    }
    console.log(`  ${columns.join(" ").trimEnd()}`);
  }
}

/** @param {readonly Row[]} rows */
function printTargets(rows) {
  const lines = rows.flatMap((row) =>
    row.targets.flatMap(({ against, atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }) => {
      const found = against === undefined ? row.value : row.times?.[against];
      if (found === undefined) return [];
      const verdict = found >= atLeast && found <= atMost ? "met" : "missed";
      const wanted = Number.isFinite(atLeast) ? `≥ ${atLeast}` : `≤ ${atMost}`;
      const unit = against === undefined ? ` ${row.unit}` : `× ${against}`;
      return [`  ${verdict.padEnd(6)} ${wanted.padEnd(7)}${show(found).padStart(6)}${unit.padEnd(13)} ${row.workload}: ${row.name}`];
    }),
  );
  if (lines.length > 0) console.log(["\nTargets: times the speed of the fastest other of a kind, or a value", ...lines].join("\n"));
}

/** Returns three digits of a number. @param {number} value */
function show(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
