/** What platforms throw, in the words and codes of this package. */
import { type ErrorCode, fail, PalimpsestError } from "../errors.ts";
import type { Storage } from "./storage.ts";

/** What the errors of the platforms mean, by Node's `code` or a DOMException's `name`, with what to do. */
const meanings: Readonly<Record<string, readonly [code: ErrorCode, meaning: string, hint: string]>> = {
  ...named(["ENOSPC", "EDQUOT", "EFBIG", "QuotaExceededError"], "E_QUOTA", "there is no room left", "Free some space and save again."),
  ...named(["ENOENT", "ENOTDIR"], "E_PATH", "the folder does not exist", "Create the folder first."),
  ...named(["EISDIR", "ENAMETOOLONG", "ELOOP"], "E_PATH", "the path cannot be that of a file", "Give the path of a file."),
  ...named(["EACCES", "EPERM", "EROFS", "NotCapable"], "E_STORAGE_UNAVAILABLE", "access is refused", "Choose a place that may be written."),
  ...named(["SecurityError", "NotAllowedError"], "E_STORAGE_UNAVAILABLE", "the browser refuses storage", "Allow this site to keep data."),
  ...named(["TypeMismatchError"], "E_PATH", "a file lies where the store's folder should", "Take another name, or remove the file."),
  ...named(["NoModificationAllowedError"], "E_LOCKED", "another owner holds it", "Close the other tab or worker."),
};

/**
 * Returns a function that runs the operations of `store` one at a time, in the order in which they were asked for; what the platform
 * throws becomes a `PalimpsestError` whose `cause` it is.
 */
export function queue(store: string): <T>(operation: string, run: () => Promise<T>) => Promise<T> {
  let idle: Promise<unknown> = Promise.resolve();
  return (operation, run) => {
    const turn = idle.then(run).catch((cause: unknown) => refuse(store, operation, cause));
    // What the next one waits for holds neither bytes nor a failure.
    idle = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  };
}

/** Throws what the error of a platform means, in the words and codes of this package. */
function refuse(store: string, operation: string, cause: unknown): never {
  if (cause instanceof PalimpsestError) throw cause;
  const { code, name } = Object(cause) as { code?: unknown; name?: unknown };
  const known = meanings[typeof code === "string" ? code : String(name)];
  const [errorCode, meaning, hint] = known ?? ["E_STORAGE_UNAVAILABLE", "the platform failed", "Try again, or choose another place."];
  const message = `${store}: cannot ${operation}: ${meaning}; expected storage that works, got ${cause}`;
  fail(errorCode, message, { hint, cause, context: { store, operation } });
}

function named(
  keys: readonly string[],
  ...meaning: readonly [code: ErrorCode, meaning: string, hint: string]
): Record<string, readonly [code: ErrorCode, meaning: string, hint: string]> {
  return Object.fromEntries(keys.map((key) => [key, meaning]));
}

/** Returns `storage` with whatever the platform throws made a `PalimpsestError` that names the file, and of which it is the cause. */
export function checked(storage: Storage): Storage {
  const run = <T>(operation: string, file: string, call: () => Promise<T>): Promise<T> =>
    call().catch((cause: unknown) => refuse(file === "" ? storage.name : `${storage.name}/${file}`, operation, cause));
  const { name, place, persistent, owner, readMany } = storage;
  return {
    ...{ name, place, persistent, owner },
    alive: (other) => storage.alive(other),
    list: () => run("list", "", () => storage.list()),
    read: (file, offset, length) => run("read", file, () => storage.read(file, offset, length)),
    ...(readMany && { readMany: (file, offsets, length) => run("read", file, () => readMany(file, offsets, length)) }),
    create: (file, bytes) => run("create", file, () => storage.create(file, bytes)),
    write: (file, offset, bytes) => run("write", file, () => storage.write(file, offset, bytes)),
    flush: (file) => run("flush", file, () => storage.flush(file)),
    remove: (file) => run("remove", file, () => storage.remove(file)),
    close: () => run("close", "", () => storage.close()),
  };
}
