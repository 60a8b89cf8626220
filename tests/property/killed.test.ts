import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Learner, openRuntime, stores } from "palimpsest";
import { describe, expect, it } from "vitest";
import { tortureLearners } from "../torture/relearn.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const deno = join(root, "tests/runtimes/node_modules/@deno/linux-x64-glibc/deno");
const runtimes: Readonly<Record<string, readonly string[]>> = {
  Node: [process.execPath],
  // No network, no processes, no environment: whether an owner still runs is told by a lock.
  Deno: [deno, "run", "--no-config", "--no-prompt", "--allow-read", `--allow-write=${tmpdir()}`],
};

it.runIf(existsSync("/proc/self/stat"))("a program that was killed, and whose end nobody has asked for, holds no store", async () => {
  const folder = await mkdtemp(join(tmpdir(), "palimpsest-zombie-"));
  const path = join(folder, "store");
  const script = `"$0" "$@" & echo pid $!; exec sleep 60`;
  const program = [join(root, "tests/torture/learning.mjs"), join(root, "dist/index.js"), path, "1000000", "relaxed"];
  // What takes the place of the shell knows nothing of its child.
  const parent = spawn("sh", ["-c", script, process.execPath, ...program], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of parent.stdout) {
    said += chunk;
    if (said.includes("open")) break;
  }
  const pid = Number(/pid (\d+)/.exec(said)?.[1]);
  const store = stores.folder(path);
  const runtime = await openRuntime({ backend: "wasm" });
  try {
    process.kill(pid, "SIGSTOP");
    await expect(Learner.open(runtime, store)).rejects.toMatchObject({ code: "E_LOCKED" });
    process.kill(pid, "SIGKILL");
    await expect.poll(() => readFile(`/proc/${pid}/stat`, "utf8")).toContain(") Z ");
    await (await Learner.open(runtime, store)).close();
  } finally {
    runtime.close();
    parent.kill();
    await rm(folder, { recursive: true });
  }
});

describe.each(Object.keys(runtimes))("a program in %s that is killed again and again", (name) => {
  it.skipIf(name === "Deno" && !existsSync(deno)).each(["strict", "relaxed"] as const)(
    "ends where one ends that was not: %s",
    async (durability) => {
      const { kills, problems } = await tortureLearners({
        runtime: runtimes[name] as readonly string[],
        durability,
        // One has its rows in a file.
        ...(durability === "relaxed" && { residentBytes: 2000 }),
        kills: 6,
        steps: 400,
        seed: 1,
      });
      expect(problems).toEqual([]);
      expect(kills).toBe(6);
    },
  );
});
