/** The learner that writes to a store hears those that follow it. */
import { isError, PalimpsestError } from "../errors.ts";
import type { Batch } from "../stream/index.ts";
import { type Channel, type HandedStep, openChannel } from "./channel.ts";
import type { Sender } from "./operation.ts";

/** Learns a batch in its turn, unless it was learned before. */
type Learn = (batch: Batch, from: Sender) => Promise<HandedStep>;

/** The writer's end of the channel. */
export class Leader {
  readonly #channel: Channel;
  readonly #learn: Learn;

  /** @throws E_UNSUPPORTED where there is no channel */
  constructor(id: string, learn: Learn) {
    this.#learn = learn;
    this.#channel = openChannel("lead", id, (message) => {
      if (message.kind === "batch") this.#answer(message.batch, message.from);
    });
    // Whoever waits for a writer sends again what it waits with.
    this.#channel.say({ kind: "leads" });
  }

  async #answer(batch: Batch, from: Sender): Promise<void> {
    try {
      this.#channel.say({ kind: "done", from, result: await this.#learn(batch, from) });
    } catch (error) {
      // One that is closed, or has lost the store, leaves the answer to the next.
      if (isError(error, "E_STATE", "E_LOCKED")) return this.close();
      const { code, message, hint } = error instanceof PalimpsestError ? error : new PalimpsestError("E_STATE", `observe: ${error}`);
      this.#channel.say({ kind: "refused", from, error: { code, message, hint } });
    }
  }

  close(): void {
    this.#channel.close();
  }
}
