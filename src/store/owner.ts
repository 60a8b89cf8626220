/** Who writes to a store of a browser: each owner holds a lock of its own name, which the browser lets go of when its thread ends. */

/** One who writes, until let go of. */
export interface Owner {
  readonly name: string;
  release(): void;
}

/** Returns a new owner; one without a name where the host has no locks. */
export async function newOwner(): Promise<Owner> {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  if (locks === undefined) return { name: "", release: () => undefined };
  const name = `palimpsest owner ${globalThis.crypto.randomUUID()} ${globalThis.location?.pathname ?? ""}`;
  return new Promise((resolve, reject) => {
    const held = locks.request(name, () => new Promise<void>((release) => resolve({ name, release })));
    held.catch(reject);
  });
}

/** Tells whether an owner still runs; so does a page that the browser has frozen. */
export async function isOwner(name: string): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some((lock) => lock.name === name);
}

/** Runs something that no other thread of the origin runs under the same name meanwhile. */
export function alone<T>(name: string, run: () => Promise<T>): Promise<T> {
  return navigator.locks.request(name, run) as Promise<T>;
}

/** Tells whether only the user removes what the origin keeps; to have it so, a page asks `navigator.storage.persist()`. */
export async function isPersistent(): Promise<boolean> {
  return (await globalThis.navigator?.storage?.persisted?.()) ?? false;
}
