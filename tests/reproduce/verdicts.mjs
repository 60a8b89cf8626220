/** Rows held against published figures: which seeds are run, and how what came out is told. */
import { availableParallelism } from "node:os";
import { runAll } from "./crew.mjs";

/**
 * A published figure in percent, its deviation where there is one, how far below it its own tests would go (they set no upper bound), and where our way
 * parts from theirs; where ours cannot be theirs, `explained` says why, and the row counts as told.
 * @typedef {{ published: number, deviation?: number, margin?: number, note?: string, explained?: string }} Target
 */
/** @typedef {{ accuracy: number, minutes: number }} Answer */

/** Returns the seeds that the command line asks for: three, `--full` ten, `--quick` one. @returns {number[]} */
function seedsAsked() {
  const count = process.argv.includes("--full") ? 10 : process.argv.includes("--quick") ? 1 : 3;
  return Array.from({ length: count }, (_, seed) => seed);
}

/** Returns the names that `--rows` gives parts of, all of them without it. @param {readonly string[]} names */
function namesAsked(names) {
  const parts = process.argv
    .find((word) => word.startsWith("--rows="))
    ?.slice("--rows=".length)
    .split(",");
  return parts === undefined ? names : names.filter((name) => parts.some((part) => name.includes(part)));
}

/**
 * Runs every target once a seed and tells each: ours, theirs, the difference, and whether it is within two deviations, the larger of both, or a point.
 * @param {string} url the file whose workers answer @param {Readonly<Record<string, Target>>} targets @param {(line: string) => void} log
 * @returns {Promise<boolean>} whether all are
 */
export async function compare(url, targets, log) {
  const seeds = seedsAsked();
  const names = namesAsked(Object.keys(targets));
  const before = process.cpuUsage();
  /** @type {Map<string, Answer[]>} */
  const found = new Map(names.map((name) => [name, []]));
  // All names of a seed before the next one: a run that is stopped has told something of each.
  const jobs = seeds.flatMap((seed) => names.map((name) => ({ name, seed })));
  await runAll(url, jobs, (/** @type {{ name: string, seed: number }} */ { name, seed }, /** @type {Answer} */ answer) => {
    found.get(name)?.push(answer);
    console.error(`${name}, seed ${seed}: ${(100 * answer.accuracy).toFixed(2)} % in ${answer.minutes.toFixed(2)} minutes`);
  });
  log(`| | ours | published | difference | | seeds | minutes a seed |\n| --- | --- | --- | --- | --- | --- | --- |`);
  let holds = true;
  /** @type {Map<string, string[]>} */
  const notes = new Map();
  for (const [name, answers] of found) {
    const { published, deviation = 0, margin, note, explained } = /** @type {Target} */ (targets[name]);
    const mean = (/** @type {(answer: Answer) => number} */ of) => answers.reduce((sum, answer) => sum + of(answer), 0) / answers.length;
    const ours = mean(({ accuracy }) => 100 * accuracy);
    const spread = Math.sqrt(mean(({ accuracy }) => (100 * accuracy - ours) ** 2) * (answers.length / Math.max(1, answers.length - 1)));
    const close = Math.abs(ours - published) <= Math.max(1, 2 * deviation, 2 * spread);
    const within = close || (margin !== undefined && ours >= published - margin);
    holds &&= within || explained !== undefined;
    const verdict = close ? "within" : within ? "within their margin" : explained === undefined ? "OFF" : "OFF, explained";
    if (!within && explained !== undefined) notes.set(explained, [name]);
    if (note !== undefined) notes.set(note, [...(notes.get(note) ?? []), name]);
    const difference = `${ours >= published ? "+" : "−"}${Math.abs(ours - published).toFixed(2)}`;
    log(
      `| ${name} | ${ours.toFixed(2)} ± ${spread.toFixed(2)} | ${published.toFixed(2)}${deviation > 0 ? ` ± ${deviation.toFixed(2)}` : ""} | ${difference} | ${verdict} | ${answers.length} | ${mean(({ minutes }) => minutes).toFixed(2)} |`,
    );
  }
  const { user, system } = process.cpuUsage(before);
  for (const [note, about] of notes) log(`\n${about.join("; ")}: ${note}`);
  log(`\n${((user + system) / 60e6).toFixed(1)} minutes of CPU time, ${availableParallelism()} cores.`);
  return holds;
}
