import type { Runtime } from "../backend/runtime.ts";
import { checkKeys, fail } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import type { Store } from "../store/index.ts";
import type { Batch, Stream } from "../stream/index.ts";
import { checkBatch, checkIds, checkRows } from "./batch.ts";
import { argmax } from "./bytes.ts";
import type { LearnerOptions } from "./config.ts";
import type { StorageInfo } from "./durable.ts";
import type { Engine, LearnerPlan, StepOutputs } from "./engine.ts";
import { Emitter, type LearnerEvents, type RecoveredEvent, type SkippedStep, type StepResult } from "./events.ts";
import type { ForgetOptions, ForgetRows, Forgotten } from "./forget.ts";
import type { LearnerMemory } from "./remember.ts";
import { resolveConfig } from "./resolve.ts";
import { checkAveraged, getSetting } from "./settings.ts";
import { Work } from "./work.ts";

/** Answers for some rows. */
export interface Prediction {
  /** The likeliest class of each row, or of each of its places; empty where targets are values. */
  readonly labels: Uint32Array;
  /** [rows × classes], or [rows × places × classes]; empty where targets are values. */
  readonly probabilities: Float32Array;
  /** [rows × output] where targets are values, else empty. */
  readonly values: Float32Array;
}

/** Options of {@link Learner.predict}. */
export interface PredictOptions {
  /**
   * Whether row `i` goes on from where row `i` of the stream stands, in layers that carry state, rather than from 0; it stays there. At most
   * as many rows as a batch. Default false.
   */
  readonly carried?: boolean;
  /** Whether the weights that the optimizer averages answer, rather than those that are trained. Default false. */
  readonly averaged?: boolean;
}

/** What turns state into bytes and back, fetched when it is first needed. */
const snapshots = (): Promise<typeof import("./snapshot.ts")> => import("./snapshot.ts");

/** Skipped steps in a row that pause a learner. */
const PATIENCE = 20;

/** How well a learner answers. */
export interface Evaluation {
  /** Share of labels that are the likeliest class; NaN where targets are values. */
  readonly accuracy: number;
  /** Mean loss of the rows. */
  readonly loss: number;
  readonly count: number;
}

/**
 * A model that keeps learning: it owns its parameters, optimizer state, replay memory, schedule and random streams, and can save and
 * continue all of them.
 *
 * @example
 * const learner = await Learner.create(runtime, {
 *   model: nn.sequential(nn.linear(64), nn.relu(), nn.classifier({ capacity: 10 })),
 *   input: [784],
 *   optimizer: optim.adamw(),
 *   schedule: 1e-3,
 * });
 * const { loss } = await learner.observe({ x, y });
 */
export class Learner {
  readonly #store: Store | undefined;
  readonly #events: Emitter;
  readonly #work: Work;
  #busy: string | undefined;
  #closed = false;
  /** Skipped steps in a row. */
  #skipped = 0;

  private constructor(work: Work, events: Emitter, store: Store | undefined) {
    this.#work = work;
    this.#events = events;
    this.#store = store;
  }

