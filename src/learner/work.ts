/** The engine of a learner, kept at work: where its device is lost, another engine takes its place and repeats what was lost with it. */
import type { Runtime } from "../backend/runtime.ts";
import { PalimpsestError } from "../errors.ts";
import type { Config } from "./config.ts";
import { Engine, type StepOutputs } from "./engine.ts";
import type { RecoveredEvent } from "./events.ts";
import { type Operation, perform } from "./operation.ts";
import type { Recovery } from "./recovery.ts";
import type { SavedState } from "./state.ts";

/** An engine, and what it can be had again from; the latter only where it can be lost. */
export class Work {
  readonly #runtime: Runtime;
  readonly #tell: (event: RecoveredEvent) => void;
  #engine: Engine;
  #recovery: Recovery | undefined;
  /** A change that is under way. */
  #changing: Promise<unknown> | undefined;
  #restoring: Promise<void> | undefined;
  #closed = false;

  private constructor(runtime: Runtime, tell: (event: RecoveredEvent) => void, engine: Engine, recovery: Recovery | undefined) {
    this.#runtime = runtime;
    this.#tell = tell;
    this.#engine = engine;
    this.#recovery = recovery;
  }

  /** Returns an engine at work that goes on from a state; `tell` hears of every device that was replaced. */
  static async open(runtime: Runtime, tell: (event: RecoveredEvent) => void, config: Config, saved?: SavedState): Promise<Work> {
    const { engine, recovery } = await openEngine(runtime, config, saved);
    return new Work(runtime, tell, engine, recovery);
  }

  get engine(): Engine {
    return this.#engine;
  }

  /** Does what changes the state, once. */
  async change(operation: Operation): Promise<StepOutputs | undefined> {
    const result = await this.safely(async (engine) => {
      const done = (async () => {
        const outputs = await perform(engine, operation);
        this.#recovery?.note(operation);
        return outputs;
      })();
      this.#changing = done;
      return done;
    });
    if (this.#recovery?.due === true) await this.safely((engine) => this.forgetPast(engine));
    return result;
  }

  /** Does what changes the state without the device, at once. */
  changeNow(operation: Operation): void {
    perform(this.#engine, operation);
    this.#recovery?.note(operation);
  }

  /** Does what needs the device; where that is lost meanwhile, again in the same state on another. */
  async safely<T>(action: (engine: Engine) => Promise<T>): Promise<T> {
    for (;;) {
      const engine = this.#engine;
      try {
        return await action(engine);
      } catch (error) {
        if (this.#recovery === undefined || !(error instanceof PalimpsestError) || error.code !== "E_DEVICE_LOST") throw error;
        await this.#restore(engine);
      }
    }
  }

  /** Notes the state as it is, so that nothing before it is repeated, nor kept. @throws E_DEVICE_LOST */
  async forgetPast(engine: Engine): Promise<void> {
    await this.#recovery?.copy(engine);
  }

  /** Goes on with another config from a state that fits it. */
  async replace(config: Config, saved: SavedState): Promise<void> {
    const before = this.#engine;
    const { engine, recovery } = await openEngine(this.#runtime, config, saved);
    this.#engine = engine;
    this.#recovery = recovery;
    await before.settled();
    before.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#restoring;
    await this.#engine.settled();
    this.#engine.close();
  }

  async #restore(lost: Engine): Promise<void> {
    if (this.#engine !== lost) return;
    this.#restoring ??= this.#repeat(lost).finally(() => {
      this.#restoring = undefined;
    });
    await this.#restoring;
  }

  async #repeat(lost: Engine): Promise<void> {
    const began = performance.now();
    const recovery = this.#recovery as Recovery;
    // What changes the state is done or refused by now, but may not have been noted.
    await this.#changing?.catch(() => {});
    const repeated = recovery.pending;
    const engine = await recovery.repeat(this.#runtime, lost.config);
    // From here to the end nothing else runs, so nothing can be noted that this engine has not done.
    recovery.catchUp(engine);
    lost.close();
    this.#engine = engine;
    const { backend } = engine.machine;
    if (backend === "wasm") this.#recovery = undefined;
    if (this.#closed) return;
    this.#tell({ step: engine.counters.step, repeated, backend, milliseconds: performance.now() - began });
  }
}

async function openEngine(
  runtime: Runtime,
  config: Config,
  saved: SavedState | undefined,
): Promise<{ engine: Engine; recovery: Recovery | undefined }> {
  if (runtime.info.backend === "wasm") return { engine: await Engine.open(runtime, config, saved), recovery: undefined };
  const { Recovery } = await import("./recovery.ts");
  const recovery = new Recovery(saved);
  const engine = await recovery.repeat(runtime, config);
  return { engine, recovery: engine.machine.backend === "wasm" ? undefined : recovery };
}
