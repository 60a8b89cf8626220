/** A learner that another writes, read along from its store. */
import type { Runtime } from "../backend/runtime.ts";
import { checkNumber, fail, isError } from "../errors.ts";
import { type FollowingLog, readLog, type Store } from "../store/index.ts";
import type { Mark } from "../store/log.ts";
import { latest } from "../store/open.ts";
import type { Batch, Stream } from "../stream/index.ts";
import { type Prediction, type PredictOptions, predictRows } from "./answers.ts";
import { givenConfig } from "./begin.ts";
import type { HandedStep } from "./channel.ts";
import type { Config, LearnerOptions } from "./config.ts";
import { type EvaluateOptions, type Evaluation, evaluateStream } from "./evaluate.ts";
import { Handed } from "./handed.ts";
import { decodeOperation } from "./journal.ts";
import type { Sender } from "./operation.ts";
import { Outbox } from "./outbox.ts";
import { resolveConfig } from "./resolve.ts";
import { configThen, type SavedConfig } from "./saved.ts";
import { checkSame, decodeState, hashState, loadConfig, restoreState } from "./snapshot.ts";
import type { SavedState } from "./state.ts";
import { Work } from "./work.ts";

const WAIT_MS = 10_000;

/**
 * A learner that another tab, thread or process writes, as its store has it: it answers as of the last {@link Follower.refresh}, and hands
 * batches to the writer. Calls may overlap; they take effect one after another.
 *
 * @example
 * const follower = await Follower.open(runtime, stores.auto("my-model"));
 * await follower.observe({ x, y }); // the learner that has called lead() learns it, once
 * await follower.refresh();
 */
