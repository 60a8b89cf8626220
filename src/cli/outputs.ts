/** Files that a run leaves, all of them made from what it told. */
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fail } from "../errors.ts";
import { figuresCsv, figuresOf, htmlReport, tensorboardEvents, toNdjson } from "../metrics/index.ts";
import { stores } from "../store/index.ts";
import type { Outcome } from "./experiment.ts";

/** Where to write what. */
export interface Outputs {
  readonly report?: string | undefined;
  readonly facts?: string | undefined;
  readonly csv?: string | undefined;
  /** A folder, made where there is none. */
  readonly tensorboard?: string | undefined;
}

/** Refuses at once what would fail only once the run is over. @throws E_PATH */
export async function checkOutputs(outputs: Outputs, checkpoint?: string): Promise<void> {
  const paths = { checkpoint, ...outputs };
  for (const [flag, path] of Object.entries(paths)) await checkFolder(`--${flag}`, path);
  if (checkpoint === undefined || !(await stat(checkpoint).catch(() => undefined))?.isFile()) return;
  // Earlier releases kept a run in one file.
  fail("E_PATH", `options: --checkpoint names a file; expected a folder, or a name for one, got ${checkpoint}`, {
    hint: "Give it another name; a run that an earlier release kept in a file is continued by that release.",
  });
}

/** Writes files of what runs came to; of several, all but the report tell of the last. */
export async function writeOutputs({ report, facts, csv, tensorboard }: Outputs, outcomes: readonly Outcome[]): Promise<void> {
  const { log, record } = outcomes.at(-1) as Outcome;
  if (report !== undefined) await writeText(report, htmlReport(outcomes.map((outcome) => outcome.record)));
  if (facts !== undefined) await writeText(facts, toNdjson(log));
  if (csv !== undefined) await writeText(csv, figuresCsv(figuresOf(log)));
  if (tensorboard === undefined) return;
  await mkdir(tensorboard, { recursive: true });
  // TensorBoard tells runs apart by their folders, and files of one by their names.
  const began = Math.floor(performance.timeOrigin / 1000);
  const file = join(tensorboard, `events.out.tfevents.${began}.palimpsest.${record.seed}`);
  await stores.file(file).write(tensorboardEvents(log, { time: began }));
}

/** Writes a text into a file. @throws what the file system says */
export async function writeText(path: string, text: string): Promise<void> {
  await stores.file(path).write(new TextEncoder().encode(text));
}

async function checkFolder(flag: string, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const folder = dirname(path);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory()) return;
  fail("E_PATH", `options: ${flag} lies in no folder; expected that ${folder} exists, got ${path}`, { hint: "Create the folder first." });
}
