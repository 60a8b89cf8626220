/**
 * Runs every check there is, installing what it needs: system packages with apt where it may, then the tools and runtimes of
 * `tests/runtimes`. A failing stage fails the command; the stages after it still run.
 *
 *   npm test                                everything
 *   npm test -- --only node,deno            those stages alone, on what is built and installed
 *   npm test -- --only node tests/unit      of those, the test files with that in their path
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium, firefox, lavapipe, swiftshader } from "./browsers.mjs";

/**
 * @typedef {object} Stage
 * @property {string} name
 * @property {readonly (readonly string[])[]} commands run side by side
 * @property {readonly string[]} [needs] files without which it cannot run
 * @property {string} [report] where the command leaves vitest's counts; a stage without one counts as one test
 * @property {boolean} [shown] whether its output is printed
 */

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const stageTimeout = 20 * 60_000;
const logs = "build/logs";
const node = process.execPath;
const tools = "tests/runtimes/node_modules";
const deno = `${tools}/@deno/linux-x64-glibc/deno`;
const bun = `${tools}/@oven/bun-linux-x64/bin/bun`;
/** Files that the tests use, by the Debian package that brings them. */
const packages = {
  chromium: [chromium.executablePath, swiftshader],
  "firefox-esr": [firefox.executablePath],
  "mesa-vulkan-drivers": [lavapipe],
  libvulkan1: ["/usr/lib/x86_64-linux-gnu/libvulkan.so.1"],
};

const { values, positionals } = parseArgs({ options: { only: { type: "string" } }, allowPositionals: true });
const only = values.only?.split(",");
const total = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const notRun = [];

/** @param {string} name @param {string} project @param {readonly string[]} runtime @param {readonly string[]} needs @returns {Stage} */
const suite = (name, project, runtime, needs = []) => {
  const report = `${logs}/${name}.json`;
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", ".config/vitest.mjs", "--project", project];
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  return { name, commands: [[...runtime, ...vitest, ...reporters, ...positionals]], needs, report };
};

/** @type {readonly Stage[]} */
const stages = [
  { name: "tools", commands: [[node, ".config/tools.mjs"]] },
  { name: "build", commands: [[node, ".config/build.mjs"]] },
  { name: "types", commands: [".", "src/cli", "tests"].map((project) => [node, "node_modules/typescript/bin/tsc", "--project", project]) },
  { name: "lint", commands: [[node, `${tools}/@biomejs/biome/bin/biome`, "check", "--error-on-warnings"]] },
  { name: "knip", commands: [[node, `${tools}/knip/bin/knip.js`]] },
  suite("node", "node", [node]),
  suite("deno", "runtime", [deno, "run", "--allow-all"], [deno, lavapipe]),
  suite("bun", "runtime", [bun, "--bun"], [bun]),
  suite("chromium", "chromium", [node], packages.chromium),
  suite("firefox", "firefox", [node], [...packages["firefox-esr"], lavapipe]),
  suite("browser", "browser", [node], [...packages.chromium, ...packages["firefox-esr"], lavapipe]),
  { name: "support", commands: [[node, ".config/support.mjs"]], shown: true },
];

const unknown = only?.find((name) => !stages.some((stage) => stage.name === name));
if (unknown !== undefined) {
  console.error(`test: there is no stage "${unknown}"; expected some of ${stages.map((stage) => stage.name).join(",")}`);
  process.exit(2);
}

await mkdir(logs, { recursive: true });
const chosen = stages.filter((stage) => only?.includes(stage.name) ?? true);
if (chosen.some((stage) => stage.report !== undefined)) await installPackages();
for (const stage of chosen) await perform(stage);
for (const line of notRun) console.log(`not run: ${line}`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exitCode = total.failed > 0 ? 1 : 0;

/** Installs the system packages that are missing, or names them where that takes another user. */
async function installPackages() {
  const missing = Object.entries(packages).flatMap(([name, files]) => (files.every((file) => existsSync(file)) ? [] : [name]));
  if (missing.length === 0) return;
  const install = `apt-get update && apt-get install --yes --no-install-recommends ${missing.join(" ")}`;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    await perform({ name: "apt", commands: [["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", install]] });
  } else {
    console.log(`missing system packages; on Debian, as root: ${install}`);
  }
}

/** Runs a stage, prints how it went and adds it to the total. @param {Stage} stage */
async function perform({ name, commands, needs = [], report, shown }) {
  const missing = needs.filter((file) => !existsSync(file));
  if (missing.length > 0) {
    const failed = process.env.CI === "true";
    if (failed) total.failed++;
    notRun.push(`${name}, for want of ${missing.join(", ")}`);
    console.log(`${name.padEnd(9)} ${failed ? "FAILED" : "not run"}: ${missing.join(", ")} is missing`);
    return;
  }
  if (report !== undefined) await rm(report, { force: true });
  const start = performance.now();
  const results = await Promise.all(commands.map((command, index) => run(command, `${logs}/${name}${index || ""}.log`)));
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6);
  const done = results.every((result) => result.ok);
  const counts = await countTests(report, done);
  for (const key of /** @type {const} */ (["passed", "failed", "skipped"])) total[key] += counts[key];
  const ok = counts.failed === 0;
  const closing = results.flatMap(({ output }) => output.match(/^ *(Test Files|Tests|Errors) .*$/gm) ?? []);
  console.log([`${name.padEnd(9)} ${seconds} s  ${ok ? "passed" : "FAILED"}`, ...closing].join("\n"));
  for (const result of results) if (shown || !result.ok) console.log(`${result.output.trimEnd().split("\n").slice(-150).join("\n")}\n`);
}

/** @param {readonly string[]} command @param {string} log @returns {Promise<{ ok: boolean, output: string }>} */
async function run([program = "", ...args], log) {
  const file = await open(log, "w");
  const child = spawn(program, args, {
    stdio: ["ignore", file.fd, file.fd],
    env: { ...process.env, NO_COLOR: "1" },
    timeout: stageTimeout,
    killSignal: "SIGKILL",
  });
  const ok = await new Promise((resolve) => child.on("error", () => resolve(false)).on("close", (code) => resolve(code === 0)));
  await file.close();
  return { ok, output: await readFile(log, "utf8") };
}

/** A run that failed has at least one failure, whatever its report says. @param {string | undefined} report @param {boolean} ok */
async function countTests(report, ok) {
  if (report === undefined) return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
  const text = await readFile(report, "utf8").catch(() => "{}");
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = JSON.parse(text);
  return { passed: numPassedTests, failed: ok ? 0 : Math.max(1, numFailedTests), skipped: numPendingTests + numTodoTests };
}
