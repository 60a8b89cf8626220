import type { StepResult } from "./learner.ts";

/** What a learner tells, by event name. */
export interface LearnerEvents {
  /** After each step. */
  step: StepResult;
  /** When {@link Learner.consolidate} was called, with the number of boundaries so far. */
  boundary: { readonly boundary: number; readonly step: number };
  /** When the state was saved, with its bytes. */
  saved: { readonly step: number; readonly bytes: number };
}

type Listener<K extends keyof LearnerEvents> = (event: LearnerEvents[K]) => void;

/** Listeners by event name. */
export class Emitter {
  readonly #listeners: { [K in keyof LearnerEvents]: Set<Listener<K>> } = { step: new Set(), boundary: new Set(), saved: new Set() };

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
