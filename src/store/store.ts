import { describe, fail } from "../errors.ts";
import type { Mode, Storage } from "./storage.ts";

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
  /** Opens the files of the store, in which a log may lie; absent where the store is one file. */
  open?(mode: Mode): Promise<Storage>;
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
