/** What heads in closed form gather: how many rows each class had, their sums, and sums of products; sums, so that rows can be taken out again. */
import { fail } from "../errors.ts";
import type { Linear } from "../wasm/linear.ts";
import type { Facts, HostFold, Numbers, Seen } from "./host.ts";

/** Rows as they are taken in or out. */
export type Rows = Pick<Seen, "count" | "labels" | "rows">;

/** Returns the dims of `counts` [classes] and `sums` [classes × features]. @throws E_CONFIG where targets are values */
export function classSums(where: string, facts: Facts): { counts: readonly ["classes"]; sums: readonly ["classes", number] } {
  if (facts.targets !== "labels") {
    fail("E_CONFIG", `${where}: a head over classes cannot answer values; expected targets that are labels, got values`, {
      hint: "Leave this strategy out, or give the learner a classifier.",
    });
  }
  return { counts: ["classes"], sums: ["classes", facts.features] };
}

/** Returns one of the arrays. */
export function array(numbers: Numbers, name: string): Float64Array {
  return numbers[name] as Float64Array;
}

/** Returns how many rows were taken in. */
export function rowsIn(numbers: Numbers): number {
  return array(numbers, "counts").reduce((sum, n) => sum + n, 0);
}

/** Returns the features [count × features] of rows. */
export function featuresOf({ rows }: Rows): Float32Array {
  return rows.features as Float32Array;
}

/**
 * Returns a fold that takes rows in (sign 1) and out (sign −1) by one function, once `counts` tells that what is to be taken out was there.
 */
export function additive(
  where: string,
  numbers: HostFold["numbers"],
  add: (numbers: Numbers, rows: Rows, sign: 1 | -1, services: Parameters<HostFold["push"]>[2]) => void,
): HostFold {
  return {
    numbers,
    reads: ["features"],
    push(own, seen, services) {
      add(own, seen, 1, services);
      return undefined;
    },
    remove(own, rows, services) {
      checkHeld(where, array(own, "counts"), rows);
      add(own, rows, -1, services);
      // No trace is left of what is gone, not even the rounding of its sums.
      if (rowsIn(own) === 0) for (const values of Object.values(own)) values.fill(0);
    },
  };
}

/** Adds rows to, or takes them from, `counts` and `sums`. */
export function addRows(numbers: Numbers, { count, labels }: Rows, features: ArrayLike<number>, size: number, sign: 1 | -1): void {
  const counts = array(numbers, "counts");
  const sums = array(numbers, "sums");
  for (let row = 0; row < count; row++) {
    const c = labels[row] as number;
    counts[c] = (counts[c] as number) + sign;
    if (counts[c] === 0) sums.fill(0, c * size, (c + 1) * size);
    else addScaled(sums, c * size, features, row * size, size, sign);
  }
}

/** Adds `scale` times a vector to another. */
export function addScaled(to: Float64Array, at: number, from: ArrayLike<number>, first: number, size: number, scale: number): void {
  for (let i = 0; i < size; i++) to[at + i] = (to[at + i] as number) + scale * (from[first + i] as number);
}

/** Adds `scale`·xxᵀ to the upper triangle of a matrix [size × size] at `at`; x begins at `first`. */
export function addOuter(to: Float64Array, at: number, x: ArrayLike<number>, first: number, size: number, scale: number): void {
  for (let i = 0; i < size; i++) {
    const factor = scale * (x[first + i] as number);
    // Half of all features after a ReLU.
    if (factor === 0) continue;
    const row = at + i * size;
    for (let j = i; j < size; j++) to[row + j] = (to[row + j] as number) + factor * (x[first + j] as number);
  }
}

/** Returns the symmetric matrix [size × size] whose upper triangle is at `at`. */
export function symmetric(upper: Float64Array, size: number, at = 0): Float64Array {
  const whole = upper.slice(at, at + size * size);
  for (let i = 1; i < size; i++) for (let j = 0; j < i; j++) whole[i * size + j] = whole[j * size + i] as number;
  return whole;
}

/** Returns the mean of each class [classes × size], 0 for one without rows. */
export function classMeans(numbers: Numbers, size: number): Float64Array {
  const counts = array(numbers, "counts");
  return array(numbers, "sums").map((sum, i) => sum / Math.max(1, counts[Math.floor(i / size)] as number));
}

/** Returns B [columns × rows] of A [rows × columns]. */
export function transpose(a: Float64Array, rows: number, columns: number): Float64Array {
  return a.map((_, i) => a[(i % rows) * columns + Math.floor(i / rows)] as number);
}

/** Returns features·W + b [rows × classes] for weights [size × classes], −∞ for classes without rows. */
export function linearScores(
  features: Float64Array,
  rows: number,
  size: number,
  { counts, weights, bias }: { readonly counts: Float64Array; readonly weights: Float64Array; readonly bias?: Float64Array },
  linear: Linear,
): Float64Array {
  const classes = counts.length;
  return linear
    .multiply(features, weights, rows, size, classes)
    .map((score, i) => (counts[i % classes] === 0 ? Number.NEGATIVE_INFINITY : score + (bias?.[i % classes] ?? 0)));
}

/**
 * Returns what two devices gathered together, where each array is a sum over rows: `ncm`, `slda` (not with its legacy option), `lda`, `fecam`,
 * `ranpac` and `ridge`, of the same options and from the same model.
 * @throws E_MISMATCH where arrays differ
 */
export function mergeNumbers(a: Numbers, b: Numbers): Numbers {
  const names = Object.keys(a);
  const wrong = [...names, ...Object.keys(b)].find((name) => a[name]?.length !== b[name]?.length);
  if (wrong !== undefined) {
    fail(
      "E_MISMATCH",
      `mergeNumbers: "${wrong}" differs; expected ${a[wrong]?.length ?? "none"} numbers, got ${b[wrong]?.length ?? "none"}`,
      {
        hint: "Merge what the same strategy gathered, for as many classes.",
      },
    );
  }
  return Object.fromEntries(names.map((name) => [name, array(a, name).map((value, i) => value + (array(b, name)[i] as number))]));
}

function checkHeld(where: string, counts: Float64Array, { count, labels }: Rows): void {
  const left = Float64Array.from(counts);
  for (let row = 0; row < count; row++) {
    const c = labels[row] as number;
    left[c] = (left[c] ?? 0) - 1;
    if ((left[c] ?? -1) >= 0) continue;
    fail("E_DATA", `${where}: row ${row} was never taken in; expected at most ${counts[c] ?? 0} rows of class ${c}, got more`, {
      hint: "Remove only rows that were learned, and each once.",
      context: { row, label: c },
    });
  }
}
