import { checkKeys, checkNumber, fail } from "../errors.ts";
import { power } from "../natural.ts";
import { RandomStream } from "../random.ts";
import { checkOrder, rowsByClass } from "./classes.ts";
import { type Dataset, select } from "./dataset.ts";

/** How {@link longTailed} thins out. */
export interface LongTailedOptions {
  /** Rows of the last class for each row of the first, above 0 and at most 1. */
  readonly ratio: number;
  /** The classes from the most frequent on; default 0, 1, 2 … */
  readonly order?: readonly number[];
  /** Which rows are kept; default 0. */
  readonly seed?: number;
}

/**
 * Returns the rows of a set of which the classes, in order, keep exponentially fewer: class `i` of C keeps ⌊n·ratio^(i/(C−1))⌋ rows, at least
 * one and at most those it has, n the count of the largest. Rows stay in the order of the set.
 * @throws E_CONFIG, E_DATA where a class has no rows
 * @see Cui et al. 2019, "Class-balanced loss based on effective number of samples", section 5.1
 */
export function longTailed(dataset: Dataset, options: LongTailedOptions): Dataset {
  const where = "streams.longTailed";
  checkKeys(where, options, ["ratio", "order", "seed"]);
  const ratio = checkNumber(where, "ratio", options.ratio, { min: 0, max: 1, open: "min" });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const order = checkOrder(where, options.order, dataset.classes);
  const rows = rowsByClass(dataset);
  const largest = rows.reduce((most, { length }) => Math.max(most, length), 0);
  const kept = order.flatMap((label, i) => {
    const own = rows[label] as number[];
    if (own.length === 0) fail("E_DATA", `${dataset.name}: a class has no rows; expected some of each class, got none of ${label}`);
    const share = order.length === 1 ? 1 : power(ratio, i / (order.length - 1));
    // What should be a whole number may come out a rounding below.
    const count = Math.max(1, Math.min(own.length, Math.floor(largest * share + 1e-9)));
    return new RandomStream(seed, `stream/longtailed/${label}`).shuffle([...own]).slice(0, count);
  });
  return select(
    dataset,
    kept.sort((a, b) => a - b),
    `${dataset.name}: long-tailed`,
  );
}
