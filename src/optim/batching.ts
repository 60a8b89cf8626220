/** Batch sizes that follow the gradients' noise, and groups within a batch. */
import { checkChoice, checkKeys, checkNumber, checkState, fail } from "../errors.ts";
import { observed } from "./controller.ts";

export { type Multigrid, type MultigridOptions, type MultigridStage, multigrid, type ShortCycleOptions, shortCycle } from "./multigrid.ts";

/** How the gradients of a batch's rows differ; sums over tensors. */
export interface Dispersion {
  /** Rows, or micro-batches' rows together. */
  readonly count: number;
  /** ‖mean gradient‖². */
  readonly meanSquare: number;
  /** Variance of the rows' gradients, summed over parameters. */
  readonly variance: number;
  /** Variance of their inner products with the mean; needs the rows one by one. */
  readonly innerVariance?: number;
  /** Variance of what of them is orthogonal to the mean, summed over parameters; needs the rows one by one. */
  readonly orthogonalVariance?: number;
}

/** Mean gradient of some rows, and the variance between them. */
export interface MicroBatch {
  readonly count: number;
  readonly mean: ArrayLike<number>;
  /** Variance between its rows (divided by count), for each parameter; for all micro-batches or for none. */
  readonly variance?: ArrayLike<number>;
}

/** Options of {@link batchTest}. */
export interface BatchTestOptions {
  /** "norm": the mean's error against its norm; "innerProduct": its length along itself; "augmented": that, and its direction. */
  readonly test: "norm" | "innerProduct" | "augmented";
  /** The first batch size. */
  readonly batchSize: number;
  /** The largest. Default 50000. */
  readonly maxBatchSize?: number;
  /** η of the norm test. Default 0.1. */
  readonly eta?: number;
  /** θ of the inner-product test. Default 0.1. */
  readonly theta?: number;
  /** ν of the orthogonality test. Default 0.1. */
  readonly nu?: number;
}

/** State of {@link batchTest}. */
export interface BatchState {
  readonly batchSize: number;
  /** Rows seen, by which a schedule is best indexed while batches grow. */
  readonly samples: number;
}

/** Batch sizes that follow what is observed; plain data and pure functions, as a controller's. */
export interface BatchController {
  readonly kind: "batchTest";
  readonly options: Readonly<Required<BatchTestOptions>>;
  start(): BatchState;
  /** Returns a saved state, parsed from JSON. @throws E_MISMATCH */
  resume(saved: unknown): BatchState;
  /** Returns the state, and the batch size, after a batch. @throws E_DATA */
  next(state: BatchState, seen: Dispersion): { readonly state: BatchState; readonly batchSize: number };
}

/**
 * Returns batch sizes that grow until the mean gradient can be trusted: the test asks for V/(η²‖ḡ‖²) rows, the size never shrinks, and from
 * the cap on nothing is tested. A batch of one row has no variance and changes nothing; a mean of 0 asks for the cap.
 * @throws E_CONFIG
 * @see Lau et al. 2024, arXiv 2402.11215 (AdAdaGrad); Bollapragada et al. 2018, arXiv 1710.11258
 */
export function batchTest(options: BatchTestOptions): BatchController {
  const where = "batching.batchTest";
  checkKeys(where, options, ["test", "batchSize", "maxBatchSize", "eta", "theta", "nu"]);
  const test = checkChoice(where, "test", options.test, ["norm", "innerProduct", "augmented"]);
  const batchSize = checkNumber(where, "batchSize", options.batchSize, { min: 1, integer: true });
  const maxBatchSize = checkNumber(where, "maxBatchSize", options.maxBatchSize ?? 50_000, { min: batchSize, integer: true });
  const bound = (name: "eta" | "theta" | "nu") => checkNumber(where, name, options[name] ?? 0.1, { min: 0, open: "min" });
  const [eta, theta, nu] = [bound("eta"), bound("theta"), bound("nu")];
  const wanted = (seen: Dispersion): number => {
    const square = observed(where, "meanSquare", seen.meanSquare, 0);
    const ask = (name: "variance" | "innerVariance" | "orthogonalVariance", scale: number) => {
      const variance = observed(where, name, seen[name], 0);
      return scale > 0 ? variance / scale : Number.POSITIVE_INFINITY;
    };
    if (test === "norm") return ask("variance", eta * eta * square);
    const inner = ask("innerVariance", theta * theta * square * square);
    return test === "innerProduct" ? inner : Math.max(inner, ask("orthogonalVariance", nu * nu * square));
  };
  const first: BatchState = { batchSize, samples: 0 };
  return {
    kind: "batchTest",
    options: { test, batchSize, maxBatchSize, eta, theta, nu },
    start: () => first,
    resume: (saved) => checkState(where, saved, first),
    next(state, seen) {
      const count = observed(where, "count", seen.count, 1);
      const open = state.batchSize < maxBatchSize && count > 1;
      const size = open ? Math.min(Math.ceil(Math.max(state.batchSize, wanted(seen))), maxBatchSize) : state.batchSize;
      return { state: { batchSize: size, samples: state.samples + count }, batchSize: size };
    },
  };
}

