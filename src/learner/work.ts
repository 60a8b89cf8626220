/**
 * The engine of a learner, kept at work: its changes are recorded where they are to last, and where its device is lost, another engine takes its
 * place and repeats what was lost with it.
 */
import type { Runtime } from "../backend/runtime.ts";
import { isError } from "../errors.ts";
import type { Config } from "./config.ts";
import type { Durable } from "./durable.ts";
import { Engine, type StepOutputs } from "./engine.ts";
import type { RecoveredEvent } from "./events.ts";
import { checkOperation, type Operation, perform } from "./operation.ts";
import type { Recovery } from "./recovery.ts";
import type { SavedState } from "./state.ts";

/** An engine, and what it can be had again from; the latter only where it can be lost. */
export class Work {
  readonly #runtime: Runtime;
  readonly #tell: (event: RecoveredEvent) => void;
  readonly durable: Durable | undefined;
  #engine: Engine;
  #recovery: Recovery | undefined;
  /** A change that is under way. */
  #changing: Promise<unknown> | undefined;
  #restoring: Promise<void> | undefined;
  #closed = false;

  private constructor(
    runtime: Runtime,
    tell: (event: RecoveredEvent) => void,
    durable: Durable | undefined,
    engine: Engine,
    recovery: Recovery | undefined,
  ) {
    this.#runtime = runtime;
    this.#tell = tell;
    this.durable = durable;
    this.#engine = engine;
    this.#recovery = recovery;
  }

  /** Returns an engine at work that goes on from a state; `tell` hears of every device that was replaced. */
  static async open(
    runtime: Runtime,
    tell: (event: RecoveredEvent) => void,
    config: Config,
    saved?: SavedState,
    durable?: Durable,
  ): Promise<Work> {
    const { engine, recovery } = await openEngine(runtime, config, saved);
    return new Work(runtime, tell, durable, engine, recovery);
  }

  get engine(): Engine {
    return this.#engine;
  }

  /** Does what changes the state, once, and what was recorded before it is opened. @throws as {@link checkOperation}; what storage throws */
  async change(operation: Operation): Promise<StepOutputs | undefined> {
    await this.#finish();
    const result = await this.#change(operation);
    await this.#finish();
    return result;
  }

  /** Does what strategies are at to its end, piece by piece, each recorded as a change of its own. */
  async #finish(): Promise<void> {
    while (this.#engine.hooked?.busy === true) await this.#change({ kind: "phase" });
  }

  async #change(operation: Operation): Promise<StepOutputs | undefined> {
    checkOperation(this.#engine, operation);
    const { durable } = this;
    if (durable?.owes === true) await this.safely((engine) => durable.snapshot(engine));
    await durable?.append(operation);
    const began = performance.now();
    let result: StepOutputs | undefined;
    try {
      result = await this.#perform(operation);
    } catch (error) {
      await this.safely(async (engine) => durable?.undo(engine));
      throw error;
    }
    durable?.done(operation, result, performance.now() - began);
    if (durable?.due === true) await this.safely((engine) => durable.trySnapshot(engine));
    return result;
  }

  /** Does again what the log has since its snapshot. @throws E_CORRUPT E_DATA */
  async redo(): Promise<void> {
    for await (const operation of this.durable?.operations(() => this.#engine.config) ?? []) {
      const began = performance.now();
      this.durable?.done(operation, await this.repeat(operation), performance.now() - began);
    }
  }

  /** Does what is recorded. @throws as {@link checkOperation} */
  async repeat(operation: Operation): Promise<StepOutputs | undefined> {
    checkOperation(this.#engine, operation);
    return this.#perform(operation);
  }

  async #perform(operation: Operation): Promise<StepOutputs | undefined> {
    if (operation.kind === "grow") return this.#grow(operation.capacity);
    const result = await this.safely(async (engine) => {
      const done = (async () => {
        const began = performance.now();
        const outputs = await perform(engine, operation);
        this.#recovery?.note(operation, performance.now() - began);
        return outputs;
      })();
      this.#changing = done;
      return done;
    });
    if (this.#recovery?.due === true) await this.safely(async (engine) => this.#recovery?.copy(engine));
    return result;
  }

  /** Does what changes the state without the device, at once. @throws as {@link checkOperation} */
  changeNow(operation: Operation): void {
    checkOperation(this.#engine, operation);
    this.durable?.appendLater(operation);
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
        if (this.#recovery === undefined || !isError(error, "E_DEVICE_LOST")) throw error;
        await this.#restore(engine);
      }
    }
  }

  /** Notes the state as it is, so that nothing before it is repeated, nor kept. @throws E_DEVICE_LOST; what storage throws */
  async forgetPast(engine: Engine): Promise<void> {
    await this.#recovery?.copy(engine);
    await this.durable?.restart(engine);
  }

  async #grow(capacity: number): Promise<undefined> {
    const { grown } = await import("./growth.ts");
    await this.safely(async (engine) => {
      const { config, saved } = await grown(engine, capacity);
      await this.become(await this.twin(config, saved));
    });
  }

  /** Returns another work in a state, of which nothing is recorded. */
  twin(config: Config, saved: SavedState): Promise<Work> {
    return Work.open(this.#runtime, this.#tell, config, saved);
  }

  /** Goes on with the engine of another, which is no more. */
  async become(other: Work): Promise<void> {
    const before = this.#engine;
    this.#engine = other.#engine;
    this.#recovery = other.#recovery;
    await before.inference?.settled();
    before.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#restoring;
    await this.#engine.inference?.settled();
    this.#engine.close();
    await this.durable?.close();
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
