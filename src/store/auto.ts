import { fail } from "../errors.ts";
import { fileStore, hasFiles } from "./fs.ts";
import { indexeddbStore } from "./indexeddb.ts";
import { offersOpfs, opfsStore } from "./opfs.ts";
import { checkName, type Store } from "./store.ts";

/**
 * Returns a durable store called `name` in the best place of this host: the file `name.palimpsest` in the current folder (Node, Deno,
 * Bun); in a browser its private file system, else IndexedDB. Never memory.
 * @throws E_PATH when `name` cannot name a store; E_STORAGE_UNAVAILABLE where nothing durable can be had
 */
export function autoStore(name: string): Store {
  checkName("stores.auto", name);
  if (hasFiles()) return fileStore(`${name}.palimpsest`);
  if (!offersOpfs()) return lastChoice(name);
  let chosen: Promise<Store> | undefined;
  const choose = (): Promise<Store> => {
    chosen ??= browserStore(name);
    return chosen;
  };
  return {
    name,
    read: async () => (await choose()).read(),
    write: async (bytes) => (await choose()).write(bytes),
    remove: async () => (await choose()).remove(),
  };
}

/** Firefox offers the file system in private windows and refuses it only when it is opened; that alone is a reason to pass it over. */
async function browserStore(name: string): Promise<Store> {
  try {
    await navigator.storage.getDirectory();
  } catch (error) {
    if ((error as DOMException).name === "SecurityError") return lastChoice(name);
  }
  return opfsStore(name);
}

function lastChoice(name: string): Store {
  if (globalThis.indexedDB !== undefined) return indexeddbStore(name);
  fail("E_STORAGE_UNAVAILABLE", "stores.auto: nothing here keeps data; expected a file system, OPFS or IndexedDB, got none of them", {
    hint: "Pass stores.memory() if the model may be lost when the program ends.",
  });
}
