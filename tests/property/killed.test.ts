import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { torture } from "../torture/relearn.ts";

const deno = fileURLToPath(new URL("../runtimes/node_modules/@deno/linux-x64-glibc/deno", import.meta.url));
const runtimes: Readonly<Record<string, readonly string[]>> = {
  Node: [process.execPath],
  Deno: [deno, "run", "--no-config", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"],
};

describe.each(Object.keys(runtimes))("a program in %s that is killed again and again", (name) => {
  it.skipIf(name === "Deno" && !existsSync(deno)).each(["strict", "relaxed"] as const)(
    "ends where one ends that was not: %s",
    async (durability) => {
      const { kills, lost } = await torture({ runtime: runtimes[name] as readonly string[], durability, kills: 6, steps: 400, seed: 1 });
      expect(lost).toEqual([]);
      expect(kills).toBe(6);
    },
  );
});
