import type { Signal } from "../strategy/host.ts";

/** Why a step changed nothing, and what it was given. */
export interface SkippedStep {
  /** The step it would have been, counted from 1. */
  readonly step: number;
  /** What was 2^63 or more, or no number: a parameter before the step, the loss, a gradient, or what a layer would keep. */
  readonly cause: "weights" | "loss" | "gradients" | "state";
  /** Rows of the batch whose own loss is no finite number; all rows where none stands out. */
  readonly rows: readonly number[];
  /** The caller's names of these rows, where the batch has them. */
  readonly ids?: readonly number[];
}

/** What one step did. */
export interface StepResult {
  /** Steps done, this one included unless it was skipped. */
  readonly step: number;
  /** Why the step changed nothing, where it did not. */
  readonly skipped?: SkippedStep;
  /** The loss before the update: the mean loss of the rows, or the sum of the strategies' terms. */
  readonly loss: number;
  readonly learningRate: number;
  /** Parts of the loss by tag, where there are several. */
  readonly terms: Readonly<Record<string, number>>;
  /** Settings of the optimizer that were changed, and what it tells of itself, such as a distance it estimates. */
  readonly metrics: Readonly<Record<string, number>>;
  /** What detectors of strategies told, if anything. */
  readonly signals?: readonly Signal[];
}

/** What it took to go on after the GPU device was lost. Nothing else was lost. */
export interface RecoveredEvent {
  /** Steps done, as before. */
  readonly step: number;
  /** Changes of the state, such as steps, that were done again. */
  readonly repeated: number;
  /** Where it computes from now on: Wasm where no device is to be had, or three were lost within a minute. */
  readonly backend: "wasm" | "webgpu";
  readonly milliseconds: number;
}

/** What a learner tells, by event name. */
export interface LearnerEvents {
  /** After each step that was done. */
  step: StepResult;
  /** After each step that changed nothing, since its numbers were not finite. */
  skipped: SkippedStep;
  /** After a step in which a detector told that the stream drifted, or may be about to. */
  signal: { readonly signal: Signal; readonly step: number };
  /** When `consolidate` was called, with the number of boundaries so far. */
  boundary: { readonly boundary: number; readonly step: number };
  /** When the state was saved, with its bytes. */
  saved: { readonly step: number; readonly bytes: number };
  /** When many skipped steps in a row took a learner back to a snapshot before them: the steps it had done, and those it has. */
  rolledBack: { readonly from: number; readonly step: number };
  /** When the GPU device was lost, once another engine has taken its place. */
  recovered: RecoveredEvent;
}

type Listener<K extends keyof LearnerEvents> = (event: LearnerEvents[K]) => void;

/** Listeners by event name. */
export class Emitter {
  readonly #listeners: { [K in keyof LearnerEvents]: Set<Listener<K>> } = {
    step: new Set(),
    signal: new Set(),
    skipped: new Set(),
    boundary: new Set(),
    rolledBack: new Set(),
    saved: new Set(),
    recovered: new Set(),
  };

  /** Adds a listener; returns the way to take it off. */
  on<K extends keyof LearnerEvents>(name: K, listener: Listener<K>): () => void {
    const set: Set<Listener<K>> = this.#listeners[name];
    set.add(listener);
    return () => set.delete(listener);
  }

  emit<K extends keyof LearnerEvents>(name: K, event: LearnerEvents[K]): void {
    for (const listener of this.#listeners[name] as Set<Listener<K>>) listener(event);
  }
}
