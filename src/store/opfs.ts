import { fail } from "../errors.ts";
import { unshared } from "./digest.ts";
import { queue } from "./failure.ts";
import { checkName, type Store } from "./store.ts";

const folderName = "palimpsest";

/**
 * Returns the store that is the file `name` in the origin's private file system. A write goes to a swap file that takes the old
 * file's place when it is closed.
 * @throws E_PATH when `name` cannot name a store; E_INSECURE_CONTEXT or E_STORAGE_UNAVAILABLE where there is no such file system
 */
export function opfsStore(name: string): Store {
  const file = checkName("stores.opfs", name);
  if (globalThis.isSecureContext === false) {
    fail("E_INSECURE_CONTEXT", "stores.opfs: browsers hide their file system here; expected a secure context, got a page without HTTPS", {
      hint: "Serve the page over HTTPS or from http://localhost.",
    });
  }
  if (!offersOpfs()) {
    fail("E_STORAGE_UNAVAILABLE", "stores.opfs: there is no private file system here; expected a browser that can write to it, got none", {
      hint: "Use stores.auto, which takes what the host has.",
    });
  }
  const run = queue(file);
  return {
    name: file,
    read: () =>
      run("read", async () => {
        const handle = await whenFound((await folder()).getFileHandle(file));
        if (handle === undefined) return undefined;
        const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
        // A first write that was cut off leaves an empty file.
        return bytes.byteLength === 0 ? undefined : bytes;
      }),
    write: (bytes) =>
      run("write", async () => {
        const writable = await (await (await folder()).getFileHandle(file, { create: true })).createWritable();
        try {
          await writable.write(unshared(bytes));
          await writable.close();
        } catch (error) {
          await writable.abort().catch(() => undefined);
          throw error;
        }
      }),
    remove: () => run("remove", async () => whenFound((await folder()).removeEntry(file))),
  };
}

/** Tells whether the browser has a private file system that every thread may write to; it may still refuse to open it. */
export function offersOpfs(): boolean {
  return (
    globalThis.navigator?.storage?.getDirectory !== undefined && globalThis.FileSystemFileHandle?.prototype.createWritable !== undefined
  );
}

async function folder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(folderName, { create: true });
}

async function whenFound<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if ((error as DOMException).name === "NotFoundError") return undefined;
    throw error;
  }
}
