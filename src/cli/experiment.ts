/** A run: tasks learned one after another, kept and continued. Nothing here is of one runtime alone. */
import type { Runtime } from "../backend/runtime.ts";
import { fail } from "../errors.ts";
import type { Durability, LearnerOptions } from "../learner/config.ts";
import type { SkippedStep } from "../learner/events.ts";
import { Learner } from "../learner/learner.ts";
import type { FactLog, RunRecord } from "../metrics/index.ts";
import type { Store } from "../store/index.ts";
import { batches, type Dataset, type Scenario, select } from "../stream/index.ts";
import { tellRun } from "./facts.ts";
import { type Asked, enter, type Journal, type Note, newJournal, readJournal } from "./journal.ts";
import type { Setup } from "./run.ts";
import type { Columns } from "./scenario.ts";

export type { Setup } from "./run.ts";

/** How a run is kept and stopped. */
export interface Control {
  /** Where it is kept, and continued from when something is there. */
  readonly store?: Store | undefined;
  /** How each step is recorded there. Default: relaxed. */
  readonly durability?: Durability;
  /** Aborted to stop the run after the step under way. */
  readonly stop?: AbortSignal;
  /** The release that is told in the log. */
  readonly version?: string;
}

/** What a finished run came to. */
export interface Outcome {
  readonly record: RunRecord;
  /** What happened, from which the record follows. */
  readonly log: FactLog;
  readonly steps: number;
  readonly samples: number;
  /** Time spent in steps. */
  readonly seconds: number;
  readonly stateHash: string;
}

/**
 * What happens in a run, in order; `task` counts the visits to tasks, of which there may be more than one to each. `accuracies` are by task in the
 * order in which they first come, of an evaluation within one only on those so far: `seen` of them.
 */
export type RunEvent =
  | { readonly type: "start"; readonly step: number; readonly steps: number; readonly tasks: readonly string[] }
  | { readonly type: "step"; readonly step: number; readonly task: number; readonly loss: number; readonly learningRate: number }
  | {
      readonly type: "evaluation";
      readonly step: number;
      readonly task: number;
      readonly seen: number;
      readonly accuracies: readonly number[];
    }
  | {
      readonly type: "task";
      readonly step: number;
      readonly task: number;
      readonly seen: number;
      readonly name: string;
      readonly accuracies: readonly number[];
    }
  | { readonly type: "interrupted"; readonly step: number; readonly saved: boolean }
  | { readonly type: "end"; readonly outcome: Outcome };

/** Evaluations within a task, at most. */
const mostProbes = 12;
/** To answer a row costs a third to a half of what it costs to learn it; not measured, for runs are to be evaluated at the same steps. */
const askedPerLearned = 0.4;
/** Rows of all tasks over which layers are measured: of 512 units, in a twentieth of a second. */
const measuredRows = 128;
/** Milliseconds after which a run lets signals and timers have their turn: a Wasm step does not. */
const breath = 50;

/**
 * Yields what happens while the tasks of a run are learned one after another; the last event is "end", or "interrupted" when it was
 * stopped. A run that is stopped, or killed at any moment, and continued from its store ends as one that never was.
 * @throws E_MISMATCH where the store holds another run; E_LOCKED while another learns there; E_DIVERGED; what the learner and the store throw
 */
