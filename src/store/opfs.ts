import { fail } from "../errors.ts";
import { type Files, hasHandles, openHandles } from "./handles.ts";
import { isOwner, isPersistent, newOwner } from "./owner.ts";
import type { Mode, Storage } from "./storage.ts";
import { checkName, type Store } from "./store.ts";
import { valueStore } from "./value.ts";
import type { Answer, Question } from "./worker.ts";

/** Options of {@link opfsStore}. */
export interface OpfsOptions {
  /**
   * Returns a new worker that runs this package's `palimpsest/worker`; for pages that keep it elsewhere than beside the rest. Not needed in a
   * dedicated worker, which has the files at hand.
   */
  readonly worker?: () => Worker;
}

/**
 * Returns the store that is the folder `name` in the origin's private file system.
 * @throws E_PATH when `name` cannot name a store; E_INSECURE_CONTEXT or E_STORAGE_UNAVAILABLE where there is no such file system
 */
export function opfsStore(name: string, { worker = newWorker }: OpfsOptions = {}): Store {
  checkName("stores.opfs", name);
  if (globalThis.isSecureContext === false)
    fail("E_INSECURE_CONTEXT", "stores.opfs: browsers hide their file system here; expected a secure context, got a page without HTTPS", {
      hint: "Serve the page over HTTPS or from http://localhost.",
    });
  if (!offersOpfs())
    fail("E_STORAGE_UNAVAILABLE", "stores.opfs: there is no private file system here; expected a browser that can write to it, got none", {
      hint: "Use stores.auto, which takes what the host has.",
    });
  return valueStore(name, async (mode): Promise<Storage> => {
    const files = mode === "read" || hasHandles() ? openHandles(name, mode) : await askedOf(worker, name, mode);
    const owner = mode === "write" ? await newOwner() : undefined;
    return {
      ...files,
      ...{ name, place: "opfs", persistent: await isPersistent(), owner: owner?.name ?? "", alive: isOwner },
      close: () => files.close().finally(() => owner?.release()),
    };
  });
}

/** Tells whether the browser has a private file system; it may still refuse to open it. */
export function offersOpfs(): boolean {
  return globalThis.navigator?.storage?.getDirectory !== undefined && (hasHandles() || globalThis.Worker !== undefined);
}

/** This one form is what bundlers know a worker by. */
function newWorker(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

/** Returns files that a worker holds, which ends with them. */
async function askedOf(start: () => Worker, name: string, mode: Mode): Promise<Files> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  const worker = start();
  let asked = 0;
  let over: unknown;
  const ask = (call: Question["call"], ...given: readonly unknown[]): Promise<never> =>
    new Promise((resolve, reject) => {
      if (over !== undefined) return reject(over);
      waiting.set(++asked, { resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage({ id: asked, call, given } satisfies Question);
    });
  worker.onmessage = ({ data: { id, value, error } }: MessageEvent<Answer>) => {
    const { resolve, reject } = waiting.get(id) as { resolve(value: unknown): void; reject(error: unknown): void };
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new DOMException(error.message, error.name));
  };
  worker.onerror = (event) => {
    over = new DOMException(event.message || "the storage worker cannot be loaded", "WorkerError");
    for (const { reject } of waiting.values()) reject(over);
    waiting.clear();
  };
  try {
    await ask("open", name, mode);
  } catch (cause) {
    worker.terminate();
    fail("E_STORAGE_UNAVAILABLE", `${name}: the storage worker does not start; expected a script it can run, got ${cause}`, {
      hint: 'Serve worker.js of the package beside its other files, or pass stores.opfs(name, { worker: () => new Worker(url, { type: "module" }) }).',
      cause,
    });
  }
  return {
    list: () => ask("list"),
    read: (file, offset, length) => ask("read", file, offset, length),
    readMany: (file, offsets, length) => ask("readMany", file, offsets, length),
    create: (file, bytes) => ask("create", file, bytes),
    write: (file, offset, bytes) => ask("write", file, offset, bytes),
    flush: (file) => ask("flush", file),
    remove: (file) => ask("remove", file),
    close: () => (ask("close") as Promise<void>).finally(() => worker.terminate()),
  };
}
