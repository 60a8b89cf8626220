import { checkKeys, checkNumber, fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import type { Batch, Pixels, Stream } from "./dataset.ts";

/** How labels come late, or not at all. */
export interface DelayedOptions {
  /** Batches that come between a batch and its labels; default 0: they come before the next batch. */
  readonly delay?: number;
  /** Share of rows whose labels never come; default 0. */
  readonly missing?: number;
  /** Labels or values of each row in `y`; default 1. */
  readonly targets?: number;
  /** Which labels are missing; default 0. */
  readonly seed?: number;
}

/** What comes at one time: rows to be answered, or the labels of rows that came before. */
export type Arrival =
  | { readonly type: "rows"; readonly index: number; readonly x: Pixels; readonly task?: number }
  | {
      readonly type: "labels";
      /** The number of the batch the rows came in. */
      readonly index: number;
      /** The rows whose labels come, to be learned. */
      readonly batch: Batch;
      /** Their places in the batch they came in. */
      readonly places: Uint32Array;
    };

/**
 * Yields the rows of each batch `t` of a stream as they come, then what batch `t − delay` is to be learned with; at the end, all that is still
 * to come. A batch none of whose labels come is never learned. Where all labels come, its batch is the stream's own.
 * @throws E_CONFIG, E_DATA where a batch is not of whole rows
 */
export function delayed(stream: Stream, options: DelayedOptions = {}): AsyncIterable<Arrival> {
  const where = "streams.delayed";
  checkKeys(where, options, ["delay", "missing", "targets", "seed"]);
  const delay = checkNumber(where, "delay", options.delay ?? 0, { min: 0, integer: true });
  const missing = checkNumber(where, "missing", options.missing ?? 0, { min: 0, max: 1 });
  const targets = checkNumber(where, "targets", options.targets ?? 1, { min: 1, integer: true });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });

  async function* run(): AsyncGenerator<Arrival, void, void> {
    const random = new RandomStream(seed, "stream/delayed");
    const held: Arrival[] = [];
    let index = 0;
    for await (const batch of stream) {
      const count = batch.y.length / targets;
      if (!(Number.isInteger(count) && count > 0 && batch.x.length % count === 0)) {
        fail(
          "E_DATA",
          `${where}: batch ${index} is not of whole rows; expected ${targets} in y for each, got ${batch.x.length} in x and ${batch.y.length} in y`,
        );
      }
      yield { type: "rows", index, x: batch.x, ...(batch.task !== undefined && { task: batch.task }) };
      const places = Uint32Array.from({ length: count }, (_, i) => i).filter(() => random.uniform() >= missing);
      held.push({ type: "labels", index, batch: places.length === count ? batch : partOf(batch, places, count), places });
      if (held.length > delay) yield* labelled(held.shift());
      index += 1;
    }
    for (const late of held) yield* labelled(late);
  }
  return { [Symbol.asyncIterator]: run };
}

function* labelled(arrival: Arrival | undefined): Generator<Arrival, void, void> {
  if (arrival?.type === "labels" && arrival.places.length > 0) yield arrival;
}

/** Returns some of the `count` rows of a batch. */
function partOf(batch: Batch, places: Uint32Array, count: number): Batch {
  const { x, y, task, id, weight } = batch;
  const size = x.length / count;
  const targets = y.length / count;
  const values = x instanceof Uint8Array ? new Uint8Array(places.length * size) : new Float32Array(places.length * size);
  for (const [to, from] of places.entries()) values.set(x.subarray(from * size, (from + 1) * size), to * size);
  return {
    x: values,
    y: Array.from(
      { length: places.length * targets },
      (_, k) => y[(places[Math.floor(k / targets)] as number) * targets + (k % targets)] as number,
    ),
    ...(task !== undefined && { task }),
    ...(id !== undefined && { id: Array.from(places, (place) => id[place] as number) }),
    ...(weight !== undefined && { weight: Float32Array.from(places, (place) => weight[place] as number) }),
  };
}
