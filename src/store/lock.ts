/**
 * Locks that the system lets go of when their process ends, however it ends; Deno has them, and they take no permission but that to write the
 * file. Node and Bun have none and tell by the number of the process, which in Deno takes the permission to run anything.
 */

interface LockableFile {
  tryLockSync(exclusive: boolean): boolean;
  close(): void;
}

interface LockingHost {
  openSync(path: string, options: { read: boolean; write: boolean; create: boolean }): LockableFile;
  removeSync(path: string): void;
}

const host = (globalThis as { Deno?: Partial<LockingHost> }).Deno;

/** A lock that is held. */
export interface Lock {
  /** Lets go of it and removes its file. */
  release(): void;
}

/** Tells whether the host has locks. */
export function hasLocks(): boolean {
  return host?.openSync !== undefined;
}

/** Returns a lock on a file of its own, which is made. */
export function takeLock(path: string): Lock {
  const { openSync, removeSync } = host as LockingHost;
  for (;;) {
    const file = openSync(path, { read: true, write: true, create: true });
    // Whoever finds a file without a lock removes it, perhaps the moment before it has one.
    if (file.tryLockSync(true) && !isFree(path)) {
      return {
        release() {
          removeSync(path);
          file.close();
        },
      };
    }
    file.close();
  }
}

/** Tells whether nobody holds the lock on a file: then it is gone when this returns. */
export function isFree(path: string): boolean {
  const { openSync, removeSync } = host as LockingHost;
  let file: LockableFile;
  try {
    file = openSync(path, { read: true, write: true, create: false });
  } catch (error) {
    if ((error as Error).name === "NotFound") return true;
    throw error;
  }
  const free = file.tryLockSync(true);
  // While it is locked: nobody can take it for theirs in between.
  if (free) removeSync(path);
  file.close();
  return free;
}
