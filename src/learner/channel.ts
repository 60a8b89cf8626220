/** What followers of a store and the learner that writes to it say to each other, in all tabs of an origin and all threads of a program. */
import { type ErrorCode, fail } from "../errors.ts";
import type { Batch } from "../stream/index.ts";
import type { StepResult } from "./events.ts";
import type { Sender } from "./operation.ts";

/** What one step did; `step` alone where the writer that did it ended before it could tell. */
export type HandedStep = Pick<StepResult, "step"> & Partial<StepResult>;

/** All that is ever said. */
export type Message =
  /** A learner hears followers from now on. */
  | { readonly kind: "leads" }
  | { readonly kind: "batch"; readonly from: Sender; readonly batch: Batch }
  | { readonly kind: "done"; readonly from: Sender; readonly result: HandedStep }
  | { readonly kind: "refused"; readonly from: Sender; readonly error: Refusal };

/** An error as it can be sent. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** One end of the channel. */
export interface Channel {
  /** Sends after what was said before. @throws what the host does where a message cannot be copied */
  say(message: Message): Promise<void>;
  /** Hears nothing more; what was said is sent. */
  close(): void;
}

/**
 * Deno ends its subscription a turn after the last channel of a program was closed, and with it that of any opened meanwhile, which then hears no
 * other thread and throws when it is to send. A channel waits for that, and one that has lost its subscription (to channels that are not ours)
 * takes another.
 */
const SETTLE_MS = 20;
let settled: Promise<unknown> = Promise.resolve();

/** Returns the channel of the store called `id`. Until it is closed, Deno does not end; Node and Bun do. @throws E_UNSUPPORTED where the host has none */
export function openChannel(call: string, id: string, hear: (message: Message) => void): Channel {
  if (globalThis.BroadcastChannel === undefined)
    fail("E_UNSUPPORTED", `${call}: this host cannot send batches; expected BroadcastChannel, got nothing`, {
      hint: "Use a browser, Node 18, Deno, Bun, or later ones.",
    });
  let open = true;
  let channel: BroadcastChannel | undefined;
  const subscribe = (): void => {
    const before = channel;
    channel = new BroadcastChannel(`palimpsest ${id}`);
    channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (open) hear(data);
    };
    (channel as { unref?: () => void }).unref?.();
    before?.close();
  };
  let turns: Promise<unknown> = settled.then(subscribe);
  return {
    say(message) {
      if (!open) return Promise.resolve();
      const said = turns.then(() => {
        try {
          channel?.postMessage(message);
        } catch {
          subscribe();
          channel?.postMessage(message);
        }
      });
      turns = said.catch(() => {});
      return said;
    },
    close() {
      open = false;
      settled = turns.then(() => {
        channel?.close();
        return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      });
    },
  };
}
