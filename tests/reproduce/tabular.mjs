/**
 * Test-then-train accuracy on three tables in the order in which their rows came, one row a step: half-hourly electricity prices (Harries 1999), daily
 * weather (Elwell and Polikar 2011) and room sensors (Candanedo and Feldheim 2016). Each row is standardised by those before it, answered, then learned.
 * Every learner is held against the answer that the last label comes again. Rates were chosen on the first 5,000 rows of electricity out of 0.003,
 * 0.01, 0.03, 0.1 and 0.3, and are the same for all tables. 3 seeds, with `--full` 10.
 */
import { isMainThread } from "node:worker_threads";
import { detectors, Learner, memory, metrics, nn, openRuntime, optim, schedules, strategies, streams } from "palimpsest";
import { runAll, serve } from "./crew.mjs";
import { bytesOf } from "./data.mjs";

/** @typedef {import("palimpsest").LearnerOptions} Options */
/**
 * @typedef {object} Arm a learner
 * @property {number} hidden units of its hidden layer; 0: it is linear, and begins with zeros
 * @property {Options["schedule"]} rate
 * @property {boolean} [lag] whether the label before is a feature: known by then, since a row is learned before the next comes
 * @property {() => Pick<Options, "memory" | "strategies">} [method]
 */
/** @typedef {{ table: string, arm: string, seed: number }} Cell */
/** Of one seed. @typedef {{ accuracy: number, last: number, kappa: number, temporal: number, windows: readonly number[], drifts: number, seconds: number }} Found */
/** Where the numbers are no longer finite, the rows learned until then. @typedef {Found | { diverged: number, drifts: number }} Outcome */

const WINDOW = 1000;
const ROWS = 10;
/** Deviations beyond which a value counts as that many. */
const CLIP = 5;

/** @type {Record<string, { file: string, label: string, skip: readonly string[] }>} */
const tables = {
  electricity: { file: "elec2.csv", label: "class", skip: [] },
  weather: { file: "noaa-weather.csv", label: "target", skip: [] },
  occupancy: { file: "occupancy.csv", label: "occupancy", skip: ["date"] },
};

// High at first, and again after each drift.
const rewarmed = schedules.restartOn("rewarm", schedules.infinite({ peak: 0.1, constant: 0.03, cooldown: 1000 }));
const found = (/** @type {import("palimpsest").strategies.Detector} */ detector) => ({
  strategies: [strategies.detect({ detector, marks: ["rewarm"] })],
});
const replaying = (/** @type {"joint" | "separate"} */ mean) => ({
  memory: memory.reservoir({ capacity: 1000 }),
  strategies: [strategies.replay({ batchSize: ROWS, mean })],
});
const balanced = (/** @type {import("palimpsest").strategies.PresetOptions} */ options) => ({
  memory: memory.classBalanced({ capacity: 1000 }),
  strategies: strategies.smallNet({ batchSize: ROWS, ...options }),
});

const keepingNone = () => ({ strategies: strategies.noRows() });

/** Of logistic regression in River's benchmarks; two logits move apart twice as fast as its one. */
const RIVER_RATE = 0.005 / 2;

/** @type {Record<string, Arm>} */
const arms = {
  "linear, as River's": { hidden: 0, rate: RIVER_RATE },
  linear: { hidden: 0, rate: 0.3 },
  net: { hidden: 32, rate: 0.1 },
  "net, replay": { hidden: 32, rate: 0.3, method: () => replaying("joint") },
  "net, replay with a mean of its own": { hidden: 32, rate: 0.1, method: () => replaying("separate") },
  "net, small-net preset, no detector": { hidden: 32, rate: 0.1, method: () => balanced({ detector: false }) },
  "net, small-net preset": { hidden: 32, rate: 0.1, method: () => balanced({}) },
  "net, no-rows preset": { hidden: 32, rate: 0.1, method: keepingNone },
  "net, no-rows preset, rate 0.01": { hidden: 32, rate: 0.01, method: keepingNone },
  "net, rate falls once": { hidden: 32, rate: rewarmed },
  "net, re-warmed by ADWIN": { hidden: 32, rate: rewarmed, method: () => found(detectors.adwin()) },
  "net, re-warmed by Page–Hinkley": { hidden: 32, rate: rewarmed, method: () => found(detectors.pageHinkley()) },
  "net, re-warmed by DDM": { hidden: 32, rate: rewarmed, method: () => found(detectors.ddm()) },
  "linear, label before": { hidden: 0, rate: 0.3, lag: true },
  "net, label before": { hidden: 32, rate: 0.1, lag: true },
};

