/**
 * `npm run bench [-- --only NAME --json]`: contenders side by side in one run, medians and ratios; nothing here passes or fails. Each file beside
 * this one that is named below exports `run()`, which returns rows with a workload, a name, milliseconds and a ratio.
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { swiftshader, vulkan } from "../../.config/browsers.mjs";

const { values } = parseArgs({ options: { only: { type: "string" }, json: { type: "boolean", default: false } } });
const names = ["replay"];
const chosen = values.only === undefined ? names : values.only.split(",");
for (const name of chosen) {
  if (!names.includes(name)) {
    console.error(`bench: no benchmark called "${name}"; expected one of ${names.join(", ")}`);
    process.exit(2);
  }
}
// Without a hardware driver WebGPU runs on the CPU, which shows what it costs, not what it gives.
for (const [key, value] of Object.entries(vulkan(swiftshader))) process.env[key] ??= value;

const machine = `${os.cpus()[0]?.model.trim()}, ${os.cpus().length} cores, Node ${process.versions.node}`;
if (!values.json) console.log(machine);
for (const name of chosen) {
  const { run } = await import(`./${name}.mjs`);
  const rows = await run();
  if (values.json) {
    for (const row of rows) console.log(JSON.stringify({ benchmark: name, machine, ...row }));
    continue;
  }
  let workload;
  for (const row of rows) {
    if (row.workload !== workload) console.log(`\n${row.workload}`);
    workload = row.workload;
    console.log(
      `  ${row.name.padEnd(44)} ${row.ms.toFixed(3).padStart(9)} ms ${row.stepsPerSecond.toFixed(0).padStart(7)} steps/s ${row.ratio.toFixed(2).padStart(7)}×`,
    );
  }
}
process.exit(0);
