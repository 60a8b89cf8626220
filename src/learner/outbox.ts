/** Batches on their way from a follower to the learner that writes, one at a time, each sent again to every writer that comes until one answers. */
import { describe, fail, PalimpsestError } from "../errors.ts";
import type { Batch } from "../stream/index.ts";
import { type Channel, type HandedStep, type Message, openChannel } from "./channel.ts";
import type { Sender } from "./operation.ts";

/** The batch that waits for an answer. */
interface Waiting {
  readonly message: Message & { readonly kind: "batch" };
  resolve(step: HandedStep): void;
  reject(error: unknown): void;
}

/** A follower's end of the channel, opened with the first batch. */
export class Outbox {
  readonly #follower = randomNumber();
  readonly #id: string;
  readonly #waitMs: number;
  readonly #recorded: (from: Sender) => Promise<HandedStep | undefined>;
  #sequence = 0;
  #channel: Channel | undefined;
  #waiting: Waiting | undefined;
  #turns: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** `recorded` looks into the store called `id`, and tells the step after a batch that it holds. */
  constructor(id: string, waitMs: number, recorded: (from: Sender) => Promise<HandedStep | undefined>) {
    this.#id = id;
    this.#waitMs = waitMs;
    this.#recorded = recorded;
  }

  /** Hands a batch over, after those before it. @throws what the writer's `observe` throws; E_STATE where no writer answers in time */
  async hand(batch: Batch): Promise<HandedStep> {
    const own = ownBatch(batch);
    const turn = this.#turns.then(() => this.#send(own));
    this.#turns = turn.catch(() => {});
    return turn;
  }

  async #send(batch: Batch): Promise<HandedStep> {
    if (this.#closed) throw closed();
    this.#channel ??= openChannel("observe", this.#id, (message) => this.#hear(message));
    const from: Sender = { follower: this.#follower, sequence: ++this.#sequence };
    const message = { kind: "batch", from, batch } as const;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting = { message, resolve, reject };
        timer = setTimeout(() => this.#giveUp(from).then(resolve, reject), this.#waitMs);
        this.#channel?.say(message).catch(reject);
      });
    } catch (cause) {
      if (cause instanceof PalimpsestError) throw cause;
      // What cannot be sent is a DataCloneError, in Deno a TypeError.
      return fail("E_DATA", "observe: the batch cannot be sent; expected typed arrays and numbers, got something else", { cause });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  #hear(message: Message): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const { follower, sequence } = waiting.message.from;
    if (message.kind === "leads") this.#channel?.say(waiting.message);
    else if (message.from.follower !== follower || message.from.sequence !== sequence) return;
    else if (message.kind === "done") waiting.resolve(message.result);
    else if (message.kind === "refused") {
      const { code, message: text, hint } = message.error;
      waiting.reject(new PalimpsestError(code, text, { hint }));
    }
  }

  /** A writer may have recorded the batch and ended before it could say so. */
  async #giveUp(from: Sender): Promise<HandedStep> {
    const step = await this.#recorded(from);
    if (step !== undefined) return step;
    return fail("E_STATE", `observe: no writer took the batch; expected an answer within ${this.#waitMs} ms, got none`, {
      hint: "It is not learned, unless a writer that is frozen goes on. Call lead() on the learner that writes: in another tab or thread, since other processes cannot be reached. Where nobody writes, open the store with Learner.open.",
      context: { waitMs: this.#waitMs },
    });
  }

  /** What waits for an answer fails with E_STATE. */
  close(): void {
    this.#closed = true;
    this.#waiting?.reject(closed());
    this.#channel?.close();
  }
}

/** Copies what is sent: a view would take all of its buffer with it, and another batch may be written there before it is sent again. */
function ownBatch(batch: Batch): Batch {
  if (typeof batch !== "object" || batch === null) fail("E_DATA", `observe: not a batch; expected { x, y }, got ${describe(batch)}`);
  const own = <T>(values: T): T => (ArrayBuffer.isView(values) ? (values as unknown as Uint8Array).slice() : values) as T;
  const { x, y, id, weight, task } = batch;
  const sent = { x: own(x), y: own(y), id: own(id), weight: own(weight), task };
  return Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined)) as unknown as Batch;
}

function randomNumber(): number {
  const [high = 0, low = 0] = globalThis.crypto.getRandomValues(new Uint32Array(2));
  return (high >>> 11) * 2 ** 32 + low;
}

function closed(): PalimpsestError {
  return new PalimpsestError("E_STATE", "observe: the follower is closed; expected an open one, got a call before the answer");
}
