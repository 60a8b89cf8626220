import { describe, type ErrorCode, fail } from "../errors.ts";

/**
 * A place that durably keeps one value. Operations take effect in the order in which they are called. A `write` that fails or is cut
 * off leaves the old value or the new one, whole; the bytes given to it must not change until it resolves.
 */
export interface Store {
  /** What messages call it. */
  readonly name: string;
  /** Returns the bytes last written, or undefined when there are none. */
  read(): Promise<Uint8Array | undefined>;
  /** Replaces the value; resolves once it is durable. An empty value counts as none. */
  write(bytes: Uint8Array): Promise<void>;
  /** Removes the value and all traces of it; nothing happens when there is none. */
  remove(): Promise<void>;
}

/**
 * Returns `name` when it can name a store in every place: up to 100 letters, digits, spaces, `.`, `_` and `-`, the first a letter or digit.
 * @throws E_PATH
 */
export function checkName(where: string, name: unknown): string {
  if (typeof name === "string" && name.length <= 100 && /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]*$/u.test(name)) return name;
  fail("E_PATH", `${where}: this cannot name a store; expected up to 100 letters, digits, spaces, ".", "_" or "-", got ${describe(name)}`, {
    hint: 'Give a plain name such as "my-model"; stores.file takes a path.',
    context: { name },
  });
}

/** What the errors of the platforms mean, by Node's `code` or a DOMException's `name`, with what to do. */
const meanings: Readonly<Record<string, readonly [code: ErrorCode, meaning: string, hint: string]>> = {
  ...named(["ENOSPC", "EDQUOT", "EFBIG", "QuotaExceededError"], "E_QUOTA", "there is no room left", "Free some space and save again."),
  ...named(["ENOENT", "ENOTDIR"], "E_PATH", "the folder does not exist", "Create the folder first."),
  ...named(["EISDIR", "ENAMETOOLONG", "ELOOP"], "E_PATH", "the path cannot be that of a file", "Give the path of a file."),
  ...named(["EACCES", "EPERM", "EROFS", "NotCapable"], "E_STORAGE_UNAVAILABLE", "access is refused", "Choose a place that may be written."),
  ...named(["SecurityError", "NotAllowedError"], "E_STORAGE_UNAVAILABLE", "the browser refuses storage", "Allow this site to keep data."),
  ...named(["NoModificationAllowedError"], "E_LOCKED", "another owner holds it", "Close the other tab or worker."),
};

/** What a store can be asked. */
type Operation = "read" | "write" | "remove";

/**
 * Returns a function that runs the operations of `store` one at a time, in the order in which they were asked for; what the platform
 * throws becomes a `PalimpsestError` whose `cause` it is.
 */
export function queue(store: string): <T>(operation: Operation, run: () => Promise<T>) => Promise<T> {
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

function refuse(store: string, operation: Operation, cause: unknown): never {
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
