/** Another takes the store at every single call that an owner makes. */
import { describe, expect, it } from "vitest";
import { isError } from "../../src/errors.ts";
import { type Log, openLog, readLog, type Storage, type Store, stores } from "../../src/store/index.ts";

const open = (store: Store, mode: "read" | "write" = "write"): Promise<Storage> => (store.open as NonNullable<Store["open"]>)(mode);

/** Returns files that call `meet` before or behind the call of a number, from 0. */
function meeting(files: Storage, number: number, behind: boolean, meet: () => Promise<void>): Storage {
  let count = 0;
  const met = async <T>(call: () => Promise<T>): Promise<T> => {
    const now = count++ === number;
    if (now && !behind) await meet();
    const result = await call();
    if (now && behind) await meet();
    return result;
  };
  return {
    ...files,
    list: () => met(() => files.list()),
    read: (...given) => met(() => files.read(...given)),
    create: (...given) => met(() => files.create(...given)),
    write: (...given) => met(() => files.write(...given)),
    flush: (...given) => met(() => files.flush(...given)),
    remove: (...given) => met(() => files.remove(...given)),
  };
}

async function recordsOf(store: Store): Promise<string[]> {
  const log = await readLog(await open(store, "read"));
  const found: string[] = [];
  const text = new TextDecoder().decode((await log.parts()).get("before"));
  if (text !== "") found.push(...text.split(","));
  for await (const record of log.records()) found.push(new TextDecoder().decode(record));
  await log.close();
  return found;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe.each([
  ["before", false],
  ["behind", true],
])("a store that is taken %s any call of its owner", (_, behind) => {
  it.each(["strict", "relaxed"] as const)("holds what both were promised, and goes on with one of them: %s", async (durability) => {
    let taken = 0;
    for (let number = 0; ; number++) {
      const store = stores.memory();
      const first = await openLog(await open(store), { durability });
      await first.append(text("a"));
      await first.append(text("b"));
      await first.commit();
      const promised = ["a", "b"];
      let thief: Log | undefined;
      const files = meeting(await open(store), number, behind, async () => {
        thief = await openLog(await open(store), { durability, steal: true });
        await thief.append(text("thief"));
        promised.push("thief");
      });
      try {
        const log = await openLog(files, { durability, steal: true });
        for (const name of ["c", "d"]) {
          await log.append(text(name));
          promised.push(name);
        }
        await log.commit();
        await log.snapshot(new Map([["before", text((await recordsOf(store)).join(","))]]));
        await log.append(text("e"));
        promised.push("e");
        await log.close();
      } catch (error) {
        if (!isError(error, "E_LOCKED")) throw error;
      }
      await thief?.append(text("last")).then(
        () => promised.push("last"),
        (error) => expect(error).toMatchObject({ code: "E_LOCKED" }),
      );
      await thief?.close().catch((error) => expect(error).toMatchObject({ code: "E_LOCKED" }));
      const found = await recordsOf(store);
      expect([...new Set(found)], `call ${number}`).toEqual(found);
      for (const name of promised) expect(found, `call ${number}`).toContain(name);
      // It can be opened, and has lost nothing by that.
      await (await openLog(await open(store), { steal: true })).close();
      expect(await recordsOf(store)).toEqual(found);
      if (thief === undefined) break;
      taken++;
    }
    expect(taken).toBeGreaterThan(30);
  });
});
