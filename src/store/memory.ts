import type { Store } from "./store.ts";

/** Returns a store that lasts as long as the program: for tests, and for those who want nothing kept. */
export function memoryStore(name = "memory"): Store {
  let kept: Uint8Array | undefined;
  return {
    name,
    read: async () => (kept === undefined ? undefined : new Uint8Array(kept)),
    write: async (bytes) => {
      kept = bytes.byteLength === 0 ? undefined : new Uint8Array(bytes);
    },
    remove: async () => {
      kept = undefined;
    },
  };
}