/**
 * Returns the dispersion of rows' gradients, each the tensors laid end to end. With `sizes`, the tensors' lengths, variances of inner
 * products and orthogonal parts are taken tensor by tensor and summed, as the authors' code does; without, of the whole.
 * @throws E_DATA
 */
export function dispersion(gradients: readonly ArrayLike<number>[], sizes?: readonly number[]): Dispersion {
  const where = "batching.dispersion";
  const count = gradients.length;
  const length = gradients[0]?.length ?? 0;
  const lengths = sizes ?? [length];
  const total = lengths.reduce((sum, size) => sum + size, 0);
  if (length === 0 || total !== length || gradients.some((gradient) => gradient.length !== length)) {
    fail(
      "E_DATA",
      `${where}: gradients do not match; expected at least one, each of ${total || "some"} numbers, got ${count} of ${length}`,
    );
  }
  const free = Math.max(count - 1, 1);
  const mean = meanOf(gradients, length);
  let [meanSquare, variance, innerVariance, orthogonalVariance, start] = [0, 0, 0, 0, 0];
  for (const size of lengths) {
    const end = start + size;
    const square = dot(mean, mean, start, end);
    const products = gradients.map((gradient) => dot(gradient, mean, start, end));
    for (const [i, gradient] of gradients.entries()) {
      // The orthogonal parts' mean is 0: ⟨gᵢ, ḡ⟩ averages ‖ḡ‖².
      const along = square > 0 ? (products[i] as number) / square : 0;
      innerVariance += ((products[i] as number) - square) ** 2 / free;
      for (let j = start; j < end; j++) {
        const g = observed(where, `gradients[${i}][${j}]`, gradient[j]);
        variance += (g - (mean[j] as number)) ** 2 / free;
        orthogonalVariance += (g - along * (mean[j] as number)) ** 2 / free;
      }
    }
    meanSquare += square;
    start = end;
  }
  return { count, meanSquare, variance, innerVariance, orthogonalVariance };
}

/**
 * Returns the dispersion of the rows of several micro-batches, for the norm test: the variance within and between them, by the law of
 * total variance, or where the variance within is unknown, what the spread of their means lets expect.
 * @throws E_DATA
 */
export function accumulated(batches: readonly MicroBatch[]): Dispersion {
  const where = "batching.accumulated";
  const length = batches[0]?.mean.length ?? 0;
  if (length === 0 || batches.some(({ mean, variance }) => mean.length !== length || (variance?.length ?? length) !== length)) {
    fail("E_DATA", `${where}: micro-batches do not match; expected means and variances of one length, got ${batches.length} batches`);
  }
  const known = batches.filter((batch) => batch.variance !== undefined).length;
  if (known > 0 && known < batches.length) {
    fail("E_DATA", `${where}: some micro-batches have no variance; expected it of all or of none, got it of ${known} of ${batches.length}`);
  }
  const counts = batches.map((batch, i) => observed(where, `batches[${i}].count`, batch.count, 1));
  const count = counts.reduce((sum, n) => sum + n, 0);
  const free = Math.max((known > 0 ? count : batches.length) - 1, 1);
  let [meanSquare, variance] = [0, 0];
  for (let j = 0; j < length; j++) {
    let [mean, spread] = [0, 0];
    for (const [i, batch] of batches.entries()) mean += ((counts[i] as number) * observed(where, "mean", batch.mean[j])) / count;
    for (const [i, batch] of batches.entries()) {
      const within = batch.variance === undefined ? 0 : observed(where, "variance", batch.variance[j], 0);
      spread += (counts[i] as number) * (within + ((batch.mean[j] as number) - mean) ** 2);
    }
    meanSquare += mean * mean;
    variance += spread / free;
  }
  return { count, meanSquare, variance };
}

/**
 * Returns where the groups of a batch begin and end, for statistics over about `size` rows each: as many groups as whole ones fit, their
 * sizes at most one apart. Group i holds rows bounds[i] … bounds[i + 1] − 1.
 * @throws E_CONFIG
 * @see Hoffer et al. 2017, arXiv 1705.08741 (ghost batches)
 */
export function ghostGroups(count: number, size: number): number[] {
  const where = "batching.ghostGroups";
  checkNumber(where, "count", count, { min: 1, integer: true });
  checkNumber(where, "size", size, { min: 1, integer: true });
  const groups = Math.max(Math.floor(count / size), 1);
  return Array.from({ length: groups + 1 }, (_, i) => Math.floor((i * count) / groups));
}

function meanOf(rows: readonly ArrayLike<number>[], length: number): Float64Array {
  const mean = new Float64Array(length);
  for (const row of rows) for (let j = 0; j < length; j++) mean[j] = (mean[j] as number) + (row[j] as number) / rows.length;
  return mean;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>, start: number, end: number): number {
  let sum = 0;
  for (let j = start; j < end; j++) sum += (a[j] as number) * (b[j] as number);
  return sum;
}
