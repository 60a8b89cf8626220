import { fail, type PalimpsestError } from "../errors.ts";
import { checkFence } from "./claim.ts";
import { encodeSlot, type Generation, type Head, headName, segmentsOf, slotBytes } from "./head.ts";
import { failureOf } from "./pause.ts";
import type { Storage } from "./storage.ts";

/** A head on its way to the device. */
interface Pending {
  readonly head: Head;
  /** Resolves once it is there, or to why it is not. */
  readonly flushed: Promise<unknown>;
  readonly done: (failure?: unknown) => void;
}

/** What was committed last, and the one way to commit more: the other slot, flushed, and a look whether the store is still ours. */
export class Ledger {
  readonly storage: Storage;
  /** As it was last committed. */
  head: Head;
  /** Why nothing more can be written. */
  over: PalimpsestError | undefined;
  /** The slot of the next head. */
  #slot: 0 | 1 = 0;
  /** Whether a write to that slot failed: it may speak of garbage, and count. */
  #torn = false;
  #pending: Pending | undefined;
  /** Segments that the head does not speak of. */
  #garbage: string[] = [];
  /** Number 0 is what a claim takes over. */
  #nextSegment = 1;
  #turns: Promise<unknown> = Promise.resolve();

  constructor(storage: Storage, head: Head) {
    this.storage = storage;
    this.head = head;
  }

  /** Runs calls one at a time, in the order in which they were made; `beside` a head on its way, or once that has come to its end. */
  turn<T>(run: () => Promise<T>, beside = false): Promise<T> {
    const turn = this.#turns.then(async () => {
      if (!beside) await this.settle();
      if (this.over !== undefined) throw this.over;
      try {
        return await run();
      } catch (error) {
        throw await this.explained(error);
      }
    });
    this.#turns = turn.catch(() => undefined);
    return turn;
  }

  /** What fails may do so for want of what another owner has removed. */
  async explained(error: unknown): Promise<unknown> {
    const reason = await checkFence(this.storage, this.head.epoch).then(
      () => error,
      (fence: unknown) => fence,
    );
    if ((reason as PalimpsestError).code !== "E_LOCKED") return error;
    this.over = reason as PalimpsestError;
    return reason;
  }

  async create(file: string, bytes: Uint8Array): Promise<void> {
    if (await this.storage.create(file, bytes)) return;
    fail("E_STATE", `${this.storage.name}/${file}: someone else made this segment; expected none, got a file`);
  }

  /** Commits a head that differs from the last. */
  async put(changes: Partial<Head>): Promise<void> {
    let failure: unknown;
    await this.start(changes, (error) => {
      failure = error;
    });
    await this.settle();
    if (failure !== undefined) throw failure;
  }

  /** Sends a head on its way to the device, where none is; {@link settle} sees to its end, and `done` is called then. */
  async start(changes: Partial<Head>, done: Pending["done"]): Promise<void> {
    const head: Head = { ...this.head, ...changes, sequence: this.head.sequence + 1 };
    const file = headName(this.head.epoch);
    this.#torn = true;
    await this.storage.write(file, this.#slot * slotBytes, encodeSlot(head));
    this.#pending = { head, flushed: failureOf(this.storage.flush(file)), done };
  }

  /** Resolves when a head on its way has come to its end, as far as the device is concerned. */
  async arrived(): Promise<void> {
    await this.#pending?.flushed;
  }

  /** Takes a head that was on its way for the last, if it is on the device and the store still ours. */
  async settle(): Promise<void> {
    const pending = this.#pending;
    if (pending === undefined) return;
    try {
      const failure = await pending.flushed;
      if (failure !== undefined) throw failure;
      await checkFence(this.storage, this.head.epoch);
    } catch (error) {
      this.#pending = undefined;
      pending.done(await this.explained(error));
      return;
    }
    this.#pending = undefined;
    this.#torn = false;
    this.head = pending.head;
    this.#slot = this.#slot === 0 ? 1 : 0;
    pending.done();
    await this.#sweep().catch(() => undefined);
  }

  /** Commits other generations, and removes the segments they no longer need. */
  async replace(generations: readonly Generation[]): Promise<void> {
    const before = segmentsOf(this.head);
    await this.put({ generations });
    this.#discard(before);
    await this.#sweep();
  }

  /** Has the segments that `run` makes removed when it fails. */
  async making(made: readonly string[], run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#discard(made);
      this.turn(async () => (this.#torn ? undefined : this.#sweep())).catch(() => undefined);
      throw error;
    }
  }

  #discard(files: readonly string[]): void {
    const needed = new Set(segmentsOf(this.head));
    this.#garbage.push(...files.filter((file) => !needed.has(file)));
  }

  async #sweep(): Promise<void> {
    for (let file = this.#garbage.at(-1); file !== undefined; file = this.#garbage.at(-1)) {
      await this.storage.remove(file);
      this.#garbage.pop();
    }
  }

  last(): Generation {
    return this.head.generations.at(-1) as Generation;
  }

  newName(): string {
    return `${this.head.epoch}.${this.#nextSegment++}`;
  }
}
