/** What a run tells of itself, from what it kept: the same however often it was stopped. */
import type { Runtime } from "../backend/runtime.ts";
import { type FactLog, factLog, type RunRecord, recordOf } from "../metrics/index.ts";
import type { Dataset } from "../stream/index.ts";
import type { Asked, Journal, Told } from "./journal.ts";
import type { Setup } from "./run.ts";

/** What a run came to, beside its journal. */
export interface Ending {
  readonly runtime: Runtime;
  /** What is asked within tasks, by task. */
  readonly probes: readonly Dataset[];
  readonly samples: number;
  readonly stateHash: string;
  /** By arena. */
  readonly bytes: Readonly<Record<string, number>>;
  readonly version: string | undefined;
}

/** Returns the log of a run and what a report tells of it. What the clock decides is in the log alone. */
export function tellRun(setup: Setup, journal: Journal, ending: Ending): { log: FactLog; record: RunRecord } {
  const { losses, learningRates, signals, timed } = journal;
  const log = factLog();
  const { columns, course, options } = setup;
  log.append({
    ...{ kind: "run", format: 1, name: setup.name, learner: options, strategies: setup.name.split(","), seed: setup.seed },
    stream: { name: `${options.data}, ${options.scenario}`, tasks: columns.names },
    versions: ending.version === undefined ? {} : { palimpsest: ending.version },
    backend: ending.runtime.info.backend,
  });
  const detector = (setup.learner.strategies ?? []).flatMap(({ name, raises }) => (raises === undefined ? [] : [name])).join(", ");
  let task = 0;
  let step = 0;
  let told = 0;
  const stepTo = (end: number): void => {
    for (; step < end; step++) {
      const [loss, rate] = [losses[step] as number, learningRates[step] as number];
      log.append({ kind: "step", step: step + 1, task: columns.of[task] as number, loss: Number.isFinite(loss) ? loss : null, rate });
      for (; signals[told]?.step === step + 1; told++) log.append({ kind: "drift", detector, ...(signals[told] as Told) });
    }
  };
  for (const asked of journal.evaluations) {
    stepTo(asked.step);
    log.append(evaluationOf(asked, setup, ending.probes, asked.step === 0 && !asked.over ? null : (columns.of[task] as number)));
    if (asked.memory !== undefined) log.append({ kind: "memory", step: asked.step, ...asked.memory });
    if (asked.layers !== undefined) log.append({ kind: "plasticity", step: asked.step, layers: asked.layers });
    if (!asked.over) continue;
    log.append({ kind: "boundary", step: asked.step, task: columns.of[task] as number });
    task += 1;
  }
  const steps = course.ends.at(-1) as number;
  const seconds = (timed.seconds * steps) / Math.max(1, timed.steps);
  const record: RunRecord = {
    ...recordOf(log),
    options,
    summary: {
      ...{ steps, samples: ending.samples, "samples/s": ending.samples / seconds },
      ...{ "seconds in steps": seconds, "state hash": ending.stateHash },
    },
  };
  const { asking } = timed;
  log.append({
    ...{ kind: "cost", step: steps, steps: timed.steps, ms: 1000 * timed.seconds, bytes: ending.bytes },
    ...(asking !== undefined && { evaluationMs: 1000 * asking }),
  });
  return { log, record };
}

function evaluationOf({ step, accuracies, over }: Asked, { columns }: Setup, probes: readonly Dataset[], task: number | null) {
  const probe = !over && step > 0;
  const parts = probe ? probes : columns.tests;
  const tasks = accuracies.map((accuracy, column) => {
    const rows = (parts[column] as Dataset).count;
    return { task: column, rows, correct: Math.round(accuracy * rows) };
  });
  return { kind: "evaluation", step, task, ...(probe && { probe }), tasks } as const;
}
