/** A store that is a folder of Node, Deno or Bun. */
import { describe, fail } from "../errors.ts";
import { builtin } from "../wasm/host.ts";
import { hasCode, noFolderFlush, patiently } from "./fs.ts";
import { hasLocks, isFree, type Lock, takeLock } from "./lock.ts";
import type { Mode, Storage } from "./storage.ts";
import type { Store } from "./store.ts";
import { valueStore } from "./value.ts";

/**
 * The part of `node:fs` that a folder needs. What is small is done at once: a record reaches the page cache in microseconds, where a promise
 * takes a thread's turn.
 */
export interface FolderSystem {
  mkdirSync(path: string, options: { recursive: true }): unknown;
  statSync(path: string): { isFile(): boolean };
  readdirSync(path: string): string[];
  openSync(path: string, flags: "r" | "r+" | "wx+"): number;
  fstatSync(file: number): { size: number };
  readSync(file: number, bytes: Uint8Array, at: number, length: number, offset: number): number;
  read(
    file: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    offset: number,
    done: (error: Error | null, count: number) => void,
  ): void;
  writeSync(file: number, bytes: Uint8Array, at: number, length: number, offset: number): number;
  fdatasync(file: number, done: (error: Error | null) => void): void;
  fsync(file: number, done: (error: Error | null) => void): void;
  closeSync(file: number): void;
  unlinkSync(path: string): void;
  rmdirSync(path: string): void;
  readFileSync(path: string, encoding: "utf8"): string;
}

interface Paths {
  join(...parts: string[]): string;
  dirname(path: string): string;
}

interface Host {
  readonly pid: number;
  kill(pid: number, signal: 0): void;
}

/** What the names of owners that hold a lock begin with. */
const LOCKED = "locked:";
/** What the names of the files that they lock begin with. */
const OWNER = "owner.";
/**
 * What it takes to have another thread read. Reading goes on at once for as long as that would take, which is enough where most is in the page
 * cache, and is left to threads from then on, which wait for the device side by side: never twice as slow as the better of the two. 256 rows out
 * of 2 GB take 0.4 ms at once and 7 ms by threads where all are there; where none is, 28 ms and 9 (Node, ext4, a busy machine).
 */
const ASKING_MS = 0.01;

/** Openings to write by this program that have not been closed. */
const openings = new Set<string>();

/**
 * Returns the store that is the folder at `path`, made when it is first written to.
 * @throws E_PATH when `path` can be no path; E_STORAGE_UNAVAILABLE in a browser
 */
export function folderStore(path: string, files?: FolderSystem): Store {
  if (typeof path !== "string" || path === "" || path.includes("\0"))
    fail("E_PATH", `stores.folder: this is no path; expected a path of a folder, got ${describe(path)}`);
  const fs = files ?? (builtin("node:fs") as FolderSystem | undefined);
  const paths = builtin("node:path") as Paths | undefined;
  if (fs === undefined || paths === undefined)
    fail("E_STORAGE_UNAVAILABLE", "stores.folder: there are no files here; expected Node, Deno or Bun, got a host without a file system", {
      hint: "Use stores.auto, which takes the browser's own storage.",
    });
  return valueStore(path, async (mode) => folderFiles(fs, paths, path, mode, files === undefined && hasLocks()));
}

/** Tells whether there is a file at `path`. */
export function isFile(path: string, fs: Pick<FolderSystem, "statSync"> = builtin("node:fs") as FolderSystem): boolean {
  return orNone(() => fs.statSync(path))?.isFile() ?? false;
}

