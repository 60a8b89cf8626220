/** How a store gets its one writer. */
import { fail, isError, type PalimpsestError } from "../errors.ts";
import { segmentOf, tailOf } from "./contents.ts";
import type { Extent } from "./frame.ts";
import {
  encodeSlot,
  epochOf,
  type Find,
  findHead,
  fresh,
  type Generation,
  type Head,
  headName,
  madeIn,
  segmentsOf,
  slotBytes,
  steadily,
} from "./head.ts";
import type { Storage } from "./storage.ts";

/** What a claim may do about an owner that still runs. */
export interface ClaimOptions {
  /** How long to wait for it to close, in milliseconds. Default 0. */
  readonly waitMs?: number;
  /** Whether to take the store from it: what it has not committed is lost to it, and its next commit fails. Default false. */
  readonly steal?: boolean;
}

const POLL_MS = 50;

/**
 * Makes the owner of `storage` its writer, and returns the head it goes on from, whose next slot is the first.
 * @throws E_LOCKED while another writes; E_CORRUPT; E_VERSION
 */
export async function claim(
  storage: Storage,
  { waitMs = 0, steal = false }: ClaimOptions,
  find: Find = findHead,
): Promise<{ head: Head; damage: readonly string[] }> {
  const since = new Date().toISOString();
  let before = 0;
  for (let waited = 0; ; waited += POLL_MS) {
    const { top, owner, since: begun, torn, damage } = await steadily(storage, find);
    // Where making a file and writing it are two steps, another may be between them.
    const coming = torn && top !== before;
    before = top;
    const free = steal || (!coming && (owner === "" || !(await storage.alive(owner))));
    const epoch = top + 1;
    const slot = new Uint8Array(slotBytes);
    slot.set(encodeSlot({ store: "", epoch, sequence: 0, owner: storage.owner, since, generations: [] }));
    try {
      if (free && (await storage.create(headName(epoch), slot))) return { head: await takeOver(storage, epoch, since, find), damage };
      locked(storage, free ? "another that came first" : owner, free ? undefined : begun);
    } catch (error) {
      if (!isError(error, "E_LOCKED") || (waited >= waitMs && !coming)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** From the claim on, whoever wrote before acknowledges nothing more, so what is read now is the last. */
async function takeOver(storage: Storage, epoch: number, since: string, find: Find): Promise<Head> {
  const file = headName(epoch);
  let head: Head;
  try {
    const { head: last } = await find(storage, epoch);
    const store = last?.store ?? randomName();
    const generations = last === undefined ? fresh : await settle(storage, store, last.generations, `${epoch}.0`);
    head = { store, epoch, sequence: (last?.sequence ?? 0) + 1, owner: storage.owner, since, generations };
    await storage.write(file, slotBytes, encodeSlot(head));
    await storage.flush(file);
    await checkFence(storage, epoch);
  } catch (error) {
    // What fails may do so for want of what a later owner has removed.
    const reason = await checkFence(storage, epoch).then(
      () => error,
      (fence: unknown) => fence,
    );
    await storage.remove(file).catch(() => undefined);
    throw reason;
  }
  const needed = new Set([file, ...segmentsOf(head)]);
  // What is of a later epoch is of one who claims the store by now.
  const ours = (await storage.list()).filter((name) => madeIn(name) > 0 && madeIn(name) <= epoch);
  // Heads first: a crash in between leaves segments that nobody speaks of, which is well.
  for (const name of ours.filter((other) => !needed.has(other)).sort((a, b) => epochOf(b) - epochOf(a)))
    await storage.remove(name).catch((error: PalimpsestError) => {
      // A browser keeps the files of a thread that was stolen from as long as it runs; the head above them makes them harmless.
      if (error.code !== "E_LOCKED") throw error;
    });
  return head;
}

/**
 * Takes in what was written and not committed. It may lie in the page cache alone, and a flush that failed may have left it there for good as
 * if it were on the device; so it is written anew.
 */
async function settle(storage: Storage, store: string, generations: readonly Generation[], file: string): Promise<readonly Generation[]> {
  const last = generations.at(-1) as Generation;
  const tail = last.journal.length === 0 ? [] : await tailOf(storage, last.journal.at(-1) as Extent);
  if (tail.length === 0) return generations;
  const { bytes, extent } = segmentOf({ store, file }, tail);
  // A claim of the same epoch may have come as far as this and been lost.
  await storage.remove(file);
  await storage.create(file, bytes);
  await storage.flush(file);
  return [...generations.slice(0, -1), { ...last, journal: [...last.journal, extent] }];
}

/** Refuses to go on once another has claimed the store. @throws E_LOCKED */
export async function checkFence(storage: Storage, epoch: number): Promise<void> {
  const files = await storage.list();
  if (files.includes(headName(epoch)) && !files.some((file) => epochOf(file) > epoch)) return;
  const { owner, since } = await findHead(storage).catch(() => ({ owner: "", since: undefined }));
  locked(storage, owner === storage.owner || owner === "" ? "an owner that took it over" : owner, since);
}

function locked(storage: Storage, owner: string, since?: string): never {
  const when = since === undefined ? "" : `, since ${since}`;
  fail("E_LOCKED", `${storage.name}: another owner writes here; expected to be the only one, got ${owner}${when}`, {
    hint: "Wait for it with waitMs, take the store from it with steal, or follow it: Follower.open reads along and hands batches over.",
    context: { store: storage.name, owner, since },
  });
}

function randomName(): string {
  return [...globalThis.crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