/** Of the benchmarks in River's documentation, by the same protocol. @type {Record<string, Record<string, number>>} */
const published = { electricity: { "previous label": 0.853303, "linear, as River's": 0.822144 } };

/** Returns the rows of a table as they are. @param {string} name */
async function tableOf(name) {
  const { file, label, skip } = /** @type {(typeof tables)[string]} */ (tables[name]);
  const columns = Object.fromEntries(skip.map((column) => [column, /** @type {const} */ ("skip")]));
  return streams.readCsv(await bytesOf("tabular", file), { label, columns, name });
}

/** Returns the rows with 1 or −1 beside their features for the label of the row before, 0 for the first. @param {import("palimpsest").Dataset} set */
function lagged({ x, y, ...set }) {
  const features = /** @type {number} */ (set.shape[0]);
  const wide = new Float32Array(set.count * (features + 1));
  for (let row = 0; row < set.count; row++) {
    wide.set(x.subarray(row * features, (row + 1) * features), row * (features + 1));
    if (row > 0) wide[row * (features + 1) + features] = y[row - 1] === 1 ? 1 : -1;
  }
  return { ...set, shape: [features + 1], x: wide, y };
}

const scaled = (/** @type {import("palimpsest").Dataset} */ set) => streams.standardize(set, { clip: CLIP });
const inOrder = (/** @type {import("palimpsest").Dataset} */ set) => streams.batches(set, { batchSize: 1, shuffle: false });

const meanOf = (/** @type {readonly number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Walks a table once. @param {Arm} arm @param {import("palimpsest").Dataset} set @param {number} seed @returns {Promise<Outcome>} */
async function walk({ hidden, rate, method = () => ({}) }, set, seed) {
  const runtime = await openRuntime({ backend: "wasm" });
  const head = nn.classifier({ capacity: set.classes });
  const began = performance.now();
  const features = /** @type {number} */ (set.shape[0]);
  const zeros = new Map([
    ["0.weight", new Float32Array(set.classes * features)],
    ["0.bias", new Float32Array(set.classes)],
  ]);
  const learner = await Learner.create(runtime, {
    model: hidden === 0 ? nn.sequential(head) : nn.sequential(nn.linear(hidden), nn.relu(), head),
    ...{ input: set.shape, optimizer: optim.sgd(), schedule: rate, batchSize: 1, seed, ...method() },
    ...(hidden === 0 && { weights: zeros }),
  });
  /** @type {{ correct: number[], predictions: number[] }} */
  const { correct, predictions } = { correct: [], predictions: [] };
  let drifts = 0;
  try {
    for await (const tested of streams.prequential(learner, inOrder(set))) {
      correct.push(tested.correct);
      predictions.push(...tested.answer.labels);
      drifts += tested.result.signals?.includes("drift") ? 1 : 0;
    }
  } catch (error) {
    if (/** @type {{ code?: string }} */ (error).code !== "E_DIVERGED") throw error;
  }
  await learner.close();
  runtime.close();
  if (correct.length < set.count) return { diverged: correct.length, drifts };
  const seconds = (performance.now() - began) / 1000;
  const log = metrics.factLog();
  log.append({ kind: "prequential", index: 0, correct, predictions, labels: [...set.y] });
  const figures = metrics.figuresOf(log, { window: WINDOW });
  const value = (/** @type {string} */ metric, /** @type {string} */ variant) => {
    const figure = figures.find((each) => each.metric === metric && each.variant === variant);
    return (figure && metrics.figureValue(figure)) ?? Number.NaN;
  };
  const windows = [];
  for (let i = 0; i < correct.length; i += WINDOW) windows.push(meanOf(correct.slice(i, i + WINDOW)));
  const [accuracy, last] = [value("prequentialAccuracy", "whole"), value("prequentialAccuracy", `window@${WINDOW}`)];
  return { accuracy, last, kappa: value("kappa", "cohen"), temporal: value("kappa", "temporal"), windows, drifts, seconds };
}

if (!isMainThread) {
  /** @type {Map<string, import("palimpsest").Dataset>} */
  const sets = new Map();
  serve(async (/** @type {Cell} */ { table, arm, seed }) => {
    const set = sets.get(table) ?? scaled(await tableOf(table));
    sets.set(table, set);
    const chosen = /** @type {Arm} */ (arms[arm]);
    return walk(chosen, chosen.lag ? lagged(set) : set, seed);
  });
}

/** Returns mean and deviation in %. @param {readonly number[]} values */
function statistics(values) {
  const mean = 100 * meanOf(values);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (100 * value - mean) ** 2, 0) / Math.max(1, values.length - 1));
  return { mean, deviation, text: `${mean.toFixed(2)} ± ${deviation.toFixed(2)}` };
}

