import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { ln } from "../natural.ts";
import type { Detector, Numbers } from "./host.ts";
import { checkScalar, type Watched } from "./scalar.ts";

/** Options of {@link adwin}. */
export interface AdwinOptions {
  /** δ, the confidence: smaller cuts less often by mistake. Default 0.002. */
  readonly delta?: number;
  /** Buckets of each size; of one more, the two oldest become one of twice the size. Default 5. */
  readonly buckets?: number;
  /** Values between looks for a cut. Default 32. */
  readonly clock?: number;
  /** The least values on either side of a cut. Default 5. */
  readonly minimum?: number;
  /** The window is looked at only where it has more values than this. Default 10. */
  readonly grace?: number;
  /** Sizes of buckets, 1, 2, 4 …; beyond the largest the oldest values are forgotten. Default 32, which is never reached. */
  readonly rows?: number;
  /** Default "error"; other values should be of about the range 0 … 1. */
  readonly watches?: Watched;
}

/** Buckets of each size, oldest first: sums of values and of squared distances from the bucket's mean; their number; values told since a look. */
interface Histogram {
  readonly sums: Float64Array;
  readonly squares: Float64Array;
  readonly held: Float64Array;
  readonly time: Float64Array;
}

/**
 * Returns ADWIN: a window whose oldest bucket is dropped while two parts of it have means that differ by more than {@link cutThreshold}. A drift
 * is told at looks alone, and the newer part of the window stays. Every cut between two buckets is tried, from the oldest.
 * O(log window) numbers.
 * @throws E_CONFIG
 * @see Bifet and Gavaldà 2007, "Learning from time-changing data with adaptive windowing", ADWIN2; scikit-multiflow, drift_detection/adwin.py
 */
export function adwin(options: AdwinOptions = {}): Detector {
  const where = "detectors.adwin";
  checkKeys(where, options, ["delta", "buckets", "clock", "minimum", "grace", "rows", "watches"]);
  const delta = checkNumber(where, "delta", options.delta ?? 0.002, { min: 0, max: 1, open: "both" });
  const buckets = checkNumber(where, "buckets", options.buckets ?? 5, { min: 1, max: 1024, integer: true });
  const clock = checkNumber(where, "clock", options.clock ?? 32, { min: 1, integer: true });
  const minimum = checkNumber(where, "minimum", options.minimum ?? 5, { min: 1, integer: true });
  const grace = checkNumber(where, "grace", options.grace ?? 10, { min: 1, integer: true });
  const rows = checkNumber(where, "rows", options.rows ?? 32, { min: 1, max: 48, integer: true });
  const watches = checkChoice(where, "watches", options.watches ?? "error", ["loss", "error"]);
  const places = buckets + 1;

  const shift = ({ sums, squares, held }: Histogram, row: number, by: number) => {
    const start = row * places;
    for (const values of [sums, squares]) values.copyWithin(start, start + by, start + places).fill(0, start + places - by, start + places);
    held[row] = (held[row] as number) - by;
  };
  const add = ({ sums, squares, held }: Histogram, row: number, sum: number, square: number) => {
    const place = row * places + (held[row] as number);
    [sums[place], squares[place]] = [sum, square];
    held[row] = (held[row] as number) + 1;
  };
  const insert = (histogram: Histogram, value: number) => {
    add(histogram, 0, value, 0);
    const { sums, squares, held } = histogram;
    for (let row = 0, size = 1; held[row] === places; row++, size *= 2) {
      if (row + 1 === rows) return shift(histogram, row, 1);
      const at = row * places;
      const [a, b] = sums.subarray(at, at + 2) as unknown as [number, number];
      const apart = (a - b) / size;
      add(histogram, row + 1, a + b, (squares[at] as number) + (squares[at + 1] as number) + (apart * apart * size) / 2);
      shift(histogram, row, 2);
    }
  };
  const dropOldest = (histogram: Histogram) => {
    const row = histogram.held.findLastIndex((held) => held > 0);
    shift(histogram, row, 1);
  };
  /** Whether the window is to be cut. Its sums are taken anew each time: differences of a running sum would keep what large values rounded away. */
  const differs = ({ sums, squares, held }: Histogram) => {
    const list: { size: number; sum: number }[] = [];
    let [count, total, square] = [0, 0, 0];
    for (let row = rows - 1, size = 2 ** row; row >= 0; row--, size /= 2) {
      for (let place = row * places; place < row * places + (held[row] as number); place++) {
        const sum = sums[place] as number;
        const apart = count === 0 ? 0 : total / count - sum / size;
        square += (squares[place] as number) + (apart * apart * count * size) / (count + size);
        count += size;
        total += sum;
        list.push({ size, sum });
      }
    }
    if (count <= grace) return false;
    let [older, olderTotal] = [0, 0];
    return list.some(({ size, sum }) => {
      older += size;
      olderTotal += sum;
      const newer = count - older;
      if (older < minimum || newer < minimum) return false;
      const apart = Math.abs(olderTotal / older - (total - olderTotal) / newer);
      return apart > cutThreshold(older, newer, square / count, delta, minimum);
    });
  };
  return {
    name: "adwin",
    config: { delta, buckets, clock, minimum, grace, rows, watches },
    numbers: { sums: rows * places, squares: rows * places, held: rows, time: 1 },
    watches,
    push(numbers: Numbers, value: number) {
      checkScalar(where, value);
      const histogram = numbers as unknown as Histogram;
      insert(histogram, value);
      histogram.time[0] = ((histogram.time[0] as number) + 1) % clock;
      if (histogram.time[0] !== 0) return undefined;
      let cut = false;
      for (; differs(histogram); cut = true) dropOldest(histogram);
      return cut ? "drift" : undefined;
    },
  };
}

/**
 * Returns ε, by which the means of the `older` and `newer` values of a window must differ for a cut: √(2·m·σ²·d) + ⅔·m·d with d = ln(2·ln(W)/δ),
 * m = 1/(n₀ − minimum + 1) + 1/(n₁ − minimum + 1) and W = n₀ + n₁, for the variance σ² of the window.
 */
export function cutThreshold(older: number, newer: number, variance: number, delta: number, minimum = 5): number {
  const d = ln((2 * ln(older + newer)) / delta);
  const m = 1 / (older - minimum + 1) + 1 / (newer - minimum + 1);
  return Math.sqrt(2 * m * variance * d) + (2 / 3) * m * d;
}
