import { describe, fail } from "../errors.ts";
import { builtin } from "../wasm/host.ts";
import { queue } from "./failure.ts";
import type { Store } from "./store.ts";

/** The part of `node:fs/promises` that a file store needs; Node, Deno and Bun have it. */
export interface FileSystem {
  open(
    path: string,
    flags: "r" | "wx",
  ): Promise<{ writeFile(bytes: Uint8Array): Promise<void>; sync(): Promise<void>; close(): Promise<void> }>;
  readFile(path: string): Promise<Uint8Array>;
  readdir(path: string): Promise<string[]>;
  realpath(path: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

interface Paths {
  dirname(path: string): string;
  basename(path: string): string;
  join(...parts: string[]): string;
}

/** Tells whether the host has a file system. */
export function hasFiles(): boolean {
  return builtin("node:fs/promises") !== undefined;
}

/**
 * Returns the store that is the file at `path`. A write goes to a new file beside it, is flushed to the device and takes the old
 * file's place in one rename, so that a crash at any moment leaves the old value or the new one.
 * @throws E_PATH when `path` can be no path; E_STORAGE_UNAVAILABLE in a browser
 */
export function fileStore(path: string, files?: FileSystem): Store {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    fail("E_PATH", `stores.file: this is no path; expected a path of a file, got ${describe(path)}`);
  }
  const fs = files ?? (builtin("node:fs/promises") as FileSystem | undefined);
  const paths = builtin("node:path") as Paths | undefined;
  if (fs === undefined || paths === undefined) {
    fail("E_STORAGE_UNAVAILABLE", "stores.file: there are no files here; expected Node, Deno or Bun, got a host without a file system", {
      hint: "Use stores.auto, which takes the browser's own storage.",
    });
  }
  const run = queue(path);
  return {
    name: path,
    read: () => run("read", () => readWhole(fs, path)),
    write: (bytes) => run("write", () => replace(fs, paths, path, bytes)),
    remove: () => run("remove", () => removeAll(fs, paths, path)),
  };
}

async function readWhole(fs: FileSystem, path: string): Promise<Uint8Array | undefined> {
  const bytes = await ignoring(["ENOENT"], () => fs.readFile(path));
  return bytes === undefined || bytes.byteLength === 0 ? undefined : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function replace(fs: FileSystem, paths: Paths, path: string, bytes: Uint8Array): Promise<void> {
  // A link stays a link: what it points at is replaced.
  const target = (await ignoring(["ENOENT"], () => fs.realpath(path))) ?? path;
  const fresh = `${target}.${globalThis.crypto.randomUUID()}.tmp`;
  await clearLeftovers(fs, paths, target);
  try {
    const handle = await fs.open(fresh, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await patiently(() => fs.rename(fresh, target));
  } catch (error) {
    await fs.unlink(fresh).catch(() => undefined);
    throw error;
  }
  await syncFolder(fs, paths.dirname(target));
}

async function removeAll(fs: FileSystem, paths: Paths, path: string): Promise<void> {
  const target = (await ignoring(["ENOENT"], () => fs.realpath(path))) ?? path;
  await ignoring(["ENOENT"], async () => {
    await clearLeftovers(fs, paths, target);
    await unlink(fs, target);
    await syncFolder(fs, paths.dirname(target));
  });
}

/** Removes the new files of writes that were cut off before their rename. */
async function clearLeftovers(fs: FileSystem, paths: Paths, target: string): Promise<void> {
  const folder = paths.dirname(target);
  const prefix = `${paths.basename(target)}.`;
  for (const entry of await fs.readdir(folder)) {
    if (entry.startsWith(prefix) && /^[0-9a-f-]{36}\.tmp$/.test(entry.slice(prefix.length))) await unlink(fs, paths.join(folder, entry));
  }
}

async function unlink(fs: FileSystem, path: string): Promise<void> {
  await ignoring(["ENOENT"], () => patiently(() => fs.unlink(path)));
}

/** What hosts say that cannot flush a folder, such as Windows. */
export const noFolderFlush: readonly string[] = ["EISDIR", "EPERM", "EACCES", "EINVAL", "EBADF", "ENOTSUP"];

/** A rename is durable once its folder is; where a folder cannot be opened or flushed (Windows) there is no such step. */
async function syncFolder(fs: FileSystem, folder: string): Promise<void> {
  await ignoring(noFolderFlush, async () => {
    const handle = await fs.open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Windows refuses to rename or remove a file for as long as a virus scanner or an indexer reads it: tries again for two seconds. */
export async function patiently<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; attempt <= 20; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!hasCode(error, ["EPERM", "EACCES", "EBUSY"])) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10 * attempt));
  }
  return run();
}

async function ignoring<T>(codes: readonly string[], run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (hasCode(error, codes)) return undefined;
    throw error;
  }
}

/** Tells whether an error has one of some codes. */
export function hasCode(error: unknown, codes: readonly string[]): boolean {
  return codes.includes(String((error as { code?: unknown }).code));
}
