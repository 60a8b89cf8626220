/**
 * Installs `tests/runtimes`, the heavy tools of tests and benchmarks, unless that lock file is installed already, and puts `webgpu`
 * where the package finds its optional peer.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Installs what the lock file in a folder of the project names, unless that is done; a failure ends the process. @param {string} name */
export function install(name) {
  const folder = `${root}${name}`;
  const lock = readFileSync(`${folder}/package-lock.json`, "utf8");
  const installed = `${folder}/node_modules/.installed`;
  if (existsSync(installed) && readFileSync(installed, "utf8") === lock) return;
  // Nothing here needs its install script: each binary comes in a package of its own. Standard output is the caller's.
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(installed, lock);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  install("tests/runtimes");
  rmSync(`${root}node_modules/webgpu`, { force: true, recursive: true });
  symlinkSync(`${root}tests/runtimes/node_modules/webgpu`, `${root}node_modules/webgpu`, "junction");
}