  static async #of(store: Store | undefined, begin: (tell: (event: RecoveredEvent) => void) => Promise<Work>): Promise<Learner> {
    const events = new Emitter();
    return new Learner(await begin((event) => events.emit("recovered", event)), events, store);
  }

  get #engine(): Engine {
    return this.#work.engine;
  }

  /** Returns a new learner with fresh parameters. @throws E_CONFIG E_SHAPE E_OOM; with durability E_STATE where the store holds a learner, E_LOCKED */
  static async create(runtime: Runtime, options: LearnerOptions): Promise<Learner> {
    return Learner.#of(options.store, async (tell) => {
      if (options.durability !== undefined || options.residentBytes !== undefined)
        return (await import("./begin.ts")).beginDurable(runtime, tell, options);
      return Work.open(runtime, tell, await resolveConfig(options));
    });
  }

  /**
   * Returns the learner that was saved: it goes on as if it had never stopped. Without `options` it is made from what the checkpoint says; with
   * them (needed for layers or strategies of your own) they must be those it was made with, but that a classifier may have more capacity: it
   * grows, as in {@link Learner.grow}. One that had a durability goes on with it, and with all it had recorded.
   * @throws E_FORMAT E_CORRUPT E_VERSION E_MISMATCH E_LOCKED; E_STATE when nothing was saved
   */
  static async open(runtime: Runtime, store: Store, options?: LearnerOptions): Promise<Learner> {
    return Learner.#of(store, async (tell) => (await import("./begin.ts")).reopen(runtime, tell, store, options));
  }

  /** Returns what the learner takes: backend, parameters, kernels of a step, bytes of each arena. @throws E_STATE */
  plan(): LearnerPlan {
    this.#alive("plan");
    return this.#engine.plan();
  }

  /** Steps done. */
  get step(): number {
    return this.#engine.counters.step;
  }

  /** Rows learned from the stream. */
  get samples(): number {
    return this.#engine.counters.samples;
  }

  /** Rows in the replay memory. */
  get stored(): number {
    return this.memory?.stored ?? 0;
  }

  /** What the replay memory holds; undefined without one. */
  get memory(): LearnerMemory | undefined {
    return this.#engine.memory?.face;
  }

  /** The learning rate of the next step. */
  get learningRate(): number {
    return this.#engine.learningRate;
  }

  /** What the schedule waits for, by name, and the step that came next where it has happened; null where it has not. */
  get scheduleMarks(): Readonly<Record<string, number | null>> {
    return this.#engine.rates.marks;
  }

  /**
   * Tells the schedule that something happened, before the next step: `mark("cooldown")` begins the cooldown of one that starts on a mark.
   * @throws E_CONFIG where the schedule does not wait for that; E_STATE
   */
  async mark(name: string): Promise<void> {
    await this.#alone("mark", async () => {
      await this.#work.change({ kind: "mark", name });
    });
  }

  /**
   * Tells the controller that is the learner's schedule what was observed, before the next step: `control({ metric: 0.9 })` under
   * `controllers.plateau`. Returns its state, whose `rate` the next step has; it is saved with the rest.
   * @throws E_CONFIG where the schedule is no controller; E_DATA on what it cannot use; E_STATE
   */
  control(observation: unknown): { readonly rate: number } {
    this.#free("control");
    this.#work.changeNow({ kind: "control", observation });
    return this.#engine.rates.save().control as { readonly rate: number };
  }

  /** Returns a number of the optimizer as the next step will read it: `learningRate`, `weightDecay`, `clipByGlobalNorm.maxNorm`. @throws E_CONFIG E_STATE */
  get(name: string): number {
    this.#alive("get");
    return getSetting(this.#engine, name);
  }

  /**
   * Changes a number of the optimizer from the next step on; it is saved with the state. Undefined takes it back to what it was made with, the
   * learning rate to its schedule.
   * @throws E_CONFIG for a name or value that it does not have; E_STATE
   */
  set(name: string, value: number | undefined): void {
    this.#free("set");
    this.#work.changeNow({ kind: "set", name, value });
  }

  /** Adds a listener; returns the way to take it off. */
  on<K extends keyof LearnerEvents>(name: K, listener: (event: LearnerEvents[K]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Learns from one batch in one step. A batch that is refused changes nothing; nor does a step whose loss, gradients or weights are not
   * finite, which the result and event `skipped` tell.
   * @throws E_DATA on a bad batch; E_DIVERGED after twenty skipped steps in a row, until {@link resume}; E_STATE when closed or while another call is under way
   */
  async observe(batch: Batch): Promise<StepResult> {
    const result = await this.#alone("observe", async () => {
      if (this.#skipped >= PATIENCE) this.#diverged();
      const checked = checkBatch("observe", batch, this.#engine.config);
      const outputs = (await this.#work.change({ kind: "observe", batch: checked })) as StepOutputs;
      return { step: this.#engine.counters.step, ...outputs };
    });
    const { skipped } = result;
    this.#skipped = skipped === undefined ? 0 : this.#skipped + 1;
    if (skipped === undefined) this.#events.emit("step", result);
    else this.#events.emit("skipped", skipped);
    if (this.#skipped >= PATIENCE) this.#diverged(skipped);
    return result;
  }

  /** Lets a learner go on that was paused after many skipped steps. */
  resume(): void {
    this.#skipped = 0;
  }

  #diverged(skipped?: SkippedStep): never {
    fail("E_DIVERGED", `observe: training is paused; expected finite numbers, got ${PATIENCE} skipped steps in a row`, {
      hint: 'Lower the learning rate, clip gradients (optim.clip) or look at the rows that event "skipped" names; then call resume(), or open an earlier save.',
      context: { step: this.step, ...skipped },
    });
  }

  /** Returns the classes or values of rows [rows × row], flattened. @throws E_DATA E_STATE */
  async predict(x: Float32Array | Uint8Array, options: PredictOptions = {}): Promise<Prediction> {
    this.#alive("predict");
    checkKeys("predict", options, ["carried", "averaged"]);
    const { config, layout } = this.#engine;
    const rows = checkRows("predict", x, config);
    const count = rows.length / sizeOf(config.input.shape);
    const { carried = false, averaged = false } = options;
    if (averaged) checkAveraged("predict", config.optimizer);
    if (carried && count > layout.staging)
      fail("E_DATA", `predict: more rows than the stream has; expected at most ${layout.staging}, got ${count}`, {
        hint: "A carried row goes on from the row of the same place in the last batch.",
      });
    const { answers } = await this.#work.safely((engine) => engine.infer(rows, undefined, carried, averaged));
    const none = new Float32Array(0);
    if (config.loss.targets === "values") return { labels: new Uint32Array(0), probabilities: none, values: answers };
    return { labels: argmax(answers, config.classes), probabilities: answers, values: none };
  }

  /** Returns how well batches with targets are answered, each row beginning afresh; nothing is learned. @throws E_CONFIG E_DATA E_STATE */
  async evaluate(stream: Stream, options: Pick<PredictOptions, "averaged"> = {}): Promise<Evaluation> {
    this.#alive("evaluate");
    checkKeys("evaluate", options, ["averaged"]);
    const { config } = this.#engine;
    const { averaged = false } = options;
    if (averaged) checkAveraged("evaluate", config.optimizer);
    let [right, loss, count] = [0, 0, 0];
    for await (const batch of stream) {
      const { x, targets } = checkBatch("evaluate", batch, config);
      const { answers, rowLoss } = await this.#work.safely((engine) => engine.infer(x, targets, false, averaged));
      if (config.loss.targets === "labels") {
        const classes = argmax(answers, config.classes);
        for (let i = 0; i < targets.length; i++) if (classes[i] === targets[i]) right += 1;
      } else right = Number.NaN;
      for (const value of rowLoss) loss += value;
      count += rowLoss.length;
    }
    if (count === 0) fail("E_DATA", "evaluate: the stream is empty; expected at least one row, got none");
    return { accuracy: right / (count * config.targets), loss: loss / count, count };
  }

  /** Tells that a task ended or the stream drifted: strategies settle what they keep, the schedule has its mark "boundary". @throws E_STATE */
  async consolidate(): Promise<void> {
    const boundary = await this.#alone("consolidate", async () => {
      await this.#work.change({ kind: "consolidate" });
      return this.#engine.counters.boundaries;
    });
    this.#events.emit("boundary", { boundary, step: this.step });
  }

  /**
   * Lets rows of the stream, default all, begin afresh in layers that carry state from batch to batch: a sequence ended, another takes its
   * place. Nothing else does that, boundaries included. @throws E_DATA on a row that no batch has; E_STATE
   */
  async resetCarry(rows?: readonly number[]): Promise<void> {
    await this.#alone("resetCarry", async () => {
      await this.#work.change({ kind: "resetCarry", rows: rows ?? [...Array(this.#engine.layout.staging).keys()] });
    });
  }

  /**
   * Gives the classifier more capacity: classes it has keep their weights and what the optimizer knows of them, those it gains begin with
   * fresh weights. @throws E_CONFIG when it has more already, or there is none; E_UNSUPPORTED for layers of your own: save, and open with the
   * larger model; E_STATE
   */
  async grow(capacity: number): Promise<void> {
    await this.#alone("grow", async () => {
      const { growConfig, restoreState, takeState } = await snapshots();
      const config = growConfig(this.#engine.config, capacity);
      await this.#work.safely(async (engine) => this.#work.replace(config, restoreState(await takeState(engine), config, "grow")));
    });
  }

  /**
   * Takes rows out of memory, by the ids they came with or by task and label: zeros are written over them, memory counts them no more, and
   * refuses their ids unless told otherwise. What the weights learned of them stays.
   * @throws E_CONFIG E_DATA E_STATE
   */
  async forget(rows: ForgetRows, options: ForgetOptions = {}): Promise<Forgotten> {
    return this.#alone("forget", async () => {
      const { forgetRows } = await import("./forget.ts");
      const named = "where" in rows ? rows : checkIds("forget", rows);
      return this.#work.safely(async (engine) => {
        const forgotten = await forgetRows(engine, named, options);
        await this.#work.forgetPast(engine);
        return forgotten;
      });
    });
  }

  /** Saves the whole state to the learner's store. @throws E_CONFIG without a store; E_STATE; what the store throws */
  async save(): Promise<void> {
    const store =
      this.#store ??
      fail("E_CONFIG", 'save: the learner has no store; expected option "store", got nothing', { hint: "Pass store: stores.auto(name)." });
    const bytes = await this.#alone("save", async () => {
      const { durable } = this.#work;
      if (durable !== undefined) return this.#work.safely((engine) => durable.snapshot(engine));
      const { encodeState } = await snapshots();
      const encoded = await this.#work.safely(encodeState);
      await store.write(encoded);
      return encoded.length;
    });
    this.#events.emit("saved", { step: this.step, bytes });
  }

  /** Resolves once all changes so far are on the device. @throws E_CONFIG without durability; E_STATE; what the store throws */
  async commit(): Promise<void> {
    await this.#alone("commit", async () => {
      const { durable } = this.#work;
      if (durable === undefined)
        fail("E_CONFIG", 'commit: the learner does not record its changes; expected option "durability", got nothing', {
          hint: 'Pass durability: "relaxed", or call save().',
        });
      await durable.commit();
    });
  }

  /** Where changes are recorded, and how long that takes; undefined without durability. */
  get storage(): StorageInfo | undefined {
    return this.#work.durable?.info;
  }

  /** Returns the whole state as the bytes of one file, which {@link Learner.open} takes from a store. @throws E_STATE */
  async checkpoint(): Promise<Uint8Array> {
    return this.#alone("checkpoint", async () => this.#work.safely((await snapshots()).encodeState));
  }

  /** Returns a copy of all parameters and layer states by path. @throws E_STATE */
  async weights(): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>> {
    return this.#alone("weights", async () => this.#work.safely((await import("./weights.ts")).weightsOf));
  }

  /** Returns the SHA-256, in hex, of everything that decides how the learner goes on. @throws E_STATE */
  async stateHash(): Promise<string> {
    return this.#alone("stateHash", async () => this.#work.safely((await snapshots()).hashState));
  }

  /** Frees everything; any later call fails with E_STATE. @throws E_STATE while another call is under way */
  async close(): Promise<void> {
    await this.#alone("close", async () => {
      this.#closed = true;
      await this.#work.close();
    });
  }

  #alive(call: string): void {
    if (this.#closed)
      fail("E_STATE", `${call}: the learner is closed; expected an open learner, got a call after close()`, {
        hint: "Open it again with Learner.open.",
      });
  }

  /** Refuses a call while the learner is closed or another is under way. */
  #free(call: string): void {
    this.#alive(call);
    if (this.#busy !== undefined)
      fail("E_STATE", `${call}: ${this.#busy} is under way; expected one call at a time, got a second`, {
        hint: `Await ${this.#busy}() first.`,
      });
  }

  /** Runs what must not meet another of its kind. */
  async #alone<T>(call: string, action: () => Promise<T>): Promise<T> {
    this.#free(call);
    this.#busy = call;
    try {
      return await action();
    } finally {
      this.#busy = undefined;
    }
  }
}
