/** Progressive data dropout: which rows of a batch are still learned. */
import { checkChoice, checkKeys, checkNumber, checkState, describe, fail } from "../errors.ts";
import { ln } from "../natural.ts";
import { RandomStream } from "../random.ts";
import { checkFact } from "./curriculum.ts";
import type { Batch } from "./dataset.ts";

/** Which rows of a batch are kept, by their published names. */
export type DropoutRule = "difficult" | "scalar" | "decay" | "inverse" | "log";

/** Options of {@link progressiveDropout}. */
export interface ProgressiveDropoutOptions {
  /**
   * "difficult" (DBPD): rows whose true class has a probability below τ. "scalar" (SMRD): as many, at random. "decay" (SRD):
   * a share `decay`^epoch at random. "inverse" and "log": shares (1 + α)/(e + α) and ln(1 + α)/ln(e + α) of epoch e = 1, 2 …
   */
  readonly rule: DropoutRule;
  /** Epochs, at whose end every row is learned again for `revision` of them. */
  readonly epochs: number;
  /** Default 1. */
  readonly revision?: number;
  /** τ; 0 keeps what is misclassified, for which the correctness of each row is needed. Default 0.3. */
  readonly threshold?: number;
  /** Epochs of an interval: at each epoch's start τ grows by `increment` times the intervals past; at 1 it starts anew. Default: never. */
  readonly interval?: number;
  /** Default 0.1. */
  readonly increment?: number;
  /** Of "decay". Default 0.99. */
  readonly decay?: number;
  /** α of "inverse" and "log". Default 2. */
  readonly alpha?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** State of {@link progressiveDropout}. */
export interface DropoutState {
  /** 0-based. */
  readonly epoch: number;
  /** τ of this epoch. */
  readonly threshold: number;
  /** Random words read. */
  readonly position: number;
  /** Rows kept so far; over the set's size these are the epochs of work done. */
  readonly kept: number;
}

/** What is known of a batch's rows. */
export interface RowFacts {
  /** Rows in the batch. */
  readonly count: number;
  /** Probability of each row's true class; for "difficult" and "scalar". */
  readonly probabilities?: ArrayLike<number>;
  /** Whether each row is classified rightly; for a threshold of 0. */
  readonly correct?: ArrayLike<boolean>;
}

/** A curriculum that keeps some rows of each batch. */
export interface ProgressiveDropout {
  readonly options: Readonly<Required<ProgressiveDropoutOptions>>;
  start(): DropoutState;
  /** Returns a saved state, parsed from JSON. @throws E_MISMATCH */
  resume(saved: unknown): DropoutState;
  /** Returns the rows of a batch to learn, in their order; where there are none, the batch is to be skipped. @throws E_DATA */
  next(state: DropoutState, facts: RowFacts): { readonly state: DropoutState; readonly rows: number[] };
  /** Returns the state at the next epoch's start. */
  advance(state: DropoutState): DropoutState;
}

/**
 * Returns the curriculum that drops what is known: a forward pass tells which rows are, the rest are learned.
 * @throws E_CONFIG
 * @see Shriram et al. 2025, arXiv 2505.22342 (progressive data dropout)
 */
export function progressiveDropout(options: ProgressiveDropoutOptions): ProgressiveDropout {
  const where = "streams.progressiveDropout";
  checkKeys(where, options, ["rule", "epochs", "revision", "threshold", "interval", "increment", "decay", "alpha", "seed"]);
  const rule = checkChoice(where, "rule", options.rule, ["difficult", "scalar", "decay", "inverse", "log"]);
  const epochs = checkNumber(where, "epochs", options.epochs, { min: 1, integer: true });
  const revision = checkNumber(where, "revision", options.revision ?? 1, { min: 0, max: epochs, integer: true });
  const threshold = checkNumber(where, "threshold", options.threshold ?? 0.3, { min: 0, max: 1, open: "max" });
  const interval = checkNumber(where, "interval", options.interval ?? epochs, { min: 1, integer: true });
  const increment = checkNumber(where, "increment", options.increment ?? 0.1, { min: 0, max: 1 });
  const decay = checkNumber(where, "decay", options.decay ?? 0.99, { min: 0, max: 1 });
  const alpha = checkNumber(where, "alpha", options.alpha ?? 2, { min: 0, open: "min" });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const settings = { rule, epochs, revision, threshold, interval, increment, decay, alpha, seed };

  const choose = (state: DropoutState, facts: RowFacts, random: RandomStream): number[] => {
    const { count } = facts;
    if (!(Number.isInteger(count) && count >= 0)) {
      fail("E_DATA", `${where}: "count" is no number of rows; expected a whole number ≥ 0, got ${describe(count)}`);
    }
    const all = Array.from({ length: count }, (_, i) => i);
    if (state.epoch >= epochs - revision) return all;
    const some = (size: number) =>
      random
        .shuffle(all)
        .slice(0, size)
        .sort((a, b) => a - b);
    if (rule !== "difficult" && rule !== "scalar") return some(Math.floor(keepShare(settings, state.epoch) * count));
    const facing = state.threshold === 0 ? facts.correct : facts.probabilities;
    if (facing?.length !== count) {
      const name = state.threshold === 0 ? "correct" : "probabilities";
      fail("E_DATA", `${where}: "${name}" are needed of each row; expected ${count}, got ${describe(facing?.length)}`);
    }
    const hard = all.filter((i) =>
      state.threshold === 0 ? !(facing[i] as boolean) : checkFact(where, "probability", facing[i], i, 1) < state.threshold,
    );
    return rule === "difficult" ? hard : some(hard.length);
  };
  const first: DropoutState = { epoch: 0, threshold, position: 0, kept: 0 };
  return {
    options: settings,
    start: () => first,
    resume: (saved) => checkState(where, saved, first),
    next(state, facts) {
      const random = new RandomStream(seed, "streams/progressiveDropout", state.position);
      const rows = choose(state, facts, random);
      return { state: { ...state, position: random.position, kept: state.kept + rows.length }, rows };
    },
    advance(state) {
      const epoch = state.epoch + 1;
      const raised = state.threshold + Math.floor(epoch / interval) * increment;
      return { ...state, epoch, threshold: raised >= 1 ? threshold : raised };
    },
  };
}

/** Returns the share of rows that the rules "decay", "inverse" and "log" keep in an epoch (0-based). @throws E_CONFIG */
export function keepShare(options: Pick<ProgressiveDropoutOptions, "rule" | "decay" | "alpha">, epoch: number): number {
  const where = "streams.keepShare";
  checkNumber(where, "epoch", epoch, { min: 0, integer: true });
  const { decay = 0.99, alpha = 2 } = options;
  if (options.rule === "decay") {
    let share = 1;
    for (let i = 0; i < epoch; i++) share *= decay;
    return share;
  }
  if (options.rule === "inverse") return (1 + alpha) / (epoch + 1 + alpha);
  checkChoice(where, "rule", options.rule, ["log"]);
  return ln(1 + alpha) / ln(epoch + 1 + alpha);
}

/**
 * Returns the batch of some of a batch's rows, in the order listed.
 * @throws E_DATA
 */
export function pickRows(batch: Batch, rows: ArrayLike<number>, count: number): Batch {
  const where = "streams.pickRows";
  const [width, places] = [batch.x.length / count, batch.y.length / count];
  if (!(count > 0 && Number.isInteger(width) && Number.isInteger(places))) {
    fail("E_DATA", `${where}: the batch does not divide into rows; expected a multiple of ${count}, got ${batch.x.length} values`);
  }
  const chosen = Array.from(rows, (row, i) => {
    if (Number.isInteger(row) && row >= 0 && row < count) return row;
    return fail("E_DATA", `${where}: rows[${i}] is no row of the batch; expected 0 to ${count - 1}, got ${describe(row)}`);
  });
  const x = batch.x instanceof Uint8Array ? new Uint8Array(chosen.length * width) : new Float32Array(chosen.length * width);
  for (const [to, row] of chosen.entries()) x.set(batch.x.subarray(row * width, (row + 1) * width), to * width);
  const y = chosen.flatMap((row) => Array.from({ length: places }, (_, i) => batch.y[row * places + i] as number));
  const { id, weight } = batch;
  return {
    ...batch,
    x,
    y,
    ...(id !== undefined && { id: chosen.map((row) => id[row] as number) }),
    ...(weight !== undefined && { weight: Float32Array.from(chosen, (row) => weight[row] as number) }),
  };
}
