/** `npm run reproduce -- NAME…`: published results, most on real data (DATA_DIR); says ours and theirs, and fails where they part. */
import { swiftshader, vulkan } from "../../.config/browsers.mjs";

const names = ["digits", "stories", "fashion", "shakespeare", "memory", "schedules", "split-mnist", "online", "plasticity", "tabular"];
/** @type {Readonly<Record<string, string>>} */
const files = { "split-mnist": "splits" };
const chosen = process.argv.slice(2).filter((word) => !word.startsWith("-"));
const wrong = chosen.find((name) => !names.includes(name));
if (wrong !== undefined || chosen.length === 0) {
  console.error(`reproduce: ${wrong === undefined ? "nothing named" : `nothing called "${wrong}"`}; expected some of ${names.join(", ")}`);
  process.exit(2);
}
for (const [key, value] of Object.entries(vulkan(swiftshader))) process.env[key] ??= value;
let passed = 0;
for (const name of chosen) {
  const began = performance.now();
  const { run } = await import(`./${files[name] ?? name}.mjs`);
  const holds = await run();
  console.log(`${name}: ${holds ? "holds" : "DOES NOT HOLD"}, ${((performance.now() - began) / 60000).toFixed(1)} minutes\n`);
  if (holds) passed += 1;
}
process.exit(passed === chosen.length ? 0 : 1);
