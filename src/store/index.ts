import { autoStore } from "./auto.ts";
import { folderStore } from "./folder.ts";
import { fileStore } from "./fs.ts";
import { indexeddbStore } from "./indexeddb.ts";
import { memoryStore } from "./memory.ts";
import { type OpfsOptions, opfsStore } from "./opfs.ts";
import type { Store } from "./store.ts";

export { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
export { sha256Hex } from "./digest.ts";
export type { FollowingLog, Log, LogReader } from "./log.ts";
export { openLog, readLog } from "./open.ts";
export { type RepairOptions, repairStore, type Survey, surveyStore } from "./repair.ts";
export { readSafetensors, type Safetensors, type StoredTensor, writeSafetensors } from "./safetensors.ts";
export type { Storage } from "./storage.ts";
export type { Store } from "./store.ts";

/** The places that can keep a model. */
export interface Stores {
  /** The best durable place of this host, under a plain name; @see {@link autoStore}. */
  auto(name: string): Store;
  /** The file at `path`, which holds one checkpoint and no log (Node, Deno, Bun). */
  file(path: string): Store;
  /** The folder at `path` (Node, Deno, Bun). */
  folder(path: string): Store;
  /** A database of the browser's IndexedDB. */
  indexeddb(name: string): Store;
  /** A folder in the browser's origin private file system. */
  opfs(name: string, options?: OpfsOptions): Store;
  /** This program's memory: lost when it ends. */
  memory(name?: string): Store;
}

/** Makers of stores: `auto` where in doubt. */
export const stores: Stores = {
  auto: autoStore,
  file: (path) => fileStore(path),
  folder: (path) => folderStore(path),
  indexeddb: indexeddbStore,
  opfs: opfsStore,
  memory: memoryStore,
};
