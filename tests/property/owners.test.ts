import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { tortureOwners } from "../torture/tabs.ts";

const deno = join(fileURLToPath(new URL("../..", import.meta.url)), "tests/runtimes/node_modules/@deno/linux-x64-glibc/deno");
const node = [process.execPath];

it("eight programs that take a store from each other, killed and frozen, mix nothing and lose nothing", async () => {
  // Whether an owner still runs is told by signals and /proc, which Deno keeps to those who may do all.
  const runtimes = existsSync(deno) ? [node, [deno, "run", "--no-config", "--allow-all"]] : [node];
  const { handovers, records, problems } = await tortureOwners({ runtimes, handovers: 50, seed: 1 });
  expect(problems).toEqual([]);
  expect(handovers).toBeGreaterThanOrEqual(50);
  expect(records).toBeGreaterThan(100);
});
