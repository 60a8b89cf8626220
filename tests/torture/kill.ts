import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { RandomStream } from "../../src/random.ts";
import { folderStore } from "../../src/store/folder.ts";
import { openLog } from "../../src/store/open.ts";
import type { Mode, Storage } from "../../src/store/storage.ts";
import { countOf, newTruth } from "./scenario.ts";

/** What a run of {@link tortureKills} tried, and what it found wrong. */
export interface Killed {
  kills: number;
  /** Records that were acknowledged. */
  records: number;
  readonly problems: string[];
}

/** The program that is killed. */
const program = fileURLToPath(new URL("./child.ts", import.meta.url));

/** Kills a program that keeps a log, started by `command` each time, at any moment, `kills` times, and opens what it leaves. */
export async function tortureKills(command: readonly string[], kills: number, seed: number, entry: string = program): Promise<Killed> {
  const random = new RandomStream(seed, "kills");
  const result: Killed = { kills: 0, records: 0, problems: [] };
  const folder = await mkdtemp(join(tmpdir(), "palimpsest-kill-"));
  try {
    const script = join(folder, "child.mjs");
    await build({ entryPoints: [entry], outfile: script, bundle: true, format: "esm", platform: "node", logLevel: "error" });
    const store = join(folder, "store");
    while (result.kills < kills && result.problems.length < 20) {
      const durability = random.below(2) === 0 ? "strict" : "relaxed";
      const told = await killed([...command, script, store, durability, String(random.u32())], random);
      result.kills++;
      result.records = Math.max(result.records, told);
      try {
        const log = await openLog(await (folderStore(store).open as (mode: Mode) => Promise<Storage>)("write"));
        result.records = await countOf(log, newTruth(), result.records, Number.POSITIVE_INFINITY);
        await log.close();
      } catch (error) {
        result.problems.push(`kill ${result.kills}, ${durability}: ${(error as Error).message}`);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return result;
}

/** Returns how many records a program says were acknowledged before it was killed, some time after the first word or before it. */
async function killed([file = "", ...given]: readonly string[], random: RandomStream): Promise<number> {
  const child = spawn(file, given, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  if (random.below(4) > 0) await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  const timer = setTimeout(() => child.kill("SIGKILL"), random.below(120));
  await once(child, "close");
  clearTimeout(timer);
  // A line may be cut off; the number before it was told whole.
  return Number(output.split("\n").at(-2) ?? 0);
}
