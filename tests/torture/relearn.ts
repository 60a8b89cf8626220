/** Programs that learn are killed at random moments, started again, and must end where one ends that never was. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RandomStream } from "../../src/random.ts";

/** What was tried, and what came of it. */
export interface Killed {
  readonly kills: number;
  /** Programs that ended elsewhere, or did not come up again: what they said. */
  readonly problems: readonly string[];
}

/** What to kill, and how often. */
export interface KillOptions {
  /** The command of a runtime, to which a script's path is added. */
  readonly runtime: readonly string[];
  readonly durability: "strict" | "relaxed";
  /** Bytes of rows kept in memory; by default all are. The run that is never killed keeps all. */
  readonly residentBytes?: number;
  readonly kills: number;
  readonly steps: number;
  readonly seed: number;
  /** The address of this folder, where the code lies elsewhere. */
  readonly here?: string;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the program to its end, or for some milliseconds. */
function run(folder: string, options: KillOptions, killAfter?: number): Promise<Ended> {
  const { runtime, steps, durability, residentBytes, here = import.meta.url } = options;
  const script = fileURLToPath(new URL("learning.mjs", here));
  const module = new URL("../../dist/index.js", here).href;
  const [command = "", ...args] = runtime;
  const child = spawn(
    command,
    [...args, script, module, folder, String(steps), durability, ...(residentBytes === undefined ? [] : [String(residentBytes)])],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const said: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => said.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => said.push(bytes));
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output: Buffer.concat(said).toString() });
    });
  });
}

const hashOf = ({ output }: Ended): string | undefined => /^hash (\w+)$/m.exec(output)?.[1];

/** Kills a program again and again until there were as many kills as asked for. */
export async function tortureLearners(options: KillOptions): Promise<Killed> {
  const { runtime, seed } = options;
  const folder = mkdtempSync(join(tmpdir(), "palimpsest-kill-"));
  const draw = new RandomStream(seed, `kill ${runtime[0]} ${options.durability}`);
  const problems: string[] = [];
  let kills = 0;
  try {
    const { residentBytes: _, ...inMemory } = options;
    const began = performance.now();
    const whole = await run(join(folder, "whole"), inMemory);
    const expected = hashOf(whole);
    if (expected === undefined) return { kills, problems: [whole.output] };
    // Kills come at any time from before the store is opened to the end, and more often early, when it is being recovered.
    const longest = performance.now() - began;
    for (let life = 0; kills < options.kills; life++) {
      const store = join(folder, `life ${life}`);
      for (;;) {
        const after = kills < options.kills ? longest * (0.1 + 0.9 * draw.uniform() ** 2) : undefined;
        const ended = await run(store, options, after);
        if (ended.code === null) {
          kills += 1;
          continue;
        }
        // A slot that was cut off while it was written may be told of; the other one counts, and nothing is lost.
        if (ended.code !== 0 || hashOf(ended) !== expected) problems.push(ended.output);
        break;
      }
      rmSync(store, { recursive: true, force: true });
    }
    return { kills, problems };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
