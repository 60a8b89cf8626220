import { checkKeys, checkNumber } from "../errors.ts";
import { RandomStream } from "../random.ts";
import type { Batch, Dataset } from "./dataset.ts";
import { readRows } from "./dataset.ts";

/** How a data set is cut into batches. */
export interface BatchesOptions {
  /** Rows in a batch; the last of an epoch may hold fewer. */
  batchSize: number;
  /** Passes over the set; default 1. */
  epochs?: number;
  /** Whether each epoch has an order of its own; default true. */
  shuffle?: boolean;
  /** Seed of the orders; default 0. */
  seed?: number;
  /** Batches to leave out at the start, as when a run is resumed; default 0. */
  skip?: number;
  /** Task number written on each batch; default none. */
  task?: number;
}

/**
 * Returns the batches of a set, the same ones each time it is iterated. The order of an epoch depends on the seed and
 * the epoch's number alone, so batch `k` is the same whether or not the batches before it were read.
 * @throws E_CONFIG
 */
export function batches(dataset: Dataset, options: BatchesOptions): Iterable<Batch> {
  checkKeys("streams.batches", options, ["batchSize", "epochs", "shuffle", "seed", "skip", "task"]);
  const { batchSize, epochs = 1, shuffle = true, seed = 0, skip = 0, task } = options;
  const perEpoch = batchCount(dataset, { batchSize, epochs: 1 });
  const last = batchCount(dataset, { batchSize, epochs });
  checkNumber("streams.batches", "seed", seed, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  checkNumber("streams.batches", "skip", skip, { min: 0, integer: true });
  if (task !== undefined) checkNumber("streams.batches", "task", task, { min: 0, integer: true });

  function* run(): Generator<Batch, void, void> {
    let order: Uint32Array | undefined;
    for (let number = skip; number < last; number++) {
      const start = (number % perEpoch) * batchSize;
      if (shuffle && (start === 0 || order === undefined)) order = epochOrder(dataset.count, seed, Math.floor(number / perEpoch));
      const batch = readRows(dataset, start, Math.min(start + batchSize, dataset.count), order);
      yield task === undefined ? batch : { ...batch, task };
    }
  }
  return { [Symbol.iterator]: run };
}

/**
 * Returns how many batches {@link batches} yields without `skip`.
 * @throws E_CONFIG
 */
export function batchCount(dataset: Dataset, options: Pick<BatchesOptions, "batchSize" | "epochs">): number {
  const batchSize = checkNumber("streams.batches", "batchSize", options.batchSize, { min: 1, integer: true });
  const epochs = checkNumber("streams.batches", "epochs", options.epochs ?? 1, { min: 1, integer: true });
  return Math.ceil(dataset.count / batchSize) * epochs;
}

function epochOrder(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  return new RandomStream(seed, `stream/shuffle/${epoch}`).shuffle(order);
}
