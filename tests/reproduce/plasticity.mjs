/**
 * Loss of plasticity in slowly changing regression (Dohare et al. 2024): nets of five hidden units follow a fixed target whose inputs change every
 * 10,000 of a million examples, by plain SGD; squared error in the first 20,000 and in the last 200,000. 32 seeds, with `--full` 100 as published.
 */
import { availableParallelism } from "node:os";
import { isMainThread } from "node:worker_threads";
import { openRuntime } from "palimpsest";
import { runAll, serve } from "./crew.mjs";
import { errorsOf, learners } from "./regression.mjs";

/** Bins of 20,000 steps, ten of which are the last. */
const protocol = { bins: 50, steps: 20_000, every: 10_000 };
const LAST = 10;

/**
 * What the figures show at their start and end, and means of the first bin and of the last ten over 40 seeds of an independent implementation.
 * @type {readonly { figure: readonly [string, string], means: readonly [number, number] }[]}
 */
const references = [
  { figure: ["0.62", "1.2–1.35"], means: [0.583, 1.264] },
  { figure: ["0.71", "1.07–1.15"], means: [0.653, 1.096] },
  { figure: ["0.84", "0.87"], means: [0.779, 0.898] },
  { figure: ["0.43", "0.89"], means: [0.403, 0.887] },
  { figure: ["0.60", "0.92"], means: [0.578, 0.933] },
  { figure: ["0.80", "0.85"], means: [0.757, 0.887] },
  { figure: ["0.87–0.90", "0.87–0.90"], means: [0.826, 0.899] },
];
const REFERENCE_SEEDS = 40;

/** Of a learner: its error in the first bin, and over the last ones, by seed. @typedef {{ first: number[], last: number[] }} Found */

if (!isMainThread) {
  serve(async (/** @type {readonly number[]} */ seeds) => {
    const runtime = await openRuntime({ backend: "wasm" });
    const errors = await errorsOf(runtime, seeds, protocol);
    runtime.close();
    return errors;
  });
}

/** Returns mean and deviation of values. @param {readonly number[]} values */
function statistics(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  return { mean, deviation, text: `${mean.toFixed(3)} ± ${deviation.toFixed(3)}` };
}

export async function run({ log = console.log, seeds = process.argv.includes("--full") ? 100 : 32 } = {}) {
  // Vectors have four lanes.
  const together = 4 * Math.ceil(seeds / Math.min(availableParallelism(), 8) / 4);
  const all = [...Array(seeds).keys()];
  const jobs = all.filter((seed) => seed % together === 0).map((seed) => all.slice(seed, seed + together));
  /** @type {Found[]} */
  const found = learners.map(() => ({ first: [], last: [] }));
  await runAll(import.meta.url, jobs, (/** @type {readonly number[]} */ job, /** @type {readonly Float32Array[]} */ errors) => {
    for (const [i, { first, last }] of found.entries()) {
      for (const [s, seed] of job.entries()) {
        const bins = errors.map((bin) => /** @type {number} */ (bin[i * job.length + s]));
        first[seed] = /** @type {number} */ (bins[0]);
        last[seed] = statistics(bins.slice(-LAST)).mean;
      }
    }
  });

  const meansOf = (/** @type {number} */ end) => found.map(({ first, last }) => statistics(end === 0 ? first : last).mean);
  const known = (/** @type {number} */ end) => references.map(({ means }) => /** @type {number} */ (means[end]));
  // The targets of a seed are the same for all learners: a share of the linear net's error varies less than the error does.
  const share = (/** @type {readonly number[]} */ means, /** @type {number} */ i) => /** @type {number} */ (means[i]) / (means.at(-1) ?? 0);
  log(`${seeds} seeds: mean and deviation, and in SE how many standard errors of the difference the reference is away`);
  log(
    `reference: another implementation, ${REFERENCE_SEEDS} seeds; published: read off the figures; of linear: share of the linear net's\n`,
  );
  const titles = ["reference", "difference", "of linear", "published"].join(" | ");
  log(`| learner | first 20,000 | ${titles} | last 200,000 | ${titles} | |\n|${" --- |".repeat(12)}`);
  let holds = true;
  for (const [i, { kind, rate }] of learners.entries()) {
    const { figure } = /** @type {(typeof references)[number]} */ (references[i]);
    const { first, last } = /** @type {Found} */ (found[i]);
    const cells = [first, last].map((values, end) => {
      const { mean, deviation, text } = statistics(values);
      const reference = /** @type {number} */ (known(end)[i]);
      const difference = mean / reference - 1;
      // Targets differ so much that means of so few seeds do: the reference's deviation is taken to be ours.
      const errors = Math.abs(mean - reference) / (deviation * Math.sqrt(1 / seeds + 1 / REFERENCE_SEEDS));
      const shown = `${difference < 0 ? "−" : "+"}${Math.abs(100 * difference).toFixed(1)} %, ${errors.toFixed(1)} SE`;
      const [ofLinear, wanted] = [share(meansOf(end), i), share(known(end), i)];
      const shares = `${ofLinear.toFixed(2)} (${wanted.toFixed(2)})`;
      const like = Math.abs(ofLinear / wanted - 1) <= 0.1 && errors <= 3;
      const verdict = Math.abs(difference) <= 0.1 ? "within 10 %" : like ? "within 3 SE, share 10 %" : "APART";
      return { verdict, text: `${text} | ${reference.toFixed(3)} | ${shown} | ${shares} | ${figure[end]}` };
    });
    if (cells.some(({ verdict }) => verdict === "APART")) holds = false;
    const [begins, ends] = cells.map(({ verdict }) => verdict);
    const verdict = begins === ends ? begins : `${begins}, then ${ends}`;
    log(`| ${kind} ${rate} | ${cells.map(({ text }) => text).join(" | ")} | ${verdict} |`);
  }

  // What the paper concludes, seed by seed: the target of a seed is the same for all learners.
  const above = (/** @type {readonly number[]} */ values, /** @type {readonly number[]} */ others) => {
    const { mean, deviation } = statistics(values.map((value, seed) => value - /** @type {number} */ (others[seed])));
    return { mean, errors: mean / (deviation / Math.sqrt(seeds)) };
  };
  const [relu, , , tanh, , , linear] = /** @type {[Found, Found, Found, Found, Found, Found, Found]} */ (found);
  /** @type {readonly [string, { mean: number, errors: number }][]} */
  const claims = [
    ["relu 0.01 ends worse than it begins", above(relu.last, relu.first)],
    ["relu 0.01 begins better than a linear net", above(linear.first, relu.first)],
    ["relu 0.01 ends worse than a linear net", above(relu.last, linear.last)],
    ["tanh 0.01 ends worse than it begins", above(tanh.last, tanh.first)],
    ["tanh 0.01 begins better than a linear net", above(linear.first, tanh.first)],
  ];
  log("");
  for (const [claim, { mean, errors }] of claims) {
    const clear = errors > 3;
    if (!clear) holds = false;
    log(`${claim}: ${clear ? "holds" : "DOES NOT HOLD"}, by ${mean.toFixed(3)}, ${errors.toFixed(1)} standard errors`);
  }
  return holds;
}
