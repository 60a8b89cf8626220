/** What one step did. */
export interface StepResult {
  /** Steps done, this one included. */
  readonly step: number;
  /** The loss before the update: the mean loss of the rows, or the sum of the strategies' terms. */
  readonly loss: number;
  readonly learningRate: number;
  /** Parts of the loss by tag, where there are several. */
  readonly terms: Readonly<Record<string, number>>;
}

/** What a learner tells, by event name. */
export interface LearnerEvents {
  /** After each step. */
  step: StepResult;
  /** When `consolidate` was called, with the number of boundaries so far. */
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
