/** Programs that all want to write to one store, killed, frozen and stolen from at random moments. */
import { type ChildProcess, spawn } from "node:child_process";
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
import { linesOf } from "./lines.ts";

/** What was tried, and what was found wrong. */
export interface Owned {
  /** Times that the store got another owner. */
  handovers: number;
  kills: number;
  freezes: number;
  /** Records that were acknowledged. */
  records: number;
  readonly problems: string[];
}

/** What to try. */
export interface OwnedOptions {
  /** The command of each program, in turns, to which a script's path is added. */
  readonly runtimes: readonly (readonly string[])[];
  readonly handovers: number;
  readonly seed: number;
  readonly programs?: number;
  /** The program. */
  readonly entry?: string;
}

interface Life {
  readonly name: string;
  readonly child: ChildProcess;
  said: string;
}

/** Has programs take a store from each other until it has changed hands so often, and reads what they leave. */
export async function tortureOwners(options: OwnedOptions): Promise<Owned> {
  const { runtimes, handovers, seed, programs = 8, entry = fileURLToPath(new URL("./tab.ts", import.meta.url)) } = options;
  const random = new RandomStream(seed, "owners");
  const result: Owned = { handovers: 0, kills: 0, freezes: 0, records: 0, problems: [] };
  const folder = await mkdtemp(join(tmpdir(), "palimpsest-owners-"));
  const lives: Life[] = [];
  const running = new Set<Life>();
  const script = join(folder, "tab.mjs");
  const store = join(folder, "store");

  function start(): void {
    const name = `life${lives.length}`;
    const [command = "", ...given] = runtimes[lives.length % runtimes.length] as readonly string[];
    const child = spawn(command, [...given, script, store, name, String(random.u32())], { stdio: ["ignore", "pipe", "pipe"] });
    const life: Life = { name, child, said: "" };
    let failure = "";
    lives.push(life);
    running.add(life);
    child.stdout.on("data", (chunk) => {
      life.said += chunk;
      result.handovers += String(chunk).split("open ").length - 1;
    });
    child.stderr.on("data", (chunk) => {
      failure += chunk;
    });
    child.on("close", (code) => {
      running.delete(life);
      if (code !== null) result.problems.push(`${name} ended with ${code}: ${failure}`);
    });
  }

  try {
    await build({ entryPoints: [entry], outfile: script, bundle: true, format: "esm", platform: "node", logLevel: "error" });
    while (result.handovers < handovers && result.problems.length < 5) {
      while (running.size < programs) start();
      await new Promise((resolve) => setTimeout(resolve, 20 + random.below(100)));
      const life = [...running][random.below(running.size)] as Life;
      if (random.below(3) === 0) {
        life.child.kill("SIGKILL");
        await once(life.child, "close");
        result.kills++;
      } else {
        life.child.kill("SIGSTOP");
        setTimeout(() => life.child.kill("SIGCONT"), 20 + random.below(500));
        result.freezes++;
      }
    }
    await Promise.all(
      [...running].map(({ child }) => {
        child.kill("SIGKILL");
        return once(child, "close");
      }),
    );
    const log = await openLog(await (folderStore(store).open as (mode: Mode) => Promise<Storage>)("write"));
    const lines = await linesOf(log);
    await log.close();
    judge(lines, lives, result);
  } finally {
    for (const { child } of running) child.kill("SIGKILL");
    await rm(folder, { recursive: true });
  }
  return result;
}

/** Every record that was acknowledged is there, none twice, in the order of owners, each of whom is one program. */
function judge(lines: readonly string[], lives: readonly Life[], result: Owned): void {
  const { problems } = result;
  const there = new Set(lines.map((line) => line.slice(line.indexOf(" ") + 1)));
  if (there.size < lines.length) problems.push(`${lines.length - there.size} records are there twice`);
  const last = { epoch: 0, name: "", number: new Map<string, number>() };
  for (const line of lines) {
    const [epoch, name, number] = line.split(" ") as [string, string, string];
    if (Number(epoch) < last.epoch) problems.push(`a record of epoch ${epoch} behind one of ${last.epoch}`);
    if (Number(epoch) === last.epoch && name !== last.name) problems.push(`epoch ${epoch} is of ${last.name} and of ${name}`);
    if (Number(number) <= (last.number.get(name) ?? -1)) problems.push(`record ${number} of ${name} behind ${last.number.get(name)}`);
    [last.epoch, last.name] = [Number(epoch), name];
    last.number.set(name, Number(number));
  }
  for (const { name, said } of lives) {
    // A line may be cut off by a kill.
    const did = said
      .split("\n")
      .slice(0, -1)
      .flatMap((line) => /^did (\d+)$/.exec(line)?.[1] ?? []);
    result.records += did.length;
    const missing = did.filter((number) => !there.has(`${name} ${number}`));
    if (missing.length > 0) problems.push(`${name} was told of ${missing.join()}, which are not there`);
  }
}
