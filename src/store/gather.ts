/** Records that come together are written together. */
import { joined } from "../bytes.ts";

/** When records are committed. */
export interface Grouping {
  readonly strict: boolean;
  readonly groupMs: number;
  readonly groupBytes: number;
}

/** Records that are written together. */
interface Batch {
  readonly records: Uint8Array[];
  bytes: number;
  /** Ends the wait for more of them. */
  hurry: () => void;
  readonly done: Promise<void>;
}

/** Gathers records that come while others are written, or within a time, so that they are written together. */
export class Gatherer {
  readonly #grouping: Grouping;
  readonly #turn: (run: () => Promise<void>) => Promise<void>;
  readonly #store: (records: readonly Uint8Array[]) => Promise<void>;
  #batch: Batch | undefined;

  constructor(
    grouping: Grouping,
    turn: (run: () => Promise<void>) => Promise<void>,
    store: (records: readonly Uint8Array[]) => Promise<void>,
  ) {
    this.#grouping = grouping;
    this.#turn = turn;
    this.#store = store;
  }

  /** Resolves once a record, whose parts are copied, is stored. */
  add(parts: readonly Uint8Array[]): Promise<void> {
    const record = parts.length === 1 ? (parts[0] as Uint8Array).slice() : joined(parts);
    this.#batch ??= this.#begin();
    const batch = this.#batch;
    batch.records.push(record);
    batch.bytes += record.length;
    if (batch.bytes >= this.#grouping.groupBytes) batch.hurry();
    return batch.done;
  }

  /** Lets no more come to those that wait. */
  end(): void {
    this.#batch?.hurry();
    this.#batch = undefined;
  }

  #begin(): Batch {
    const records: Uint8Array[] = [];
    const { strict, groupMs } = this.#grouping;
    let hurry = (): void => undefined;
    const full = new Promise<void>((resolve) => {
      hurry = resolve;
    });
    const done = this.#turn(async () => {
      if (strict && groupMs > 0) await Promise.race([full, new Promise((resolve) => setTimeout(resolve, groupMs))]);
      if (this.#batch?.records === records) this.#batch = undefined;
      await this.#store(records);
    });
    return { records, bytes: 0, hurry, done };
  }
}