export async function* experiment(runtime: Runtime, setup: Setup, control: Control = {}): AsyncGenerator<RunEvent, void, void> {
  const { store, stop } = control;
  const { scenario, columns, course, budget } = setup;
  const { tasks } = scenario;
  const { ends } = course;
  let { learner, journal } = await begin(runtime, setup, control);
  /** Steps and rows of learners before this one. */
  let [former, rows] = [0, 0];
  const at = (): number => former + learner.step;
  /** Whether answers are told their task. */
  const told = setup.learner.strategies?.some(({ name }) => name === "taskMask") === true;
  const probes = columns.tests.map((test, task) => select(test, budget.rows(task, test.count)));
  const probing = planProbes(setup, probes);
  const evaluate = async (asked: readonly Dataset[], seen: number, over: boolean): Promise<readonly number[]> => {
    const before = performance.now();
    const accuracies = await accuraciesOf(learner, asked, told);
    const standing = over || at() === 0 ? await standingOf(learner, columns.tests.slice(0, seen), told) : {};
    const { asking = 0 } = journal.timed;
    journal.timed = { ...journal.timed, asking: asking + (performance.now() - before) / 1000 };
    await tell(learner, journal, { kind: "evaluation", step: at(), accuracies, over, ...standing, timed: journal.timed });
    return accuracies;
  };
  try {
    yield { type: "start", step: at(), steps: ends.at(-1) as number, tasks: tasks.map(({ name }) => name) };
    if (journal.evaluations.length === 0) {
      yield { type: "evaluation", step: 0, task: 0, seen: 1, accuracies: await evaluate(columns.tests, columns.tests.length, false) };
    }
    const pause = newPause();
    for (let task = journal.evaluations.filter(({ over }) => over).length; task < tasks.length; task++) {
      const { name } = tasks[task] as Scenario["tasks"][number];
      const start = ends[task - 1] ?? 0;
      const seen = seenBy(columns, task);
      if (setup.afresh === true && task > 0) {
        [former, rows] = [at(), rows + learner.samples];
        await learner.close();
        learner = await Learner.create(runtime, setup.learner);
      }
      const asked = probing[task] as ReadonlySet<number>;
      // A run that was killed may owe the evaluation of the step it goes on after.
      const owed = (): boolean => asked.has(at()) && (journal.evaluations.at(-1)?.step ?? 0) < at();
      const evaluation = async (): Promise<RunEvent> => {
        return { type: "evaluation", step: at(), task, seen, accuracies: await evaluate(probes.slice(0, seen), seen, false) };
      };
      if (owed()) yield evaluation();
      for (const batch of course.batches(task, at() - start)) {
        await pause();
        if (stop?.aborted) {
          if (store !== undefined) await learner.commit();
          yield { type: "interrupted", step: at(), saved: store !== undefined };
          return;
        }
        const before = performance.now();
        const { loss, learningRate, skipped, signals = [] } = await learner.observe(batch);
        const { timed } = journal;
        journal.timed = { ...timed, steps: timed.steps + 1, seconds: timed.seconds + (performance.now() - before) / 1000 };
        if (skipped !== undefined) diverged(skipped, loss);
        journal.losses.push(loss);
        journal.learningRates.push(learningRate);
        for (const signal of signals) await tell(learner, journal, { kind: "signal", step: at(), signal });
        yield { type: "step", step: at(), task, loss, learningRate };
        if (owed()) yield evaluation();
      }
      if (course.told && setup.afresh !== true && learner.boundaries === task) await learner.consolidate();
      const accuracies = await evaluate(columns.tests, seen, true);
      if (store !== undefined) await learner.save();
      yield { type: "task", step: at(), task, seen, name, accuracies };
    }
    const [samples, stateHash, { bytes }] = [rows + learner.samples, await learner.stateHash(), learner.plan()];
    const ending = tellRun(setup, journal, { runtime, probes, samples, stateHash, bytes, version: control.version });
    const { steps, seconds } = journal.timed;
    yield { type: "end", outcome: { ...ending, steps: at(), samples, seconds: (seconds * at()) / Math.max(1, steps), stateHash } };
  } finally {
    await learner.close();
  }
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

/** Returns how many tasks have begun with visit `task`. */
function seenBy({ of }: Columns, task: number): number {
  return Math.max(...of.slice(0, task + 1)) + 1;
}

/**
 * Returns for each visit the steps within it after which it and the tasks before it are asked: as many as the budget allows by its end, most of them
 * at first, where most changes.
 */
function planProbes({ columns, course, budget, batch }: Setup, probes: readonly Dataset[]): ReadonlySet<number>[] {
  let asked = 0;
  return course.ends.map((end, task) => {
    const start = course.ends[task - 1] ?? 0;
    const rows = probes.slice(0, seenBy(columns, task)).reduce((sum, { count }) => sum + count, 0);
    const due = (times: number): boolean => {
      const evaluationRows = Math.max(1, asked + times * rows);
      const stepRows = end * batch;
      return budget.due({ stepMs: stepRows, stepRows, evaluationMs: askedPerLearned * evaluationRows, evaluationRows }, rows);
    };
    let times = 0;
    while (times < mostProbes && due(times)) times += 1;
    asked += times * rows;
    const share = (i: number): number => ((i + 1) * (i + 1)) / ((times + 1) * (times + 1));
    return new Set(Array.from({ length: times }, (_, i) => start + Math.ceil((end - start) * share(i))));
  });
}

async function accuraciesOf(learner: Learner, tests: readonly Dataset[], named: boolean): Promise<number[]> {
  const accuracies: number[] = [];
  for (const [task, test] of tests.entries()) {
    const options = { batchSize: 128, shuffle: false, ...(named && { task }) };
    accuracies.push((await learner.evaluate(batches(test, options))).accuracy);
  }
  return accuracies;
}

/** Returns what the memory holds, and the measures of the layers over as many rows of each test. */
async function standingOf(learner: Learner, tests: readonly Dataset[], named: boolean): Promise<Pick<Asked, "memory" | "layers">> {
  const rows = Math.max(1, Math.floor(measuredRows / tests.length));
  const asked = tests.flatMap((test, task) => {
    const some = select(
      test,
      Uint32Array.from({ length: Math.min(rows, test.count) }, (_, row) => row),
    );
    return [...batches(some, { batchSize: 128, shuffle: false, ...(named && { task }) })];
  });
  const { layers = [] } = await learner.evaluate(asked, { plasticity: true });
  const groups = (await learner.memory?.stats())?.groups;
  const counted = (by: "label" | "task") => Object.fromEntries(groups?.[by].map(({ key, stored }) => [key, stored]) ?? []);
  return { ...(layers.length > 0 && { layers }), ...(groups && { memory: { classes: counted("label"), tasks: counted("task") } }) };
}

function diverged({ step, cause }: SkippedStep, loss: number): never {
  fail(
    "E_DIVERGED",
    `learn: training diverged at step ${step}; expected finite ${cause}, got numbers of 2^63 or more beside a loss of ${loss}`,
    {
      hint: "Lower --learning-rate, bound the gradients with --clip 1, or weaken a penalty of the strategies.",
    },
  );
}
