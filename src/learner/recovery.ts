/**
 * Work that a lost GPU took with it is done again: from the last copy of the state, by the operations since, in the same steps. A copy is taken
 * whenever the steps since the last one took twenty times as long as copying does, so that copies cost a twentieth of the time.
 */
import type { Runtime } from "../backend/runtime.ts";
import { isError } from "../errors.ts";
import type { Config } from "./config.ts";
import { Engine } from "./engine.ts";
import { type Operation, perform } from "./operation.ts";
import { restoreState, takeState } from "./snapshot.ts";
import type { SavedState } from "./state.ts";

/** Time between copies, in times a copy takes. */
const SPACING = 20;
/** Bytes of rows kept for repetition beyond which a copy is taken, whatever it costs. */
const MOST_BYTES = 2 ** 26;

/** What one learner's work can be repeated from. */
export class Recovery {
  /** Undefined: the state that the options begin with. */
  #state: SavedState | undefined;
  #operations: Operation[] = [];
  #bytes = 0;
  /** Operations that were repeated last. */
  #repeated = 0;
  /** Milliseconds that changes took since the last copy. */
  #worked = 0;
  #copyMs = 0;

  constructor(begin: SavedState | undefined) {
    this.#state = begin;
  }

  /** Operations since the last copy. */
  get pending(): number {
    return this.#operations.length;
  }

  /** Keeps what was done, and how long it took; rows are copied, since they are the caller's. */
  note(operation: Operation, milliseconds = 0): void {
    this.#worked += milliseconds;
    if (operation.kind !== "observe") return void this.#operations.push(operation);
    const { x, targets, labels, weight, id, ...more } = operation.batch;
    const own = { x: x.slice(), targets: targets.slice(), labels: labels.slice(), weight: weight?.slice(), id: id?.slice() };
    this.#operations.push({ kind: "observe", batch: { ...more, ...own } });
    this.#bytes += own.x.byteLength + own.targets.byteLength + own.labels.byteLength;
  }

  /** Returns whether it is time for a copy. */
  get due(): boolean {
    return this.#bytes > MOST_BYTES || this.#worked > SPACING * Math.max(this.#copyMs, 50);
  }

  /** Takes a copy of the state; what came before is not needed any more. @throws E_DEVICE_LOST, keeping the copy before */
  async copy(engine: Engine): Promise<void> {
    const began = performance.now();
    this.#state = restoreState(await takeState(engine), engine.config, "the copy kept against loss of the device");
    engine.memory?.pages?.copied(true);
    this.#operations = [];
    this.#bytes = 0;
    this.#worked = 0;
    this.#copyMs = performance.now() - began;
  }

  /** Returns an engine in the state of the one that was lost, on what device the runtime has now. */
  async repeat(runtime: Runtime, config: Config): Promise<Engine> {
    for (;;) {
      const engine = await Engine.open(runtime, config, this.#state).catch(lost);
      if (engine === undefined) continue;
      engine.memory?.pages?.copied(engine.machine.backend !== "wasm");
      try {
        this.#repeated = 0;
        for (const operation of this.#operations) {
          await perform(engine, operation);
          this.#repeated += 1;
        }
        return engine;
      } catch (error) {
        engine.close();
        lost(error);
      }
    }
  }

  /** Does what was noted since {@link repeat} was done, which the device had no part in. */
  catchUp(engine: Engine): void {
    for (const operation of this.#operations.slice(this.#repeated)) perform(engine, operation);
  }
}

function lost(error: unknown): undefined {
  if (!isError(error, "E_DEVICE_LOST")) throw error;
}
