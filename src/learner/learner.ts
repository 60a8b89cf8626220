import type { Runtime } from "../backend/runtime.ts";
import { fail } from "../errors.ts";
import type { Store } from "../store/index.ts";
import type { Batch, Stream } from "../stream/index.ts";
import type { Prediction, PredictOptions } from "./answers.ts";
import { checkBatch, checkIds } from "./batch.ts";
import type { ClaimOptions } from "./begin.ts";
import type { LearnerOptions } from "./config.ts";
import type { Durable, StorageInfo } from "./durable.ts";
import type { Engine, LearnerPlan, StepOutputs } from "./engine.ts";
import type { EvaluateOptions, Evaluation } from "./evaluate.ts";
import { Emitter, type LearnerEvents, type RecoveredEvent, type SkippedStep, type StepResult } from "./events.ts";
import type { ForgetOptions, ForgetRows, Forgotten } from "./forget.ts";
import type { Leader } from "./lead.ts";
import { checkOperation, type Operation, type Sender } from "./operation.ts";
import type { LearnerMemory } from "./remember.ts";
import { resolveConfig } from "./resolve.ts";
import { getSetting } from "./settings.ts";
import { Work } from "./work.ts";

/** What turns state into bytes and back, fetched when it is first needed. */
const snapshots = (): Promise<typeof import("./snapshot.ts")> => import("./snapshot.ts");

