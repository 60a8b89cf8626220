import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { openRuntime, type Runtime } from "../backend/runtime.ts";
import { fail } from "../errors.ts";
import { htmlReport } from "../metrics/index.ts";
import { stores } from "../store/index.ts";
import { drawGlyphs } from "./data.ts";
import { type Control, experiment, type Outcome, type RunEvent, type Setup } from "./experiment.ts";
import { readFolder } from "./folder.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { describeOptions, parse } from "./options.ts";
import { type Progress, progressOf } from "./progress.ts";
import { type LearnSettings, learnOptions } from "./settings.ts";
import { setUp } from "./setup.ts";
import { eventsTo, summaryOf, writeOutcomes } from "./summary.ts";

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
  const settings = parse("learn", learnOptions, words);
  if (settings.help) {
    io.out.write(usage + describeOptions(learnOptions));
    return 0;
  }
  const comparing = words.length === 0;
  const strategies = comparing ? (["naive", "replay"] as const) : [settings.strategy];
  const { checkpoint, durability, json, report = comparing ? "report.html" : undefined } = settings;
  await checkFolder("--checkpoint", checkpoint);
  await checkNoFile(checkpoint);
  await checkFolder("--report", report);
  const data = settings.data === undefined ? drawGlyphs(glyphsFor(settings)) : await readFolder(settings.data);
  const setups = strategies.map((strategy) => setUp({ ...settings, strategy }, data));
  const runtime = await open(settings, io);
  try {
    const store = checkpoint === undefined ? undefined : stores.folder(checkpoint);
    const outcomes: Outcome[] = [];
    for (const setup of setups) {
      const progress = json ? eventsTo(io, setup, runtime.info) : progressOf(setup.name, io.err);
      const outcome = await watch(runtime, setup, { store, durability, stop: io.stop }, progress);
      if (outcome === undefined) {
        const kept = checkpoint === undefined ? "" : `; the run is saved in ${checkpoint}, run the same command to continue it`;
        io.err.write(`palimpsest: interrupted${kept}\n`);
        return interrupted;
      }
      outcomes.push(outcome);
    }
    if (report !== undefined) await stores.file(report).write(new TextEncoder().encode(htmlReport(outcomes.map(({ record }) => record))));
    if (json) for (const outcome of outcomes) writeJson(io.out, summaryOf(outcome));
    else {
      writeOutcomes(io.out, outcomes);
      if (report !== undefined) io.out.write(`\nThe report with pictures is ${paint(io.out, "bold", report)}\n`);
    }
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

function open({ backend, threads }: LearnSettings, { err }: Io): Promise<Runtime> {
  return openRuntime({
    backend,
    threads,
    onEvent: ({ level, message }) => {
      if (level === "warning") err.write(`${paint(err, "yellow", "palimpsest: warning:")} ${message}\n`);
    },
  });
}

/** No more images are drawn than the tasks may use. */
function glyphsFor({ limit, tasks }: LearnSettings): number {
  return limit === undefined ? glyphCount : Math.max(100, Math.min(glyphCount, 8 * limit * tasks));
}

/** Refuses at once what would fail only once the run is over. */
async function checkFolder(flag: string, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const folder = dirname(path);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory()) return;
  fail("E_PATH", `learn: ${flag} lies in no folder; expected that ${folder} exists, got ${path}`, { hint: "Create the folder first." });
}

/** Refuses a checkpoint of one file, as earlier releases kept them. */
async function checkNoFile(path: string | undefined): Promise<void> {
  if (path === undefined || !(await stat(path).catch(() => undefined))?.isFile()) return;
  fail("E_PATH", `learn: --checkpoint names a file; expected a folder, or a name for one, got ${path}`, {
    hint: "Give it another name; a run that an earlier release kept in a file is continued by that release.",
  });
}
