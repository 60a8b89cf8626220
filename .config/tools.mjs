/**
 * Installs `tests/runtimes`, the heavy tools of tests and benchmarks, unless that lock file is installed already, and puts `webgpu`
 * where the package finds its optional peer.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const folder = "tests/runtimes";
const lock = readFileSync(`${folder}/package-lock.json`, "utf8");
const installed = `${folder}/node_modules/.installed`;
if (!existsSync(installed) || readFileSync(installed, "utf8") !== lock) {
  // Nothing here needs its install script: each binary comes in a package of its own.
  const install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", install, { cwd: folder, stdio: "inherit", shell: process.platform === "win32" });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(installed, lock);
}
rmSync("node_modules/webgpu", { force: true, recursive: true });
symlinkSync(fileURLToPath(new URL("../tests/runtimes/node_modules/webgpu", import.meta.url)), "node_modules/webgpu", "junction");
