/** Where a store lies. */
export type Place = "files" | "opfs" | "indexeddb" | "memory";

/** To read beside whoever writes, or to write, alone. */
export type Mode = "read" | "write";

/**
 * Named files of one store: flat, each a run of bytes. A call that concerns a file is made once the one before it has settled; only while a flush
 * is under way may it be written and read, and what was flushed once may be read, or written, at several places at a time. What is written lasts
 * when the program is killed; what is flushed lasts when the power fails.
 */
export interface Storage {
  /** What messages call the store. */
  readonly name: string;
  readonly place: Place;
  /** Whether only the user removes it; false where the browser may, to make room. */
  readonly persistent: boolean;
  /** Who has opened it, as text that {@link Storage.alive} knows again. */
  readonly owner: string;
  /** Tells whether an owner still runs, or may. */
  alive(owner: string): Promise<boolean>;
  /** Returns the names of all files, in any order. */
  list(): Promise<readonly string[]>;
  /** Returns `length` bytes from `offset`, fewer where the file ends, none where there is no file; the caller may keep and change them. */
  read(file: string, offset: number, length: number): Promise<Uint8Array>;
  /** Returns `length` bytes from each of `offsets`, as {@link Storage.read} does; absent where that does it no slower. */
  readMany?(file: string, offsets: readonly number[], length: number): Promise<readonly Uint8Array[]>;
  /** Writes a new file, and tells whether there was none: of two owners who create one file, one succeeds. */
  create(file: string, bytes: Uint8Array): Promise<boolean>;
  /** Writes at `offset`, which is at most the size of the file. Bytes must not change until it settles. */
  write(file: string, offset: number, bytes: Uint8Array): Promise<void>;
  /** Resolves once a file, and that there is one, is on the device. */
  flush(file: string): Promise<void>;
  /** Removes a file, if there is one, and resolves once that is on the device. */
  remove(file: string): Promise<void>;
  /** Lets go of the store, which others may then own. */
  close(): Promise<void>;
}
