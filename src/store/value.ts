import { isError } from "../errors.ts";
import { queue } from "./failure.ts";
import type { Mode, Storage } from "./storage.ts";
import type { Store } from "./store.ts";

/** The part of a snapshot that is a whole checkpoint. */
const part = "checkpoint";

/** What reads and writes logs, fetched when it is first needed. */
const logs = (): Promise<typeof import("./open.ts")> => import("./open.ts");

/** How long an operation waits for another owner that reads or writes the value. */
const PATIENCE_MS = 5000;

/** Returns the store of one value whose files `open` opens: the value is the present snapshot of a log without records. */
export function valueStore(name: string, open: (mode: Mode) => Promise<Storage>): Store {
  const run = queue(name);
  const write = async (bytes: Uint8Array): Promise<void> => {
    const { openLog } = await logs();
    const log = await openLog(await open("write"), { waitMs: PATIENCE_MS });
    try {
      await log.snapshot(new Map([[part, bytes]]));
    } finally {
      await log.close();
    }
  };
  const remove = async (): Promise<void> => {
    const { openLog, removeAll } = await logs();
    const storage = await open("write");
    if ((await storage.list()).length === 0) return storage.close();
    try {
      return await (await openLog(storage, { waitMs: PATIENCE_MS })).erase();
    } catch (error) {
      if (!isError(error, "E_CORRUPT", "E_VERSION")) throw error;
    }
    await removeAll(await open("write"));
  };
  return {
    name,
    open,
    read: () =>
      run("read", async () => {
        const { latest, readLog } = await logs();
        const log = await readLog(await open("read"));
        try {
          return (await latest(log, () => log.parts())).get(part);
        } finally {
          await log.close();
        }
      }),
    write: (bytes) => run("write", () => (bytes.length === 0 ? remove() : write(bytes))),
    remove: () => run("remove", remove),
  };
}
