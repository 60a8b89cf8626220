/** A program that records until it is killed, and says what was acknowledged: `FOLDER DURABILITY SEED`. */
import { writeSync } from "node:fs";
import { RandomStream } from "../../src/random.ts";
import { folderStore } from "../../src/store/folder.ts";
import { openLog } from "../../src/store/open.ts";
import type { Mode, Storage } from "../../src/store/storage.ts";
import { countOf, newTruth, partsOf, recordOf } from "./scenario.ts";

const [folder = "", durability = "", seed = ""] = process.argv.slice(2);
const random = new RandomStream(Number(seed), "child");
const open = folderStore(folder).open as (mode: Mode) => Promise<Storage>;
const log = await openLog(await open("write"), { durability: durability as "strict", groupBytes: 5000 });
let count = await countOf(log, newTruth(), 0, Number.POSITIVE_INFINITY);
let snapshot = Promise.resolve();
for (;;) {
  const first = count;
  count += 1 + random.below(3);
  await Promise.all(Array.from({ length: count - first }, (_, i) => log.append(recordOf(first + i))));
  writeSync(1, `${count}\n`);
  if (random.below(10) > 0) continue;
  await snapshot;
  snapshot = log.snapshot(partsOf(count), random.below(3) === 0 ? 0 : undefined);
}
