import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { openRuntime, type Runtime } from "../backend/runtime.ts";
import { fail } from "../errors.ts";
import { averageAccuracy, backwardTransfer, forgetting, htmlReport } from "../metrics/index.ts";
import { stores } from "../store/index.ts";
import { drawGlyphs, readFolder } from "./data.ts";
import { type Control, experiment, type Outcome, type RunEvent, type Setup } from "./experiment.ts";
import { percent, whole, writeTable } from "./format.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { defaults, describeOptions, parse } from "./options.ts";
import { type Progress, progressOf } from "./progress.ts";
import { type LearnSettings, learnOptions } from "./settings.ts";
import { setUp } from "./setup.ts";

/** Glyphs to learn from where no data are given. */
const glyphCount = 20_000;
/** Exit code of a run that was stopped and, where it has a checkpoint, saved. */
const interrupted = 130;

const usage = `Usage: palimpsest learn [options]

Learns tasks one after another and tells what was kept of each. Without options: learns glyphs naively and with replay, compares the two and
writes report.html.

`;

/** Runs `palimpsest learn`; resolves to the exit code. @throws what is wrong with the options, the data or the run */
export async function learn(words: readonly string[], io: Io): Promise<number> {
  if (words.length === 0) return compare(io);
  const settings = parse("learn", learnOptions, words);
  if (settings.help) {
    io.out.write(usage + describeOptions(learnOptions));
    return 0;
  }
  const { checkpoint, report, json } = settings;
  await checkFolder("--checkpoint", checkpoint);
  await checkFolder("--report", report);
  const data = settings.data === undefined ? drawGlyphs(glyphsFor(settings)) : await readFolder(settings.data);
  const setup = setUp(settings, data);
  const runtime = await open(settings, io);
  try {
    const store = checkpoint === undefined ? undefined : stores.file(checkpoint);
    const progress = json ? tellJson(setup, runtime, io) : progressOf(setup.name, io.err);
    const outcome = await watch(runtime, setup, { store, stop: io.stop }, progress);
    if (outcome === undefined) {
      const where = checkpoint === undefined ? "" : `; the run is saved in ${checkpoint}, run the same command to continue it`;
      io.err.write(`palimpsest: interrupted${where}\n`);
      return interrupted;
    }
    if (report !== undefined) await writeReport(report, [outcome]);
    if (json) writeJson(io.out, summaryOf(outcome));
    else tellOutcomes(io, setup, runtime, [outcome], report);
    return 0;
  } finally {
    runtime.close();
  }
}

/** Learns the embedded stream naively and with replay, and sets the two side by side. */
async function compare(io: Io): Promise<number> {
  const report = "report.html";
  const settings = defaults(learnOptions);
  await checkFolder("--report", report);
  const data = drawGlyphs(glyphsFor(settings));
  const setups = (["naive", "replay"] as const).map((strategy) => setUp({ ...settings, strategy }, data));
  const runtime = await open(settings, io);
  try {
    const outcomes: Outcome[] = [];
    for (const setup of setups) {
      const outcome = await watch(runtime, setup, { stop: io.stop }, progressOf(setup.name.padEnd(6), io.err));
      if (outcome === undefined) return interrupted;
      outcomes.push(outcome);
    }
    await writeReport(report, outcomes);
    tellOutcomes(io, setups[0] as Setup, runtime, outcomes, report);
    return 0;
  } finally {
    runtime.close();
  }
}

/** Returns how a run ended, or undefined when it was stopped. */
async function watch(runtime: Runtime, setup: Setup, control: Control, progress: Progress): Promise<Outcome | undefined> {
  try {
    let last: RunEvent | undefined;
    for await (const event of experiment(runtime, setup, control)) {
      progress.show(event);
      last = event;
    }
    return last?.type === "end" ? last.outcome : undefined;
  } finally {
    progress.clear();
  }
}

/** Returns what tells a run as NDJSON: every task and evaluation, and about a hundred of the steps. */
function tellJson(setup: Setup, { info }: Runtime, { out, version }: Io): Progress {
  let every = 1;
  return {
    clear() {},
    show(event) {
      if (event.type === "start") {
        every = Math.ceil(event.steps / 100);
        writeJson(out, { ...event, version, backend: info.backend, reason: info.reason, seed: setup.seed, options: setup.options });
      } else if (event.type !== "end" && (event.type !== "step" || event.step % every === 0)) writeJson(out, event);
    },
  };
}

/** Returns the last line of a run told as NDJSON; what one task alone does not define is null. */
function summaryOf({ record, steps, samples, seconds, stateHash }: Outcome): object {
  const { matrix, backend, seed } = record;
  return {
    type: "summary",
    accuracy: averageAccuracy(matrix),
    matrix,
    forgetting: forgetting(matrix, "chaudhry") ?? null,
    forgettingVariant: "chaudhry",
    bwt: backwardTransfer(matrix, "lopezPaz") ?? null,
    bwtVariant: "lopezPaz",
    steps,
    samples,
    stepsPerSecond: steps / seconds,
    samplesPerSecond: samples / seconds,
    backend,
    seed,
    stateHash,
  };
}

/** Writes what runs came to, side by side. */
function tellOutcomes({ out }: Io, setup: Setup, { info }: Runtime, outcomes: readonly Outcome[], report: string | undefined): void {
  const of = (figure: (outcome: Outcome) => string): string[] => outcomes.map(figure);
  const matrixRow = (name: string, figure: (matrix: Outcome["record"]["matrix"]) => number | undefined): string[] => [
    name,
    ...of(({ record }) => percent(figure(record.matrix))),
  ];
  const { data, scenario, seed } = setup.options;
  out.write(`\n${data}, ${scenario}, ${setup.scenario.tasks.length} tasks, seed ${seed}, on ${info.backend}\n\n`);
  writeTable(out, [
    ["accuracy at the end", ...of(({ record }) => record.name)],
    ...setup.scenario.tasks.map(({ name }, j) => [name, ...of(({ record }) => percent(record.matrix.at(-1)?.[j]))]),
    matrixRow("average accuracy", averageAccuracy),
    matrixRow("forgetting (chaudhry)", (matrix) => forgetting(matrix, "chaudhry")),
    matrixRow("backward transfer (lopezPaz)", (matrix) => backwardTransfer(matrix, "lopezPaz")),
    ["steps/s", ...of(({ steps, seconds }) => whole(steps / seconds))],
    ["state", ...of(({ stateHash }) => stateHash.slice(0, 12))],
  ]);
  if (report !== undefined) out.write(`\nThe report with pictures is ${paint(out, "bold", report)}\n`);
}

function open({ backend }: LearnSettings, { err }: Io): Promise<Runtime> {
  return openRuntime({
    backend,
    onEvent: ({ level, message }) => {
      if (level === "warning") err.write(`${paint(err, "yellow", "warning")} ${message}\n`);
    },
  });
}

/** No more images are drawn than the tasks may use. */
function glyphsFor({ limit, tasks }: LearnSettings): number {
  return limit === undefined ? glyphCount : Math.max(100, Math.min(glyphCount, 8 * limit * tasks));
}

async function writeReport(path: string, outcomes: readonly Outcome[]): Promise<void> {
  await stores.file(path).write(new TextEncoder().encode(htmlReport(outcomes.map(({ record }) => record))));
}

/** Refuses at once what would fail only once the run is over. */
async function checkFolder(flag: string, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const folder = dirname(path);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory()) return;
  fail("E_PATH", `learn: ${flag} lies in no folder; expected that ${folder} exists, got ${path}`, { hint: "Create the folder first." });
}
