import { openRuntime, type Runtime } from "../backend/runtime.ts";
import { fail } from "../errors.ts";
import { stores } from "../store/index.ts";
import { drawGlyphs, type NamedData } from "./data.ts";
import { divideDotted } from "./dotted.ts";
import { type Control, experiment, type Outcome, type RunEvent, type Setup } from "./experiment.ts";
import { readFolder } from "./folder.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { describeOptions, parse } from "./options.ts";
import { checkOutputs, writeOutputs } from "./outputs.ts";
import { type Progress, progressOf } from "./progress.ts";
import { learnOptions, type RunSettings } from "./settings.ts";
import { setUp } from "./setup.ts";
import { eventsTo, summaryOf, writeOutcomes } from "./summary.ts";

/** Glyphs to learn from where no data are given. */
const glyphCount = 20_000;
/** So many where four strategies are compared: about a quarter of a minute. */
const comparedGlyphs = 12_000;
/** Exit code of a run that was stopped and, where it has a checkpoint, saved. */
export const interrupted = 130;

/** What a run without options compares: strategies, and how they are called. */
const shown = [
  ["naive", "naive"],
  ["replay", "replay"],
  ["der", "der++"],
  ["small-net", "small-net"],
] as const;

const usage = `Usage: palimpsest learn [options]

Learns tasks one after another and tells what was kept of each. Without options: learns glyphs naively, with replay, with DER++ and with the
strategies for a small net, compares the four and writes report.html. palimpsest strategies tells of each strategy what it takes.

`;

/** Runs `palimpsest learn`; resolves to the exit code. @throws what is wrong with the options, the data or the run */
export async function learn(words: readonly string[], io: Io): Promise<number> {
  const { own, dotted } = divideDotted("learn", words);
  const settings = parse("learn", learnOptions, own);
  if (settings.help) {
    io.out.write(usage + describeOptions(learnOptions));
    return 0;
  }
  const comparing = words.length === 0;
  const runs = comparing ? shown : [[settings.strategy, settings.strategy] as const];
  const { checkpoint, durability, json, facts, csv, tensorboard, report = comparing ? "report.html" : undefined } = settings;
  const outputs = { report, facts, csv, tensorboard };
  await checkOutputs(outputs, checkpoint);
  const data = comparing ? drawGlyphs(comparedGlyphs) : await dataOf(settings);
  const setups = runs.map(([strategy, name]) => ({ ...setUp({ ...settings, strategy }, data, dotted), name }));
  const renewed = setups.find(({ afresh }) => afresh)?.name;
  if (checkpoint !== undefined && renewed !== undefined) {
    fail("E_CONFIG", `learn: "${renewed}" has a new learner for each task; expected no --checkpoint, got ${checkpoint}`, {
      hint: "Leave out --checkpoint, or take --strategy cumulative.",
    });
  }
  const runtime = await open(settings, io);
  try {
    const store = checkpoint === undefined ? undefined : stores.folder(checkpoint);
    const outcomes: Outcome[] = [];
    for (const setup of setups) {
      const progress = json ? eventsTo(io, setup, runtime.info) : progressOf(setup.name, io.err);
      const outcome = await watch(runtime, setup, { store, durability, stop: io.stop, version: io.version }, progress);
      if (outcome === undefined) {
        const kept = checkpoint === undefined ? "" : `; the run is saved in ${checkpoint}, run the same command to continue it`;
        io.err.write(`palimpsest: interrupted${kept}\n`);
        return interrupted;
      }
      outcomes.push(outcome);
    }
    await writeOutputs(outputs, outcomes);
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

/** Returns the set that settings name, or drawn glyphs. @throws E_PATH E_FORMAT E_DATA */
export async function dataOf(settings: RunSettings): Promise<NamedData> {
  return settings.data === undefined ? drawGlyphs(glyphsFor(settings)) : readFolder(settings.data);
}

/** Returns how a run ended, or undefined when it was stopped. */
export async function watch(runtime: Runtime, setup: Setup, control: Control, progress: Progress): Promise<Outcome | undefined> {
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

/** Returns the runtime that settings ask for; its warnings are told on `err`. */
export function open({ backend, threads }: RunSettings, { err }: Io): Promise<Runtime> {
  return openRuntime({
    backend,
    threads,
    onEvent: ({ level, message }) => {
      if (level === "warning") err.write(`${paint(err, "yellow", "palimpsest: warning:")} ${message}\n`);
    },
  });
}

/** No more images are drawn than the tasks may use. */
function glyphsFor({ limit, tasks }: RunSettings): number {
  return limit === undefined ? glyphCount : Math.max(100, Math.min(glyphCount, 8 * limit * tasks));
}
