import { checkKeys, checkNumber } from "../errors.ts";
import { RandomStream } from "../random.ts";

/** Options of {@link evaluationBudget}. */
export interface BudgetOptions {
  /** Time of evaluations relative to that of steps, at most. Default 0.1. */
  readonly share?: number;
  /** Rows of each task that are asked, at most. Default 100. */
  readonly cap?: number;
  /** Decides which rows. Default 0. */
  readonly seed?: number;
}

/** What was spent so far, as the caller's clock has it. */
export interface Spent {
  readonly stepMs: number;
  /** Rows learned in that time. */
  readonly stepRows: number;
  readonly evaluationMs: number;
  /** Rows asked in that time. */
  readonly evaluationRows: number;
}

/** Decides when a model in training is asked, and what. */
export interface EvaluationBudget {
  readonly share: number;
  readonly cap: number;
  /** Returns whether `rows` rows can be asked now without evaluations taking more than their share, as far as is known what a row takes. */
  due(spent: Spent, rows: number): boolean;
  /** Returns which of the `count` rows of a task are asked, in order: the same ones each time. */
  rows(task: number, count: number): Uint32Array<ArrayBuffer>;
}

/** Returns a budget for evaluations during training. @throws E_CONFIG */
export function evaluationBudget(options: BudgetOptions = {}): EvaluationBudget {
  const where = "metrics.evaluationBudget";
  checkKeys(where, options, ["share", "cap", "seed"]);
  const share = checkNumber(where, "share", options.share ?? 0.1, { min: 0 });
  const cap = checkNumber(where, "cap", options.cap ?? 100, { min: 1, integer: true });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  return {
    share,
    cap,
    due({ stepMs, stepRows, evaluationMs, evaluationRows }, rows) {
      // Until one was asked, a row is taken to cost what it costs to learn, which is more.
      const perRow = evaluationRows > 0 ? evaluationMs / evaluationRows : stepRows > 0 ? stepMs / stepRows : Number.POSITIVE_INFINITY;
      return rows > 0 && evaluationMs + rows * perRow <= share * stepMs;
    },
    rows(task, count) {
      checkNumber(where, "task", task, { min: 0, integer: true });
      checkNumber(where, "count", count, { min: 0, max: 2 ** 32, integer: true });
      if (count <= cap) return Uint32Array.from({ length: count }, (_, i) => i);
      // Floyd's sampling without replacement: `cap` draws however many rows there are.
      const stream = new RandomStream(seed, `metrics/probe/${task}`);
      const chosen = new Set<number>();
      for (let i = count - cap; i < count; i++) {
        const row = stream.below(i + 1);
        chosen.add(chosen.has(row) ? i : row);
      }
      return Uint32Array.from(chosen).sort();
    },
  };
}
