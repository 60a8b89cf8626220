/** Which batches of followers a store holds, so that one that is handed over again is not learned again. */
import { fail } from "../errors.ts";
import type { Operation, Sender } from "./operation.ts";

/** The part of a snapshot that tells it. */
const PART = "followers";

/**
 * Followers that are remembered, those that handed over last. A follower hands over one batch at a time, so the last one is all there is to know
 * of it. Only one that was frozen while this many others came could have a batch learned twice.
 */
const MOST = 256;

/** The last batch that was recorded of each follower. */
export class Handed {
  readonly #last: Map<number, number>;

  constructor(last: Iterable<readonly [follower: number, sequence: number]> = []) {
    this.#last = new Map(last);
  }

  /** Returns what the parts of a snapshot tell. @throws E_CORRUPT */
  static of(parts: ReadonlyMap<string, Uint8Array>, where: string): Handed {
    const bytes = parts.get(PART);
    return new Handed(bytes === undefined ? [] : pairsIn(new TextDecoder().decode(bytes), where));
  }

  /** Notes a change that was recorded. */
  note(operation: Operation): void {
    if (operation.kind !== "observe" || operation.from === undefined) return;
    const { follower, sequence } = operation.from;
    this.#last.delete(follower);
    this.#last.set(follower, sequence);
    if (this.#last.size > MOST) this.#last.delete(this.#last.keys().next().value as number);
  }

  /** Tells whether a batch was recorded. */
  has({ follower, sequence }: Sender): boolean {
    return (this.#last.get(follower) ?? 0) >= sequence;
  }

  /** Returns the parts of a snapshot. */
  parts(): [name: string, bytes: Uint8Array][] {
    if (this.#last.size === 0) return [];
    return [[PART, new TextEncoder().encode(JSON.stringify([...this.#last]))]];
  }
}

function pairsIn(text: string, where: string): [number, number][] {
  const isPair = (pair: unknown): boolean => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger);
  try {
    const pairs = JSON.parse(text);
    if (Array.isArray(pairs) && pairs.every(isPair)) return pairs;
  } catch {}
  return fail("E_CORRUPT", `${where}: part "${PART}" of the snapshot is damaged; expected pairs of numbers, got ${text.slice(0, 40)}`);
}
