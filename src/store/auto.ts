import { fail, isError } from "../errors.ts";
import { folderStore, isFile } from "./folder.ts";
import { fileStore, hasFiles } from "./fs.ts";
import { folderOf } from "./handles.ts";
import { indexeddbStore } from "./indexeddb.ts";
import { offersOpfs, opfsStore } from "./opfs.ts";
import type { Mode, Storage } from "./storage.ts";
import { checkName, type Store } from "./store.ts";
import { valueStore } from "./value.ts";

/**
 * Returns a durable store called `name` in the best place of this host: the folder `name.palimpsest` in the current one (Node, Deno, Bun),
 * or the file of that name where there is one; in a browser its private file system, else IndexedDB. Never memory. What it opens says which.
 * @throws E_PATH when `name` cannot name a store; E_STORAGE_UNAVAILABLE where nothing durable can be had
 */
export function autoStore(name: string): Store {
  checkName("stores.auto", name);
  const path = `${name}.palimpsest`;
  if (hasFiles()) return isFile(path) ? fileStore(path) : folderStore(path);
  if (!offersOpfs()) return lastChoice(name);
  return valueStore(name, (mode) => openBrowser(name, mode));
}

/**
 * Firefox offers the file system in private windows and refuses it only when it is opened, and a page may fail to serve the worker. What
 * lies in the file system already is never passed over for something empty.
 */
async function openBrowser(name: string, mode: Mode): Promise<Storage> {
  try {
    await navigator.storage.getDirectory();
    return await (opfsStore(name).open as (mode: Mode) => Promise<Storage>)(mode);
  } catch (error) {
    const refused = (error as DOMException).name === "SecurityError";
    const unavailable = isError(error, "E_STORAGE_UNAVAILABLE");
    if (!refused && !(unavailable && (await folderOf(name, false)) === undefined)) throw error;
  }
  return (lastChoice(name).open as (mode: Mode) => Promise<Storage>)(mode);
}

function lastChoice(name: string): Store {
  if (globalThis.indexedDB !== undefined) return indexeddbStore(name);
  fail("E_STORAGE_UNAVAILABLE", "stores.auto: nothing here keeps data; expected a file system, OPFS or IndexedDB, got none of them", {
    hint: "Pass stores.memory() if the model may be lost when the program ends.",
  });
}
