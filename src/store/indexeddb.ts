import { fail } from "../errors.ts";
import { queue } from "./failure.ts";
import { checkName, type Store } from "./store.ts";

const databaseName = "palimpsest";
const tableName = "values";

/**
 * Returns the store that is the record `name` of the browser's IndexedDB. A write resolves when its transaction has reached the
 * device (`durability: "strict"`), and is atomic.
 * @throws E_PATH when `name` cannot name a store; E_STORAGE_UNAVAILABLE where there is no IndexedDB
 */
export function indexeddbStore(name: string): Store {
  const key = checkName("stores.indexeddb", name);
  if (globalThis.indexedDB === undefined) {
    fail("E_STORAGE_UNAVAILABLE", "stores.indexeddb: there is no IndexedDB here; expected a browser, got a host without it", {
      hint: "Use stores.auto, which takes what the host has.",
    });
  }
  const run = queue(key);
  return {
    name: key,
    read: () =>
      run("read", async () => {
        const bytes = await transact<Uint8Array | undefined>("readonly", (table) => table.get(key));
        return bytes?.byteLength === 0 ? undefined : bytes;
      }),
    write: (bytes) =>
      run("write", async () => {
        // A view would be kept with the whole buffer behind it, hence the copy.
        await transact("readwrite", (table) => table.put(new Uint8Array(bytes), key));
      }),
    remove: () => run("remove", () => transact("readwrite", (table) => table.delete(key))),
  };
}

/** Runs one request in a transaction of its own; the connection is closed after it, so that none stands in the way of an upgrade. */
async function transact<T>(mode: IDBTransactionMode, request: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await connect();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(tableName, mode, { durability: "strict" });
      const pending = request(transaction.objectStore(tableName));
      transaction.oncomplete = () => resolve(pending.result);
      transaction.onabort = () => reject(transaction.error ?? pending.error);
    });
  } finally {
    database.close();
  }
}

function connect(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseName, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(tableName);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
