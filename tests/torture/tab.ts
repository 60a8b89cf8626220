/**
 * A program that writes to a store whenever it can have it, until it is killed: `FOLDER NAME SEED`. It says `open EPOCH`, and `did N` once its
 * record of that number is acknowledged. A snapshot holds all records before it.
 */
import { writeSync } from "node:fs";
import { isError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";
import { folderStore } from "../../src/store/folder.ts";
import type { Log } from "../../src/store/log.ts";
import { openLog } from "../../src/store/open.ts";
import type { Mode, Storage } from "../../src/store/storage.ts";
import { linesOf, PART } from "./lines.ts";

const [folder = "", name = "", seed = ""] = process.argv.slice(2);
const random = new RandomStream(Number(seed), "tab");
const open = folderStore(folder).open as (mode: Mode) => Promise<Storage>;
let count = 0;

async function write(log: Log): Promise<void> {
  const lines = await linesOf(log);
  writeSync(1, `open ${log.epoch}\n`);
  for (let turn = random.below(30); turn >= 0; turn--) {
    const some = Array.from({ length: 1 + random.below(3) }, () => `${log.epoch} ${name} ${count++}`);
    const done = some.map((line) => log.append(new TextEncoder().encode(line)));
    for (const [i, line] of some.entries()) {
      await done[i];
      lines.push(line);
      writeSync(1, `did ${line.split(" ").at(-1)}\n`);
    }
    if (random.below(10) === 0) await log.snapshot(new Map([[PART, new TextEncoder().encode(lines.join("\n"))]]));
  }
  await log.close();
}

for (;;) {
  let log: Log | undefined;
  try {
    const durability = random.below(2) === 0 ? "strict" : "relaxed";
    log = await openLog(await open("write"), { durability, groupMs: 20, waitMs: 50 * random.below(6), steal: random.below(4) === 0 });
    await write(log);
  } catch (error) {
    if (!isError(error, "E_LOCKED")) throw error;
    await log?.close().catch(() => undefined);
  }
}
