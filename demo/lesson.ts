import { Learner, type LearnerOptions, memory, nn, optim, type Runtime, type Store, stores, strategies, streams } from "palimpsest";
import { classes, seed, side } from "./course.ts";

/** How a student is taught. */
export type Strategy = "naive" | "replay";

/** What a lesson is to be. */
export interface Settings {
  readonly strategies: readonly Strategy[];
  /** Examples that replay may keep. */
  readonly capacity: number;
}

/** What was measured of one student. */
export interface History {
  /** Accuracy on each task met so far, at some steps. */
  readonly measured: { readonly step: number; readonly accuracy: readonly number[] }[];
  /** Mean loss of each {@link lossWindow} steps. */
  readonly losses: number[];
  /** Sum of the losses since. */
  lossSum: number;
  /** Row `i`: the accuracy on tasks `0…i` after task `i`. */
  readonly matrix: (readonly number[])[];
}

/** A learner and what was measured of it. */
export interface Student {
  readonly strategy: Strategy;
  readonly learner: Learner;
  readonly history: History;
}

/** What is needed, beside what the learners saved, to take a lesson up again. */
export interface Bookmark {
  readonly settings: Settings;
  readonly step: number;
  readonly histories: readonly History[];
}

/** Steps in an entry of {@link History.losses}. */
export const lossWindow = 5;

const batchSize = 16;
const epochs = 3;
const testRows = 128;
const stepsBetweenMeasures = 10;

/** Students who are taught the same tasks in the same steps. */
export class Lesson {
  readonly settings: Settings;
  readonly students: readonly Student[];
  readonly tasks: readonly streams.Task[];
  readonly stepsPerTask: number;
  #step: number;
  #batches: Iterator<streams.Batch>;
  #stepMs = 0;
  #stepsTimed = 0;
  #measuredAt: number;
  #measuredAtMs = 0;
  #measureMs = 0;

  private constructor(tasks: readonly streams.Task[], settings: Settings, students: readonly Student[], step: number) {
    this.tasks = tasks;
    this.settings = settings;
    this.students = students;
    this.stepsPerTask = streams.batchCount((tasks[0] as streams.Task).train, { batchSize, epochs });
    this.#step = step;
    this.#batches = batchesFrom(tasks, step, this.stepsPerTask);
    this.#measuredAt = step;
  }

  /** Returns a lesson at its first step. */
  static async begin(runtime: Runtime, tasks: readonly streams.Task[], settings: Settings): Promise<Lesson> {
    const students: Student[] = [];
    for (const strategy of settings.strategies) {
      const learner = await Learner.create(runtime, optionsOf(strategy, settings.capacity));
      students.push({ strategy, learner, history: { measured: [], losses: [], lossSum: 0, matrix: [] } });
    }
    const lesson = new Lesson(tasks, settings, students, 0);
    await lesson.#measure();
    return lesson;
  }

  /** Returns the lesson that was kept; it goes on as if it had never stopped. */
  static async resume(runtime: Runtime, tasks: readonly streams.Task[], { settings, step, histories }: Bookmark): Promise<Lesson> {
    const students: Student[] = [];
    for (const [i, strategy] of settings.strategies.entries()) {
      const learner = await Learner.open(runtime, storeOf(strategy));
      students.push({ strategy, learner, history: histories[i] as History });
      if (learner.step !== step) throw new Error(`the ${strategy} learner was kept at step ${learner.step}, its history at ${step}`);
    }
    return new Lesson(tasks, settings, students, step);
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Steps of the whole lesson. */
  get steps(): number {
    return this.tasks.length * this.stepsPerTask;
  }

  /** The task under way; the last one when all is done. */
  get task(): number {
    return Math.min(Math.floor(this.#step / this.stepsPerTask), this.tasks.length - 1);
  }

  /** Steps of a learner in a second of computing, pauses and tests not counted; 0 before the first. */
  get speed(): number {
    return this.#stepMs === 0 ? 0 : (1000 * this.#stepsTimed) / this.#stepMs;
  }

  /** Teaches every student the next batch; measures them at the end of a task and now and then. */
  async advance(): Promise<void> {
    const { value: batch } = this.#batches.next() as IteratorYieldResult<streams.Batch>;
    const start = performance.now();
    for (const { learner, history } of this.students) {
      const { step, loss } = await learner.observe(batch);
      history.lossSum += loss;
      if (step % lossWindow > 0) continue;
      history.losses.push(history.lossSum / lossWindow);
      history.lossSum = 0;
    }
    this.#stepMs += performance.now() - start;
    this.#stepsTimed += this.students.length;
    this.#step += 1;
    if (this.#step % this.stepsPerTask === 0) await this.#finishTask();
    else if (this.#measureIsDue) await this.#measure();
  }

  /** Saves every learner in its store and returns the rest. */
  async keep(): Promise<Bookmark> {
    for (const { learner } of this.students) await learner.save();
    return { settings: this.settings, step: this.#step, histories: this.students.map(({ history }) => history) };
  }

  /** Frees the learners. */
  async close(): Promise<void> {
    for (const { learner } of this.students) await learner.close();
  }

  /** Measuring takes at most half of the time, however slow the backend. */
  get #measureIsDue(): boolean {
    return this.#step - this.#measuredAt >= stepsBetweenMeasures && performance.now() - this.#measuredAtMs >= this.#measureMs;
  }

  async #finishTask(): Promise<void> {
    await this.#measure();
    const finished = this.#step / this.stepsPerTask;
    for (const { learner, history } of this.students) {
      history.matrix.push((history.measured.at(-1) as History["measured"][number]).accuracy.slice(0, finished));
      await learner.consolidate();
    }
  }

  async #measure(): Promise<void> {
    const start = performance.now();
    for (const { learner, history } of this.students) {
      const accuracy: number[] = [];
      for (const { test } of this.tasks.slice(0, this.task + 1)) {
        const evaluation = await learner.evaluate(streams.batches(test, { batchSize: testRows, shuffle: false }));
        accuracy.push(evaluation.accuracy);
      }
      history.measured.push({ step: this.#step, accuracy });
    }
    this.#measuredAt = this.#step;
    this.#measuredAtMs = performance.now();
    this.#measureMs = this.#measuredAtMs - start;
  }
}

function optionsOf(strategy: Strategy, capacity: number): LearnerOptions {
  return {
    model: nn.sequential(nn.flatten(), nn.linear(128), nn.relu(), nn.classifier({ capacity: classes })),
    input: { shape: [side, side], dtype: "u8", scale: 2 / 255, offset: -0.25 },
    optimizer: optim.adamw({ weightDecay: 0.01 }),
    schedule: 5e-4,
    seed,
    batchSize,
    store: storeOf(strategy),
    ...(strategy === "replay" && { memory: memory.classBalanced({ capacity }), strategies: [strategies.replay({ batchSize })] }),
  };
}

/** Returns where a student's learner is saved. */
export const storeOf = (strategy: Strategy): Store => stores.auto(`palimpsest-demo-${strategy}`);

function* batchesFrom(tasks: readonly streams.Task[], step: number, stepsPerTask: number): Generator<streams.Batch, void, void> {
  for (let task = Math.floor(step / stepsPerTask); task < tasks.length; task++) {
    const skip = Math.max(0, step - task * stepsPerTask);
    yield* streams.batches((tasks[task] as streams.Task).train, { batchSize, epochs, seed, skip, task });
  }
}