const signed = (/** @type {number} */ value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

export async function run({ log = console.log, seeds = process.argv.includes("--full") ? 10 : 3 } = {}) {
  /** @type {Map<string, Outcome[]>} */
  const all = new Map();
  const cells = Object.keys(tables).flatMap((table) =>
    Object.keys(arms).flatMap((arm) => [...Array(seeds).keys()].map((seed) => ({ table, arm, seed }))),
  );
  await runAll(import.meta.url, cells, (/** @type {Cell} */ { table, arm, seed }, /** @type {Outcome} */ one) => {
    const key = `${table}, ${arm}`;
    all.set(key, [...(all.get(key) ?? []), one]);
    const told = "diverged" in one ? `diverged after ${one.diverged} rows` : `${one.accuracy.toFixed(4)}, ${one.seconds.toFixed(0)} s`;
    console.error(`${key}, seed ${seed}: ${told}, ${one.drifts} drifts`);
  });

  let holds = true;
  log(`${seeds} seeds: mean and deviation in %; kappas are (p − q) / (1 − q) with q of the label before, and of chance`);
  for (const table of Object.keys(tables)) {
    const set = await tableOf(table);
    // Without the first row, which has no label before it, as others count.
    const { accuracy, windows, rows } = await streams.previousLabel(inOrder(set), { window: WINDOW });
    const before = (100 * accuracy * rows) / (rows - 1);
    log(`\n${table}, ${rows} rows of ${set.features.length} features\n`);
    log(
      `| learner | accuracy | published | difference | beyond the label before | last ${WINDOW} | windows above it | kappa, temporal | kappa | drifts | minutes | |\n|${" --- |".repeat(12)}`,
    );
    const known = published[table] ?? {};
    /** Returns the columns of what is published, and whether it is as close as wanted. */
    const beside = (/** @type {string} */ name, /** @type {number} */ ours, /** @type {number} */ within) => {
      const theirs = known[name];
      if (theirs === undefined) return { text: " | ", fits: true, verdict: "" };
      const difference = ours - 100 * theirs;
      const fits = Math.abs(difference) <= within;
      return {
        text: `${(100 * theirs).toFixed(2)} | ${signed(difference)}`,
        fits,
        verdict: fits ? "as published" : "APART FROM PUBLISHED",
      };
    };
    const baseline = beside("previous label", before, 0.005);
    if (!baseline.fits) holds = false;
    const lastWindow = statistics(windows.slice(-1)).mean.toFixed(1);
    log(`| previous label | ${before.toFixed(2)} | ${baseline.text} | | ${lastWindow} | | 0 | | | | ${baseline.verdict} |`);
    for (const arm of Object.keys(arms)) {
      const outcomes = all.get(`${table}, ${arm}`) ?? [];
      const found = outcomes.flatMap((one) => ("diverged" in one ? [] : one));
      const lost = outcomes.flatMap((one) => ("diverged" in one ? one.diverged : []));
      if (lost.length > 0) {
        log(`| ${arm} | ${" | ".repeat(9)} | diverged with ${lost.length} of ${seeds} seeds, after ${Math.min(...lost)} rows or more |`);
        continue;
      }
      const { mean, deviation, text } = statistics(found.map((one) => one.accuracy));
      const { text: theirs, fits, verdict } = beside(arm, mean, 2);
      if (!fits || !Number.isFinite(mean)) holds = false;
      const above = meanOf(found.map((one) => meanOf(one.windows.map((value, i) => Number(value > /** @type {number} */ (windows[i]))))));
      const difference = mean - before;
      const beats = difference > 2 * deviation ? "above" : difference < -2 * deviation ? "BELOW" : "even";
      const of = (/** @type {(one: Found) => number} */ read) => meanOf(found.map(read));
      const figures = [
        ...[text, theirs, signed(difference), (100 * of((one) => one.last)).toFixed(1), `${(100 * above).toFixed(0)} %`],
        ...[of((one) => one.temporal).toFixed(3), of((one) => one.kappa).toFixed(3), of((one) => one.drifts).toFixed(1)],
        ...[(of((one) => one.seconds) / 60).toFixed(2), verdict === "" ? beats : `${beats}, ${verdict}`],
      ];
      log(`| ${arm} | ${figures.join(" | ")} |`);
    }
  }
  return holds;
}
