import { fail } from "../errors.ts";
import { isOwner, isPersistent, newOwner } from "./owner.ts";
import type { Mode, Storage } from "./storage.ts";
import { checkName, type Store } from "./store.ts";
import { valueStore } from "./value.ts";

/** Names of the files, and their bytes by file and offset, as they were written. */
const [namesTable, bytesTable] = ["names", "bytes"] as const;

/**
 * Returns the store that is the database `palimpsest/NAME` of the browser's IndexedDB. Where a page has no locks, as without HTTPS, whoever
 * opens the store last takes it over.
 * @throws E_PATH when `name` cannot name a store; E_STORAGE_UNAVAILABLE where there is no IndexedDB
 */
export function indexeddbStore(name: string): Store {
  checkName("stores.indexeddb", name);
  if (globalThis.indexedDB === undefined)
    fail("E_STORAGE_UNAVAILABLE", "stores.indexeddb: there is no IndexedDB here; expected a browser, got a host without it", {
      hint: "Use stores.auto, which takes what the host has.",
    });
  return valueStore(name, (mode) => openDatabase(name, mode));
}

async function openDatabase(name: string, mode: Mode): Promise<Storage> {
  const database = await connect(`palimpsest/${name}`);
  const owner = mode === "write" ? await newOwner() : undefined;

  /** Runs requests in one transaction, and resolves with what they give once it is complete. */
  function transact<T>(
    access: IDBTransactionMode,
    durability: IDBTransactionDurability,
    run: (names: IDBObjectStore, bytes: IDBObjectStore, give: (value: T) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const transaction = database.transaction([namesTable, bytesTable], access, { durability });
      let given: T;
      transaction.oncomplete = () => resolve(given);
      transaction.onabort = () => reject(transaction.error);
      run(transaction.objectStore(namesTable), transaction.objectStore(bytesTable), (value) => {
        given = value;
      });
    });
  }

  const list = (): Promise<string[]> =>
    transact("readonly", "default", (names, _, give) => {
      const keys = names.getAllKeys();
      keys.onsuccess = () => give(keys.result as string[]);
    });

  return {
    ...{ name, place: "indexeddb", persistent: await isPersistent(), owner: owner?.name ?? "", alive: isOwner, list },
    read: (file, offset, length) =>
      transact("readonly", "default", (_, bytes, give) => {
        give(new Uint8Array(0));
        // The last piece that begins no later than the first byte asked for.
        const first = bytes.openKeyCursor(IDBKeyRange.bound([file, 0], [file, offset]), "prev");
        first.onsuccess = () => {
          if (first.result === null) return;
          const [, start] = first.result.key as [string, number];
          const range = IDBKeyRange.bound([file, start], [file, Math.min(offset + length, Number.MAX_SAFE_INTEGER)], false, true);
          const keys = bytes.getAllKeys(range);
          const pieces = bytes.getAll(range) as IDBRequest<Uint8Array[]>;
          pieces.onsuccess = () => give(assemble(keys.result as [string, number][], pieces.result, offset, length));
        };
      }),
    create: (file, bytes) =>
      transact("readwrite", "relaxed", (names, pieces, give) => {
        give(true);
        // Adding what there is already fails, and aborts the transaction unless it is prevented.
        const added = names.add(0, file);
        added.onsuccess = () => void pieces.put(bytes.slice(), [file, 0]);
        added.onerror = (event) => {
          if (added.error?.name !== "ConstraintError") return;
          event.preventDefault();
          give(false);
        };
      }),
    write: (file, offset, bytes) =>
      transact("readwrite", "relaxed", (_, pieces) => {
        const before = pieces.get([file, offset]) as IDBRequest<Uint8Array | undefined>;
        before.onsuccess = () => {
          const piece = new Uint8Array(Math.max(bytes.length, before.result?.length ?? 0));
          piece.set(before.result ?? []);
          piece.set(bytes);
          pieces.put(piece, [file, offset]);
        };
      }),
    // Transactions reach the device in their order, so that one which waits for the device waits for all before it.
    flush: (file) => transact("readwrite", "strict", (names) => void names.put(0, file)),
    remove: (file) =>
      transact("readwrite", "strict", (names, pieces) => {
        names.delete(file);
        pieces.delete(IDBKeyRange.bound([file, 0], [file, Number.MAX_SAFE_INTEGER]));
      }),
    async close() {
      const empty = mode === "write" && (await list().catch(() => ["unknown"])).length === 0;
      database.close();
      if (empty) await finished(indexedDB.deleteDatabase(`palimpsest/${name}`)).catch(() => undefined);
      owner?.release();
    },
  };
}

function assemble(keys: readonly [string, number][], pieces: readonly Uint8Array[], offset: number, length: number): Uint8Array {
  const end = Math.max(0, ...keys.map(([, start], i) => start + (pieces[i] as Uint8Array).length));
  const bytes = new Uint8Array(Math.max(0, Math.min(length, end - offset)));
  keys.forEach(([, start], i) => {
    const piece = (pieces[i] as Uint8Array).subarray(Math.max(0, offset - start), Math.max(0, offset + bytes.length - start));
    if (piece.length > 0) bytes.set(piece, Math.max(0, start - offset));
  });
  return bytes;
}

async function connect(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    for (const table of [namesTable, bytesTable]) request.result.createObjectStore(table);
  };
  const database = await finished(request);
  // Another who removes the database must not wait for this one.
  database.onversionchange = () => database.close();
  return database;
}

function finished<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