export class Follower {
  readonly #store: Store;
  readonly #log: FollowingLog;
  readonly #work: Work;
  readonly #given: Config | undefined;
  readonly #outbox: Outbox;
  /** What has been repeated; undefined where that failed half-way. */
  #mark: Mark | undefined;
  #handed: Handed;
  #turns: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(store: Store, log: FollowingLog, given: Config | undefined, waitMs: number, work: Work, begin: Read) {
    this.#store = store;
    this.#log = log;
    this.#given = given;
    this.#work = work;
    this.#handed = begin.handed;
    this.#mark = begin.mark;
    this.#outbox = new Outbox(log.id, waitMs, (from) => this.#stepBehind(from));
  }

  /**
   * Returns a follower of the learner that a store holds, as it was last committed; nothing is written to the store. `options`, but for `waitMs`,
   * are those of {@link Learner.open}, needed for layers or strategies of your own. `waitMs`: for how long `observe` waits for a writer to
   * answer, in milliseconds, default 10 000.
   * @throws E_STATE where the store holds none; E_UNSUPPORTED where its rows lie in a file; E_CONFIG for a store of one file; E_CORRUPT E_FORMAT E_VERSION E_MISMATCH
   */
  static async open(runtime: Runtime, store: Store, options: LearnerOptions | Pick<LearnerOptions, "waitMs"> = {}): Promise<Follower> {
    const { waitMs = WAIT_MS } = options;
    checkNumber("Follower.open", "waitMs", waitMs, { min: 0, max: 2 ** 31 - 1 });
    const given = await givenConfig(options);
    if (store.open === undefined)
      fail("E_CONFIG", `${store.name}: this store keeps one file; expected one that can be read while another writes, got a file store`, {
        hint: "Use stores.auto(name) or stores.folder(path).",
      });
    const log = await readLog(await store.open("read"));
    let work: Work | undefined;
    try {
      const begin = await latest(log, () => read(log, store, given));
      work = await Work.open(runtime, () => {}, begin.config, begin.saved);
      const follower = new Follower(store, log, given, waitMs, work, begin);
      await follower.#catchUp();
      return follower;
    } catch (error) {
      await work?.close();
      await log.close();
      throw error;
    }
  }

  /** Steps done. */
  get step(): number {
    return this.#work.engine.counters.step;
  }

  /** Rows learned from the stream. */
  get samples(): number {
    return this.#work.engine.counters.samples;
  }

  /** Takes over what was committed since, and tells whether there was anything. @throws E_CORRUPT E_STATE */
  refresh(): Promise<boolean> {
    return this.#turn("refresh", () => this.#refresh());
  }

  /** Returns the classes or values of rows [rows × row], flattened. @throws E_DATA E_STATE */
  predict(x: Float32Array | Uint8Array, options: PredictOptions = {}): Promise<Prediction> {
    return this.#turn("predict", () => predictRows(this.#work, x, options));
  }

  /** Returns how well batches with targets are answered; nothing is learned. @throws E_CONFIG E_DATA E_STATE */
  evaluate(stream: Stream, options: EvaluateOptions = {}): Promise<Evaluation> {
    return this.#turn("evaluate", () => evaluateStream(this.#work, stream, options));
  }

  /** Returns what {@link Learner.stateHash} of the learner in the same state does. @throws E_STATE */
  stateHash(): Promise<string> {
    return this.#turn("stateHash", () => this.#work.safely(hashState));
  }

  /**
   * Hands a batch to the writer, and resolves once that has learned and recorded it, as durably as what it observes itself. It is learned once,
   * however often the writer is killed or the store taken over meanwhile. Batches are copied, and handed over in the order of the calls.
   * @throws what the writer's `observe` throws; E_STATE where no writer answered within `waitMs`: then it is not in the store
   */
  observe(batch: Batch): Promise<HandedStep> {
    return this.#outbox.hand(batch);
  }

  /** Frees everything; batches that wait for an answer fail with E_STATE. */
  async close(): Promise<void> {
    this.#outbox.close();
    await this.#turn("close", async () => {
      this.#closed = true;
      await this.#work.close();
      await this.#log.close();
    });
  }

  async #refresh(): Promise<boolean> {
    const id = this.#log.id;
    if (!(await this.#log.refresh()) && this.#mark !== undefined) return false;
    if (this.#log.id !== id)
      fail("E_STATE", `${this.#store.name}: this is another store than was followed; expected ${id}, got ${this.#log.id || "none"}`, {
        hint: "Close the follower and open it anew.",
      });
    await this.#catchUp();
    return true;
  }

  /** Repeats the records that came since, or else those behind the present snapshot. */
  async #catchUp(): Promise<void> {
    const log = this.#log;
    for (;;) {
      try {
        const { mark } = log;
        const records = this.#mark && log.since(this.#mark);
        this.#mark = undefined;
        if (records === undefined) await this.#beginAt(await read(log, this.#store, this.#given));
        else {
          for await (const record of records) await this.#repeat(record);
          this.#mark = mark;
          return;
        }
      } catch (error) {
        // The writer may have removed meanwhile what it no longer needs.
        if (!isError(error, "E_STATE") || !(await log.refresh())) throw error;
      }
    }
  }

  async #repeat(record: Uint8Array): Promise<void> {
    const operation = decodeOperation(record, this.#work.engine.config, this.#log.name);
    this.#handed.note(operation);
    await this.#work.repeat(operation);
  }

  async #beginAt({ config, saved, handed, mark }: Read): Promise<void> {
    await this.#work.become(await this.#work.twin(config, saved));
    this.#handed = handed;
    this.#mark = mark;
  }

  /** Returns the step after a batch that the store holds. */
  #stepBehind(from: Sender): Promise<HandedStep | undefined> {
    return this.#turn("observe", async () => {
      await this.#refresh();
      return this.#handed.has(from) ? { step: this.step } : undefined;
    });
  }

  #turn<T>(call: string, action: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(() => {
      if (this.#closed)
        fail("E_STATE", `${call}: the follower is closed; expected an open one, got a call after close()`, {
          hint: "Open it again with Follower.open.",
        });
      return action();
    });
    this.#turns = turn.catch(() => {});
    return turn;
  }
}

/** A snapshot. */
interface Read {
  readonly config: Config;
  readonly saved: SavedState;
  readonly handed: Handed;
  /** Where the records behind it begin. */
  readonly mark: Mark;
}

/** Returns the present snapshot of a log. */
async function read(log: FollowingLog, { name }: Store, given: Config | undefined): Promise<Read> {
  const parts = await log.parts();
  const { store, generation } = log.mark;
  const bytes = parts.get("checkpoint");
  if (bytes === undefined)
    fail("E_STATE", `Follower.open: nothing was saved in ${name}; expected a learner, got nothing`, {
      hint: "Make one with Learner.create and a durability.",
    });
  const checkpoint = await decodeState(bytes, name, given);
  const known = checkpoint.meta.config as SavedConfig;
  if (given !== undefined) checkSame(known, given, name);
  const config = given === undefined ? await resolveConfig(await loadConfig(known)) : configThen(given, known);
  const mark = { store, generation: { ...generation, journal: [] } };
  const saved = restoreState(checkpoint, config, name);
  if (saved.pages !== undefined)
    fail("E_UNSUPPORTED", `Follower.open: the rows of ${name} lie in a file that the writer changes; expected one without residentBytes`, {
      hint: "Let the writer keep its rows in memory, or hand it over with learner.checkpoint().",
    });
  return { config, saved, handed: Handed.of(parts, name), mark };
}