/** `locks`: whether an owner is known by the lock that it holds, in a file of the folder, rather than by its process. */
function folderFiles(fs: FolderSystem, paths: Paths, path: string, mode: Mode, locks: boolean): Storage {
  const name = `${locks ? LOCKED : ""}${globalThis.crypto.randomUUID()}`;
  const owner = `${name} ${here()} ${startOf(fs, hostOf().pid)}`.trim();
  const lockOf = (other: string): string => at(`${OWNER}${other.slice(LOCKED.length).split(" ")[0]}`);
  let lock: Lock | undefined;
  const handles = new Map<string, number>();
  const at = (file: string): string => paths.join(path, file);
  let made = false;
  if (mode === "write") openings.add(owner);

  const handleOf = (file: string): number => {
    const known = handles.get(file);
    if (known !== undefined) return known;
    const handle = fs.openSync(at(file), mode === "write" ? "r+" : "r");
    handles.set(file, handle);
    return handle;
  };
  const writeAll = (handle: number, bytes: Uint8Array, offset: number): void => {
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(handle, bytes, done, bytes.length - done, offset + done);
  };
  /** What is new or gone in a folder is so for good once the folder is flushed. */
  const syncFolder = async (folder: string): Promise<void> => {
    try {
      const handle = fs.openSync(folder, "r");
      try {
        await settled((done) => fs.fsync(handle, done));
      } finally {
        fs.closeSync(handle);
      }
    } catch (error) {
      // Deno lets programs see folders one by one, and the one above may not be among them.
      if (!hasCode(error, noFolderFlush) && (error as Error).name !== "NotCapable") throw error;
    }
  };
  const fresh = new Set<string>();

  return {
    ...{ name: path, owner, place: "files", persistent: true },
    async alive(other) {
      if (openings.has(other)) return true;
      return hasLocks() && other.startsWith(LOCKED) ? !isFree(lockOf(other)) : isAlive(fs, other);
    },
    async list() {
      try {
        return (orNone(() => fs.readdirSync(path)) ?? []).filter((file) => !file.startsWith(OWNER));
      } catch (error) {
        if (!hasCode(error, ["ENOTDIR"]) || !isFile(path, fs)) throw error;
        fail("E_PATH", `${path}: a file lies where the store's folder should; expected a folder or nothing, got a file`, {
          hint: "If it is a checkpoint, open it with stores.file.",
        });
      }
    },
    async read(file, offset, length) {
      const handle = orNone(() => handleOf(file));
      if (handle === undefined) return new Uint8Array(0);
      const bytes = new Uint8Array(Math.max(0, Math.min(length, fs.fstatSync(handle).size - offset)));
      for (let done = 0; done < bytes.length; ) {
        const count = fs.readSync(handle, bytes, done, bytes.length - done, offset + done);
        if (count === 0) return bytes.subarray(0, done);
        done += count;
      }
      return bytes;
    },
    async readMany(file, offsets, length) {
      const handle = handleOf(file);
      const found: Uint8Array[] = [];
      const end = performance.now() + ASKING_MS * offsets.length;
      for (let i = 0; i < offsets.length && performance.now() < end; i++) {
        const bytes = new Uint8Array(length);
        found.push(bytes.subarray(0, fs.readSync(handle, bytes, 0, length, offsets[i] as number)));
      }
      const rest = offsets.slice(found.length).map(
        (offset) =>
          new Promise<Uint8Array>((resolve, reject) => {
            const bytes = new Uint8Array(length);
            fs.read(handle, bytes, 0, length, offset, (error, count) => (error ? reject(error) : resolve(bytes.subarray(0, count))));
          }),
      );
      return [...found, ...(await Promise.all(rest))];
    },
    async create(file, bytes) {
      if (!made) {
        fs.mkdirSync(path, { recursive: true });
        await syncFolder(paths.dirname(path));
        if (locks) {
          // Those of whoever was killed before a head named it.
          for (const file of fs.readdirSync(path)) if (file.startsWith(OWNER)) isFree(at(file));
          lock = takeLock(lockOf(owner));
        }
        made = true;
      }
      let handle: number;
      try {
        handle = fs.openSync(at(file), "wx+");
      } catch (error) {
        if (hasCode(error, ["EEXIST"])) return false;
        throw error;
      }
      handles.set(file, handle);
      fresh.add(file);
      writeAll(handle, bytes, 0);
      return true;
    },
    write: async (file, offset, bytes) => writeAll(handleOf(file), bytes, offset),
    async flush(file) {
      await settled((done) => fs.fdatasync(handleOf(file), done));
      if (!fresh.has(file)) return;
      await syncFolder(path);
      fresh.delete(file);
    },
    async remove(file) {
      const handle = handles.get(file);
      if (handle !== undefined) fs.closeSync(handle);
      handles.delete(file);
      const removed = await patiently(async () => orNone(() => [fs.unlinkSync(at(file))]));
      if (removed) await syncFolder(path);
    },
    async close() {
      openings.delete(owner);
      for (const handle of handles.values()) fs.closeSync(handle);
      handles.clear();
      lock?.release();
      lock = undefined;
      if (mode === "read" || (orNone(() => fs.readdirSync(path)) ?? ["nothing to remove"]).length > 0) return;
      orNone(() => fs.rmdirSync(path));
    },
  };
}

/** The thread that this is. */
function here(): string {
  const threads = builtin("node:worker_threads") as { readonly threadId: number } | undefined;
  return `process ${hostOf().pid} thread ${threads?.threadId ?? 0}`;
}

function hostOf(): Host {
  return (globalThis as unknown as { process: Host }).process;
}

/**
 * Tells whether the process that an owner names still runs. Numbers of processes come round again, in a container at once: then the time
 * at which it was started is another one, where that can be told.
 */
function isAlive(fs: FolderSystem, owner: string): boolean {
  const [, place, number, start] = /^\S+ (process (\d+) thread \d+) ?(.*)$/.exec(owner) ?? [];
  if (place === here()) return openings.has(owner);
  const pid = Number(number);
  try {
    hostOf().kill(pid, 0);
  } catch (error) {
    if (hasCode(error, ["ESRCH"])) return false;
  }
  const now = startOf(fs, pid);
  return start === "" || now === "" || start === now;
}

/** The boot and the moment since it at which a process was started, as Linux tells it; empty elsewhere, and one that has ended was never. */
function startOf(fs: FolderSystem, pid: number): string {
  try {
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // Behind the name in brackets, which may hold anything, the state, and as the twentieth word the moment.
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const words = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // What was killed keeps its number until its parent asks what became of it, in a container perhaps for ever.
    return `${boot} ${words[0] === "Z" ? "never" : words[19]}`;
  } catch {
    return "";
  }
}

function settled(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
}

function orNone<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (hasCode(error, ["ENOENT"])) return undefined;
    throw error;
  }
}
