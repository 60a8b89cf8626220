/**
 * Files of the origin's private file system through synchronous handles, which a dedicated worker alone may have: a write is there when it
 * returns, and `flush` takes it to the device. A handle is exclusive, so whoever only reads takes none.
 */
import { alone } from "./owner.ts";
import type { Mode, Storage } from "./storage.ts";

/** The calls of a store that work on files. */
export type Files = Pick<Storage, "list" | "read" | "readMany" | "create" | "write" | "flush" | "remove" | "close">;

interface SyncHandle {
  read(bytes: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  getSize(): number;
  flush(): void;
  close(): void;
}

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncHandle> };
type Folder = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };

const folderName = "palimpsest";

/** Tells whether this thread may have synchronous handles. */
export function hasHandles(): boolean {
  return globalThis.FileSystemFileHandle !== undefined && "createSyncAccessHandle" in FileSystemFileHandle.prototype;
}

/** Returns the folder of the store called `name`, undefined where there is none and none is to be made. */
export async function folderOf(name: string, create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
  const root = await navigator.storage.getDirectory();
  return whenFound(async () => (await root.getDirectoryHandle(folderName, { create })).getDirectoryHandle(name, { create }));
}

/** Returns the files of the store called `name`. */
export function openHandles(name: string, mode: Mode): Files {
  const handles = new Map<string, SyncHandle>();
  let folder: Folder | undefined;
  const look = async (create: boolean): Promise<Folder | undefined> => {
    folder ??= (await folderOf(name, create)) as Folder | undefined;
    return folder;
  };
  const entry = async (file: string): Promise<FileHandle | undefined> => {
    const place = await look(false);
    return place === undefined ? undefined : whenFound(async () => (await place.getFileHandle(file)) as FileHandle);
  };
  const handleOf = async (file: string): Promise<SyncHandle> => {
    const known = handles.get(file);
    if (known !== undefined) return known;
    const found = await entry(file);
    if (found === undefined) throw new DOMException(`${file} was removed`, "NotFoundError");
    const handle = await found.createSyncAccessHandle();
    handles.set(file, handle);
    return handle;
  };
  return {
    async list() {
      const names: string[] = [];
      for await (const file of (await look(false))?.keys() ?? []) names.push(file);
      return names;
    },
    async read(file, offset, length) {
      const handle = handles.get(file);
      if (handle === undefined) {
        const found = await (await entry(file))?.getFile();
        return new Uint8Array((await found?.slice(offset, offset + length).arrayBuffer()) ?? new ArrayBuffer(0));
      }
      const bytes = new Uint8Array(Math.max(0, Math.min(length, handle.getSize() - offset)));
      return bytes.subarray(0, handle.read(bytes, { at: offset }));
    },
    async readMany(file, offsets, length) {
      const handle = await handleOf(file);
      return offsets.map((at) => {
        const bytes = new Uint8Array(length);
        return bytes.subarray(0, handle.read(bytes, { at }));
      });
    },
    create: (file, bytes) =>
      alone(`${folderName}/${name}`, async () => {
        const place = (await look(true)) as Folder;
        if ((await entry(file)) !== undefined) return false;
        await place.getFileHandle(file, { create: true });
        writeAll(await handleOf(file), bytes, 0);
        return true;
      }),
    async write(file, offset, bytes) {
      writeAll(await handleOf(file), bytes, offset);
    },
    async flush(file) {
      (await handleOf(file)).flush();
    },
    async remove(file) {
      handles.get(file)?.close();
      handles.delete(file);
      const place = await look(false);
      if (place !== undefined) await whenFound(() => place.removeEntry(file));
    },
    async close() {
      for (const handle of handles.values()) handle.close();
      handles.clear();
      if (mode === "read" || folder === undefined) return;
      for await (const _ of folder.keys()) return;
      const root = await navigator.storage.getDirectory();
      await whenFound(async () => (await root.getDirectoryHandle(folderName)).removeEntry(name));
    },
  };
}

function writeAll(handle: SyncHandle, bytes: Uint8Array, at: number): void {
  const written = handle.write(bytes, { at });
  if (written < bytes.length) throw new DOMException(`${written} of ${bytes.length} bytes were written`, "QuotaExceededError");
}

async function whenFound<T>(find: () => Promise<T>): Promise<T | undefined> {
  try {
    return await find();
  } catch (error) {
    if ((error as DOMException).name === "NotFoundError") return undefined;
    throw error;
  }
}
