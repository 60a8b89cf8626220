/**
 * What a run has told so far. Losses and learning rates are in the annals of its learner, whatever else in notes beside it, so that all of it
 * lasts as the state does: whoever opens the store has both as they were after one and the same step.
 */
import { fail } from "../errors.ts";
import type { StorageInfo } from "../learner/durable.ts";
import type { Learner } from "../learner/learner.ts";
import type { LayerPlasticity } from "../metrics/index.ts";
import type { Signal } from "../strategy/index.ts";

/** An evaluation, after `step` steps: accuracies by task, of one within a task only on those that have begun. */
export interface Asked {
  readonly step: number;
  readonly accuracies: readonly number[];
  /** Whether a task is over with it. */
  readonly over: boolean;
  /** Before the first task and after each: rows in the memory, and what the layers still can. */
  readonly memory?: Held;
  readonly layers?: readonly LayerPlasticity[];
}

/** Rows in a memory by class and by task. */
export type Held = Readonly<Record<"classes" | "tasks", Readonly<Record<string, number>>>>;

/** What a detector told in a step. */
export interface Told {
  readonly step: number;
  readonly signal: Signal;
}

/** What was timed. */
export interface Timed {
  readonly steps: number;
  /** Time spent in those steps, and in evaluations. */
  readonly seconds: number;
  readonly asking?: number;
}

/** The journal of one run. */
export interface Journal {
  readonly evaluations: Asked[];
  /** A kill between a step and its note takes what was told in it. */
  readonly signals: Told[];
  /** How many of the steps were timed, and how long they took: a step that a kill cut off from its note was not. */
  timed: Timed;
  /** Loss and learning rate of each step. */
  readonly losses: number[];
  readonly learningRates: number[];
}

/** What decides a run, by the names of its options. */
export type RunOptions = Readonly<Record<string, string | number | boolean | readonly number[] | null>>;

/** What a run notes: what it is, at first, each evaluation, and what detectors tell. */
export type Note =
  | { readonly kind: "run"; readonly options: RunOptions }
  | (Asked & { readonly kind: "evaluation"; readonly timed: Timed })
  | (Told & { readonly kind: "signal" });

/** Returns the journal of a run that has not begun. */
export function newJournal(): Journal {
  return { evaluations: [], signals: [], timed: { steps: 0, seconds: 0, asking: 0 }, losses: [], learningRates: [] };
}

/** Writes a note into a journal. */
export function enter(journal: Journal, note: Note): void {
  if (note.kind === "run") return;
  if (note.kind === "signal") {
    journal.signals.push({ step: note.step, signal: note.signal });
    return;
  }
  const { kind: _, timed, ...asked } = note;
  journal.evaluations.push(asked);
  journal.timed = timed;
}

/**
 * Returns the journal of the run that a learner is in, undefined where none has begun.
 * @throws E_MISMATCH where it is of no run, or of one with other options
 */
export function readJournal(learner: Learner, where: string, options: RunOptions): Journal | undefined {
  const { annals } = learner.storage ?? ({} as Partial<StorageInfo>);
  const [run, ...notes] = (annals?.notes ?? []) as readonly Note[];
  if (annals !== undefined && run === undefined && learner.step === 0) return undefined;
  if (annals === undefined || run?.kind !== "run" || annals.losses.length !== learner.step) {
    fail("E_MISMATCH", `${where}: this holds no run of this command; expected one, got a learner after ${learner.step} steps`, {
      hint: "Give --checkpoint another name.",
    });
  }
  checkOptions(run.options, options, where);
  const journal: Journal = { ...newJournal(), losses: [...annals.losses], learningRates: [...annals.learningRates] };
  for (const note of notes) enter(journal, note);
  return journal;
}

function checkOptions(saved: RunOptions, now: RunOptions, where: string): void {
  for (const name of new Set([...Object.keys(now), ...Object.keys(saved)])) {
    const [expected, got] = [now, saved].map((options) => (options[name] ?? "none").toString());
    if (expected === got) continue;
    fail("E_MISMATCH", `${where}: the run in it has another --${name}; expected ${expected}, got ${got}`, {
      hint: `Run with --${name} ${got} to continue it, or give --checkpoint another name.`,
      context: { option: name },
    });
  }
}
