import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tortureLearners } from "../torture/relearn.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const deno = join(root, "tests/runtimes/node_modules/@deno/linux-x64-glibc/deno");
const runtimes: Readonly<Record<string, readonly string[]>> = {
  Node: [process.execPath],
  // No network, no processes, no environment: whether an owner still runs is told by a lock.
  Deno: [deno, "run", "--no-config", "--no-prompt", "--allow-read", `--allow-write=${tmpdir()}`],
};

describe.each(Object.keys(runtimes))("a program in %s that is killed again and again", (name) => {
  it.skipIf(name === "Deno" && !existsSync(deno)).each(["strict", "relaxed"] as const)(
    "ends where one ends that was not: %s",
    async (durability) => {
      const { kills, problems } = await tortureLearners({
        runtime: runtimes[name] as readonly string[],
        durability,
        kills: 6,
        steps: 400,
        seed: 1,
      });
      expect(problems).toEqual([]);
      expect(kills).toBe(6);
    },
  );
});
