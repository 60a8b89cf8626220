/** A run: tasks learned one after another, kept and continued. Nothing here is of one runtime alone. */
import type { Runtime } from "../backend/runtime.ts";
import { fail } from "../errors.ts";
import type { Durability, LearnerOptions } from "../learner/config.ts";
import type { SkippedStep } from "../learner/events.ts";
import { Learner } from "../learner/learner.ts";
import type { RunRecord } from "../metrics/index.ts";
import { RandomStream } from "../random.ts";
import type { Store } from "../store/index.ts";
import { batchCount, batches, type Dataset, type Scenario } from "../stream/index.ts";
import { sample } from "./data.ts";
import { enter, type Journal, type Note, newJournal, type RunOptions, readJournal } from "./journal.ts";

/** A run: what is learned, by what, and how. */
export interface Setup {
  readonly name: string;
  readonly scenario: Scenario;
  /** The learner, but for its store. */
  readonly learner: LearnerOptions;
  /** Samples in a step. */
  readonly batch: number;
  /** Passes over each task. */
  readonly epochs: number;
  readonly seed: number;
  /** Everything that decides the run, as plain data by the names of its options. */
  readonly options: RunOptions;
}

/** How a run is kept and stopped. */
export interface Control {
  /** Where it is kept, and continued from when something is there. */
  readonly store?: Store | undefined;
  /** How each step is recorded there. Default: relaxed. */
  readonly durability?: Durability;
  /** Aborted to stop the run after the step under way. */
  readonly stop?: AbortSignal;
}

/** What a finished run came to. */
export interface Outcome {
  readonly record: RunRecord;
  readonly steps: number;
  readonly samples: number;
  /** Time spent in steps. */
  readonly seconds: number;
  readonly stateHash: string;
}

/** What happens in a run, in order; `accuracies` are by task, of an evaluation within a task only on those so far. */
export type RunEvent =
  | { readonly type: "start"; readonly step: number; readonly steps: number; readonly tasks: readonly string[] }
  | { readonly type: "step"; readonly step: number; readonly task: number; readonly loss: number; readonly learningRate: number }
  | { readonly type: "evaluation"; readonly step: number; readonly task: number; readonly accuracies: readonly number[] }
  | { readonly type: "task"; readonly step: number; readonly task: number; readonly name: string; readonly accuracies: readonly number[] }
  | { readonly type: "interrupted"; readonly step: number; readonly saved: boolean }
  | { readonly type: "end"; readonly outcome: Outcome };

/** Rows of the test part of each task so far that are asked within a task, and how often at most in one task. */
const probe = { rows: 100, most: 12 } as const;
/** Rows asked for each row learned: to answer costs a third to a half of what it costs to learn, so this takes a tenth of the time. */
const askedPerLearned = 0.25;
/** Milliseconds after which a run lets signals and timers have their turn: a Wasm step does not. */
const breath = 50;

/**
 * Yields what happens while the tasks of a run are learned one after another; the last event is "end", or "interrupted" when it was
 * stopped. A run that is stopped, or killed at any moment, and continued from its store ends as one that never was.
 * @throws E_MISMATCH where the store holds another run; E_LOCKED while another learns there; E_DIVERGED; what the learner and the store throw
 */
export async function* experiment(runtime: Runtime, setup: Setup, control: Control = {}): AsyncGenerator<RunEvent, void, void> {
  const { store, stop } = control;
  const { tasks } = setup.scenario;
  const ends = taskEnds(setup.scenario, setup.batch, setup.epochs);
  const { learner, journal } = await begin(runtime, setup, control);
  const tests = tasks.map(({ test }) => test);
  const probes = tests.map((test) => sample(test, probe.rows));
  const evaluate = async (asked: readonly Dataset[], over: boolean): Promise<readonly number[]> => {
    const { step } = learner;
    const accuracies = await accuraciesOf(learner, asked);
    await tell(learner, journal, { kind: "evaluation", step, accuracies, over, timed: journal.timed });
    return accuracies;
  };
  try {
    yield { type: "start", step: learner.step, steps: ends.at(-1) as number, tasks: tasks.map(({ name }) => name) };
    if (journal.baseline === undefined) yield { type: "evaluation", step: 0, task: 0, accuracies: await evaluate(tests, false) };
    const pause = newPause();
    for (let task = journal.matrix.length; task < tasks.length; task++) {
      const { name, train } = tasks[task] as Scenario["tasks"][number];
      const start = ends[task - 1] ?? 0;
      const end = ends[task] as number;
      const asked = probeSteps(start, end, (askedPerLearned * train.count * setup.epochs) / (task + 1));
      // A run that was killed may owe the evaluation of the step it goes on after.
      const owed = (): boolean => asked.has(learner.step) && (journal.curve.at(-1)?.step ?? 0) < learner.step;
      const evaluation = async (): Promise<RunEvent> => {
        return { type: "evaluation", step: learner.step, task, accuracies: await evaluate(probes.slice(0, task + 1), false) };
      };
      if (owed()) yield evaluation();
      const order = new RandomStream(setup.seed, `cli/order/${task}`).u32();
      const options = { batchSize: setup.batch, epochs: setup.epochs, seed: order, skip: learner.step - start, task };
      for (const batch of batches(train, options)) {
        await pause();
        if (stop?.aborted) {
          if (store !== undefined) await learner.commit();
          yield { type: "interrupted", step: learner.step, saved: store !== undefined };
          return;
        }
        const before = performance.now();
        const { step, loss, learningRate, skipped } = await learner.observe(batch);
        const { steps, seconds } = journal.timed;
        journal.timed = { steps: steps + 1, seconds: seconds + (performance.now() - before) / 1000 };
        if (skipped !== undefined) diverged(skipped, loss);
        journal.losses.push(loss);
        journal.learningRates.push(learningRate);
        yield { type: "step", step, task, loss, learningRate };
        if (owed()) yield evaluation();
      }
      if (learner.boundaries === task) await learner.consolidate();
      const accuracies = await evaluate(tests, true);
      if (store !== undefined) await learner.save();
      yield { type: "task", step: end, task, name, accuracies };
    }
    yield { type: "end", outcome: await conclude(runtime, setup, learner, journal, ends) };
  } finally {
    await learner.close();
  }
}

