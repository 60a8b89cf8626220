import { checkKeys, checkNumber } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { type Batch, type Dataset, readRows } from "./dataset.ts";

/** How a set is visited. */
export interface RecallOptions {
  /** Rows in a batch, copies among them: a multiple of `views`, so that those of a row stay together. The last of an epoch may hold fewer. */
  batchSize: number;
  /** Copies of a row in a visit, and epochs from one to the next. Default 4. */
  views?: number;
  /** Default 1. */
  epochs?: number;
  /** Seed of the orders; default 0. */
  seed?: number;
  /** Task number written on each batch; default none. */
  task?: number;
}

/**
 * Returns the batches of epochs in which each row comes in few, dense visits: of an order that holds for `views` epochs, each epoch takes one part of the
 * rows, `views` times each in place. Over so many epochs every row comes as often as in plain epochs.
 * @throws E_CONFIG
 * @see Kang et al. 2025, arXiv 2503.18371, "Do your best and get enough rest for continual learning";
 * its code's parts may cut a row's copies in two where rows are no multiple of views
 */
export function recall(dataset: Dataset, options: RecallOptions): Iterable<Batch> {
  const where = "streams.recall";
  checkKeys(where, options, ["batchSize", "views", "epochs", "seed", "task"]);
  const views = checkNumber(where, "views", options.views ?? 4, { min: 1, integer: true });
  const batchSize = checkNumber(where, "batchSize", options.batchSize, { min: views, integer: true });
  const epochs = checkNumber(where, "epochs", options.epochs ?? 1, { min: 1, integer: true });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const task = options.task === undefined ? undefined : checkNumber(where, "task", options.task, { min: 0, integer: true });
  const most = Math.floor(batchSize / views);
  const { count } = dataset;

  function* run(): Generator<Batch, void, void> {
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      new RandomStream(seed, `stream/recall/${Math.floor(epoch / views)}`).shuffle(order);
      const part = epoch % views;
      const end = Math.floor(((part + 1) * count) / views);
      for (let first = Math.floor((part * count) / views); first < end; first += most) {
        const rows = order.subarray(first, Math.min(first + most, end));
        const copies = Uint32Array.from({ length: rows.length * views }, (_, i) => rows[Math.floor(i / views)] as number);
        const batch = readRows(dataset, 0, copies.length, copies);
        yield task === undefined ? batch : { ...batch, task };
      }
    }
  }
  return { [Symbol.iterator]: run };
}
