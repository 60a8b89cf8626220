/** Runs of `palimpsest learn` are killed at random moments, started by the same words, and must tell in the end what one tells that never was. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RandomStream } from "../../src/random.ts";
import { writeSet } from "../cli/stage.ts";
import type { Killed } from "./relearn.ts";

/** What to kill, and how often. */
export interface CommandOptions {
  /** The command of a runtime, to which a script's path is added. */
  readonly runtime: readonly string[];
  readonly kills: number;
  readonly seed: number;
  /** The address of this folder, where the code lies elsewhere. */
  readonly here?: string;
}

/** A run of 1,200 steps, which takes about half a second. */
const job = ["--hidden", "16", "--dropout", "0.1", "--memory", "40", "--batch", "5", "--epochs", "10", "--optimizer", "adamw"];
const told = ["--schedule", "cosine", "--backend", "wasm", "--json"];

/** Returns the last line and the report of a run, without what the clock decides; undefined where it was killed. */
type Run = (words: readonly string[], kill?: { readonly begun: boolean; readonly after: number }) => Promise<string | undefined>;

/** Kills a run again and again, under one durability or the other, until there were as many kills as asked for. */
export async function tortureCommands({ runtime, kills: wanted, seed, here = import.meta.url }: CommandOptions): Promise<Killed> {
  const folder = await mkdtemp(join(tmpdir(), "palimpsest-command-"));
  const draw = new RandomStream(seed, `command ${runtime[0]}`);
  const run = runner(runtime, fileURLToPath(new URL("../../dist/cli.js", here)), folder);
  const problems: string[] = [];
  let kills = 0;
  try {
    await writeSet(join(folder, "tiny"), 600);
    const began = performance.now();
    const whole = await run([]);
    const longest = performance.now() - began;
    for (let life = 0; kills < wanted && problems.length < 10; life++) {
      const store = join(folder, `life ${life}`);
      for (;;) {
        const durability = draw.below(2) === 0 ? "strict" : "relaxed";
        // One kill of four comes at any time, as when the store is made or opened; the others once the run has begun or goes on.
        const kill = kills < wanted ? { begun: draw.below(4) > 0, after: draw.uniform() * 0.6 * longest } : undefined;
        const ended = await run(["--checkpoint", store, "--durability", durability], kill);
        if (ended === undefined) {
          kills += 1;
          continue;
        }
        if (ended !== whole) problems.push(`life ${life}, after ${kills} kills: ${ended.slice(0, 2000)}`);
        break;
      }
      await rm(store, { recursive: true });
    }
    return { kills, problems };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function runner([file = "", ...given]: readonly string[], cli: string, folder: string): Run {
  const report = join(folder, "report.html");
  return (words, kill) => {
    const args = [...given, cli, "learn", "--data", join(folder, "tiny"), "--report", report, ...job, ...told, ...words];
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    let [out, err, timer] = ["", "", undefined as ReturnType<typeof setTimeout> | undefined];
    const arm = (): void => {
      if (kill !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), kill.after);
    };
    if (kill?.begun === false) arm();
    child.stdout.on("data", (chunk) => {
      out += chunk;
      arm();
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", async (code, signal) => {
        clearTimeout(timer);
        if (signal !== null) return resolve(undefined);
        if (code !== 0) return resolve(`exit code ${code}: ${err}${out.trimEnd().split("\n").at(-1)}`);
        const summary = (out.trimEnd().split("\n").at(-1) as string).replace(/"\w+PerSecond":[\d.]+,/g, "");
        const page = await readFile(report, "utf8");
        resolve(summary + page.replace(/<th scope="row">(samples\/s|seconds in steps)<.*?<\/tr>/g, ""));
      });
    });
  };
}