/** Returns the step after which each task is over. */
export function taskEnds(scenario: Scenario, batchSize: number, epochs: number): number[] {
  let end = 0;
  return scenario.tasks.map(({ train }) => {
    end += batchCount(train, { batchSize, epochs });
    return end;
  });
}

/** Returns the learner and the journal of a run, gone on with where the store holds it. */
async function begin(runtime: Runtime, setup: Setup, control: Control): Promise<{ learner: Learner; journal: Journal }> {
  const { store, durability = "relaxed" } = control;
  if (store === undefined) return { learner: await Learner.create(runtime, setup.learner), journal: newJournal() };
  const options: LearnerOptions = { ...setup.learner, store, durability };
  const known = (await store.read()) !== undefined;
  let learner = known ? await Learner.open(runtime, store) : await Learner.create(runtime, options);
  try {
    const journal = readJournal(learner, store.name, setup.options);
    if (known && (journal === undefined || learner.storage?.durability !== durability)) {
      await learner.close();
      learner = await Learner.open(runtime, store, options);
    }
    if (journal !== undefined) return { learner, journal };
    const begun = newJournal();
    await tell(learner, begun, { kind: "run", options: setup.options });
    return { learner, journal: begun };
  } catch (error) {
    await learner.close().catch(() => {});
    throw error;
  }
}

/** Writes a note where it lasts, and into the journal. */
async function tell(learner: Learner, journal: Journal, note: Note): Promise<void> {
  await learner.storage?.note(note);
  enter(journal, note);
}

/** Returns what is done between two steps: from time to time, signals, timers and other work have their turn. */
function newPause(): () => Promise<void> {
  let breathed = performance.now();
  return async () => {
    if (performance.now() - breathed < breath) return;
    // A timer would come a millisecond late in Node, and four in a page.
    const { port1, port2 } = new MessageChannel();
    await new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(0);
    });
    port1.close();
    breathed = performance.now();
  };
}

/** Returns the steps within a task after which it and those before it are asked: most at first, where most changes. */
function probeSteps(start: number, end: number, rows: number): ReadonlySet<number> {
  const times = Math.min(probe.most, Math.floor(rows / probe.rows));
  const share = (i: number): number => ((i + 1) * (i + 1)) / ((times + 1) * (times + 1));
  return new Set(Array.from({ length: times }, (_, i) => start + Math.ceil((end - start) * share(i))));
}

async function accuraciesOf(learner: Learner, tests: readonly Dataset[]): Promise<number[]> {
  const accuracies: number[] = [];
  for (const test of tests) accuracies.push((await learner.evaluate(batches(test, { batchSize: 128, shuffle: false }))).accuracy);
  return accuracies;
}

async function conclude(runtime: Runtime, setup: Setup, learner: Learner, journal: Journal, ends: readonly number[]): Promise<Outcome> {
  const { step: steps, samples } = learner;
  const { timed, matrix, curve, baseline = [] } = journal;
  const seconds = (timed.seconds * steps) / Math.max(1, timed.steps);
  const stateHash = await learner.stateHash();
  const record: RunRecord = {
    name: setup.name,
    options: setup.options,
    backend: runtime.info.backend,
    seed: setup.seed,
    tasks: setup.scenario.tasks.map(({ name }) => name),
    matrix,
    baseline,
    curve,
    boundaries: ends,
    training: journal.losses.map((loss, i) => ({ step: i + 1, loss, learningRate: journal.learningRates[i] as number })),
    summary: { steps, samples, "samples/s": samples / seconds, "seconds in steps": seconds, "state hash": stateHash },
  };
  return { record, steps, samples, seconds, stateHash };
}

function diverged({ step, cause }: SkippedStep, loss: number): never {
  fail(
    "E_DIVERGED",
    `learn: training diverged at step ${step}; expected finite ${cause}, got numbers of 2^63 or more beside a loss of ${loss}`,
    {
      hint: "Lower --learning-rate, or bound the gradients with --clip 1.",
    },
  );
}