/** Skipped steps in a row that pause a learner. */
const PATIENCE = 20;

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
  /** Hears followers, once told to. */
  #leader: Leader | undefined;
  /** Whether a batch of theirs is under way. */
  #leading = false;
  #turns: Promise<unknown> = Promise.resolve();
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
      if ((options.durability ?? options.residentBytes) !== undefined)
        return (await import("./begin.ts")).beginDurable(runtime, tell, options);
      return Work.open(runtime, tell, await resolveConfig(options));
    });
  }

  /**
   * Returns the learner that was saved: it goes on as if it had never stopped. Without `options` it is made from what the checkpoint says; with
   * them (needed for layers or strategies of your own) they must be those it was made with, but that a classifier may have more capacity: it
   * grows, as in {@link Learner.grow}. One that had a durability goes on with it, and with all it had recorded; `waitMs` and `steal` may stand
   * alone.
   * @throws E_FORMAT E_CORRUPT E_VERSION E_MISMATCH E_LOCKED; E_STATE when nothing was saved
   */
  static async open(runtime: Runtime, store: Store, options?: LearnerOptions | ClaimOptions): Promise<Learner> {
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

  /** Boundaries told by {@link Learner.consolidate}. */
  get boundaries(): number {
    return this.#engine.counters.boundaries;
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
    const state = this.#engine.rates.next(observation);
    this.#changeNow({ kind: "control", observation });
    return state;
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
    this.#changeNow({ kind: "set", name, value });
  }

  /** Adds a listener; returns the way to take it off. */
  on<K extends keyof LearnerEvents>(name: K, listener: (event: LearnerEvents[K]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Learns from one batch in one step. A batch that is refused changes nothing; nor does a step whose loss, gradients or weights are not
   * finite, which the result and event `skipped` tell.
   * @throws E_DATA on a bad batch; E_DIVERGED after twenty skipped steps in a row, until {@link resume}, once a learner with durability is back
   * at the last snapshot before them; E_STATE when closed or while another call is under way
   */
  async observe(batch: Batch): Promise<StepResult> {
    return this.#tell(await this.#alone("observe", () => this.#learn(batch)));
  }

  async #learn(batch: Batch, from?: Sender): Promise<StepResult> {
    if (this.#skipped >= PATIENCE) await this.#diverged();
    const checked = checkBatch("observe", batch, this.#engine.config);
    const outputs = (await this.#work.change({ kind: "observe", batch: checked, ...(from && { from }) })) as StepOutputs;
    return { step: this.#engine.counters.step, ...outputs };
  }

  async #tell(result: StepResult): Promise<StepResult> {
    const { skipped } = result;
    this.#skipped = skipped === undefined ? 0 : this.#skipped + 1;
    if (skipped === undefined) this.#events.emit("step", result);
    else this.#events.emit("skipped", skipped);
    for (const signal of result.signals ?? []) this.#events.emit("signal", { signal, step: result.step });
    if (this.#skipped >= PATIENCE) await this.#turn(() => this.#diverged(skipped));
    return result;
  }

  /** Lets a learner go on that was paused after many skipped steps. */
  resume(): void {
    this.#skipped = 0;
  }

  async #diverged(skipped?: SkippedStep): Promise<never> {
    const { diverge } = await import("./history.ts");
    return diverge(this.#work, PATIENCE, skipped, (event) => this.#events.emit("rolledBack", event));
  }

  /** Returns the classes or values of rows [rows × row], flattened. @throws E_DATA E_STATE */
  async predict(x: Float32Array | Uint8Array, options: PredictOptions = {}): Promise<Prediction> {
    this.#alive("predict");
    const { predictRows } = await import("./answers.ts");
    this.#alive("predict");
    return predictRows(this.#work, x, options);
  }

  /** Returns how well batches with targets are answered, each row beginning afresh; nothing is learned. @throws E_CONFIG E_DATA E_STATE */
  async evaluate(stream: Stream, options: EvaluateOptions = {}): Promise<Evaluation> {
    this.#alive("evaluate");
    const { evaluateStream } = await import("./evaluate.ts");
    return evaluateStream(this.#work, stream, options);
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
      (await snapshots()).growConfig(this.#engine.config, capacity);
      await this.#work.change({ kind: "grow", capacity });
    });
  }

  /**
   * Takes rows out of memory, by the ids they came with or by task and label: zeros are written over them, memory counts them no more, and
   * refuses their ids unless told otherwise. They leave the sums of heads in closed form, too, exactly where the body is not trained. What the
   * weights learned of them stays, unless it is to be exact, which takes durability.
   * @throws E_CONFIG E_DATA E_UNSUPPORTED; E_STATE, also where the store does not reach back to before they came
   */
  async forget(rows: ForgetRows, options: ForgetOptions = {}): Promise<Forgotten> {
    return this.#alone("forget", async () => {
      const named = "where" in rows ? rows : checkIds("forget", rows);
      if (options.exact === true) return (await import("./history.ts")).forgetExactly(this.#work, named, options);
      const { forgetRows } = await import("./forget.ts");
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

  /** Resolves once all changes so far are on the device; others may be made meanwhile. @throws E_CONFIG without durability; E_STATE; what the store throws */
  async commit(): Promise<void> {
    this.#alive("commit");
    await this.#durable("commit").commit();
  }

  #durable(call: string): Durable {
    return (
      this.#work.durable ??
      fail("E_CONFIG", `${call}: the learner does not record its changes; expected option "durability", got nothing`, {
        hint: 'Pass durability: "relaxed", or call save().',
      })
    );
  }

  /**
   * Hears what followers ({@link Follower}) in other tabs, or threads of this program, hand over, until it is closed or another takes the store: their
   * batches are learned in turn with its own calls, and acknowledged once they are recorded as those are.
   * @throws E_CONFIG without durability; E_UNSUPPORTED where there is no BroadcastChannel; E_STATE
   */
  async lead(): Promise<void> {
    const { Leader } = await import("./lead.ts");
    this.#alive("lead");
    const durable = this.#durable("lead");
    this.#leader ??= new Leader(durable.id, async (batch, from) => {
      const result = await this.#turn(async () => {
        this.#alive("observe");
        if (durable.handed.has(from)) return undefined;
        this.#leading = true;
        return this.#learn(batch, from).finally(() => {
          this.#leading = false;
        });
      });
      return result === undefined ? { step: this.step } : this.#tell(result);
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
      this.#leader?.close();
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
      return await this.#turn(action);
    } finally {
      this.#busy = undefined;
    }
  }

  /** Runs the caller's calls and followers' one after another. */
  #turn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(action);
    this.#turns = turn.catch(() => {});
    return turn;
  }

  /** What is recorded already comes first, though it is not done yet. */
  #changeNow(operation: Operation): void {
    if (this.#leading) {
      checkOperation(this.#engine, operation);
      this.#turn(async () => this.#work.changeNow(operation));
    } else this.#work.changeNow(operation);
  }
}
