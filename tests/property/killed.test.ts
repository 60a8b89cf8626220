import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tortureLearners } from "../torture/relearn.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const deno = join(root, "tests/runtimes/node_modules/@deno/linux-x64-glibc/deno");
const runtimes: Readonly<Record<string, readonly string[]>> = {
  Node: [process.execPath],
  // Whether an owner still runs is told by signals and /proc, which Deno keeps to those who may do all.
  Deno: [deno, "run", "--no-config", "--allow-all"],
};

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
