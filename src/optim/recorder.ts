/** Gradient norms recorded in bounded room. */
import { checkKeys, checkNumber, checkState } from "../errors.ts";

/** Norms of a run's gradients in a bounded room: means over bins of equal width, which doubles when they are full. Plain data. */
export interface NormRecord {
  /** Observations in a full bin. */
  readonly width: number;
  /** Means of the full bins. */
  readonly bins: readonly number[];
  /** Sum and number of what came since. */
  readonly sum: number;
  readonly count: number;
}

/** Keeps norms for {@link NormRecord}. */
export interface NormRecorder {
  readonly options: { readonly bins: number };
  start(): NormRecord;
  /** Returns a saved record, parsed from JSON. @throws E_MISMATCH */
  resume(saved: unknown): NormRecord;
  /** Returns the record with one norm more; one that is not finite is left out. */
  next(record: NormRecord, norm: number): NormRecord;
  /** Returns the norms in order, as `planners.refine` takes them. */
  norms(record: NormRecord): number[];
}

/**
 * Returns a recorder of gradient norms, from which a schedule is refined after the run.
 * @throws E_CONFIG
 */
export function normRecorder(options: { bins?: number } = {}): NormRecorder {
  const where = "controllers.normRecorder";
  checkKeys(where, options, ["bins"]);
  const size = checkNumber(where, "bins", options.bins ?? 1000, { min: 2, integer: true });
  const first: NormRecord = { width: 1, bins: [], sum: 0, count: 0 };
  return {
    options: { bins: size },
    start: () => first,
    resume: (saved) => checkState(where, saved, first),
    next(record, norm) {
      if (!Number.isFinite(norm)) return record;
      const { width, bins } = record;
      const sum = record.sum + norm;
      const count = record.count + 1;
      if (count < width) return { width, bins, sum, count };
      const full = [...bins, sum / width];
      if (full.length <= size) return { width, bins: full, sum: 0, count: 0 };
      const pairs: number[] = [];
      for (let i = 1; i < full.length; i += 2) pairs.push(((full[i - 1] as number) + (full[i] as number)) / 2);
      const left = full.length % 2 === 1 ? { sum, count: width } : { sum: 0, count: 0 };
      return { width: 2 * width, bins: pairs, ...left };
    },
    norms: ({ bins, sum, count }) => (count > 0 ? [...bins, sum / count] : [...bins]),
  };
}
