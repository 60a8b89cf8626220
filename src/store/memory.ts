import type { Mode, Storage } from "./storage.ts";
import type { Store } from "./store.ts";
import { valueStore } from "./value.ts";

/** A file: bytes with room behind them. */
interface Kept {
  bytes: Uint8Array;
  length: number;
}

/** Returns a store that lasts as long as the program: for tests, and for those who want nothing kept. */
export function memoryStore(name = "memory"): Store {
  const files = new Map<string, Kept>();
  const owners = new Set<string>();
  let opened = 0;
  return valueStore(name, async (mode) => memoryFiles(name, files, owners, mode, `opening ${++opened}`));
}

function memoryFiles(name: string, files: Map<string, Kept>, owners: Set<string>, mode: Mode, owner: string): Storage {
  if (mode === "write") owners.add(owner);
  const put = (file: Kept, offset: number, bytes: Uint8Array): void => {
    file.length = Math.max(file.length, offset + bytes.length);
    if (file.length > file.bytes.length) {
      const longer = new Uint8Array(2 * file.length);
      longer.set(file.bytes);
      file.bytes = longer;
    }
    file.bytes.set(bytes, offset);
  };
  return {
    ...{ name, owner, place: "memory", persistent: false },
    alive: async (other) => owners.has(other),
    list: async () => [...files.keys()],
    async read(file, offset, length) {
      const kept = files.get(file);
      return kept === undefined ? new Uint8Array(0) : kept.bytes.slice(offset, Math.min(kept.length, offset + length));
    },
    async create(file, bytes) {
      if (files.has(file)) return false;
      files.set(file, { bytes: bytes.slice(), length: bytes.length });
      return true;
    },
    async write(file, offset, bytes) {
      put(files.get(file) ?? missing(name, file), offset, bytes);
    },
    flush: async () => undefined,
    remove: async (file) => void files.delete(file),
    close: async () => void owners.delete(owner),
  };
}

function missing(name: string, file: string): never {
  throw Object.assign(new Error(`${name}/${file} was removed`), { code: "ENOENT" });
}
