/**
 * Short courses on class-incremental Split-MNIST: rows of the table of continual-learning-baselines (Avalanche), whose own tests ask that a figure is no
 * more than three points (SI: one) below what they tell; and experience replay, DER and DER++ as in Buzzega et al. 2020 (arXiv 2004.07211), one pass.
 * Mean of the five test accuracies after the last task. `--rows=DER,MIR` runs some.
 */
import { isMainThread } from "node:worker_threads";
import { Learner, memory, nn, openRuntime, optim, strategies, streams } from "palimpsest";
import { serve } from "./crew.mjs";
import { images } from "./data.mjs";
import { compare } from "./verdicts.mjs";

/** @typedef {import("palimpsest").Dataset} Dataset @typedef {import("palimpsest").Layer} Layer @typedef {import("palimpsest").Strategy} Strategy */
/**
 * How a row is trained: `at` sets numbers before a task, `share` is how much of each task is there, `told` says which task rows are of, `seen` masks
 * the classes that did not come yet, `settles` ends the last task with a boundary.
 * @typedef {{
 *   hidden: readonly Layer[], batchSize: number, rate: number, optimizer?: import("palimpsest").Optimizer, epochs?: number, unit?: boolean,
 *   memory?: import("palimpsest").MemoryPolicy, strategies: readonly Strategy[], share?: (rows: number) => number, told?: boolean, seen?: boolean,
 *   at?: (task: number) => Record<string, number>, settles?: boolean
 * }} Way
 */
/** @typedef {import("./verdicts.mjs").Target & { way: () => Way }} Method */

const { linear, relu, dropout, tanh } = nn;
/** @param {readonly number[]} widths */
const rectified = (widths) => widths.flatMap((width) => [linear(width), relu()]);

/**
 * As in Buzzega et al.: 784-100-100-10 on pixels of 0 … 1, ten rows a step, a reservoir.
 * @param {number} capacity @param {number} rate @param {Strategy} strategy @returns {() => Way}
 */
const buzzega = (capacity, rate, strategy) => () => ({
  ...{ batchSize: 10, rate, unit: true, memory: memory.reservoir({ capacity }), strategies: [strategy] },
  hidden: [100, 100].flatMap((width) => [linear(width, { init: "xavierUniform" }), relu()]),
});

/** @type {Readonly<Record<string, Method>>} */
const methods = {
  "replay, online": {
    way: () => ({
      ...{ hidden: [linear(512), relu(), dropout(0.5)], batchSize: 10, rate: 0.1, share: (rows) => Math.round(0.95 * rows) },
      memory: memory.classBalanced({ capacity: 1000 }),
      strategies: [strategies.replay({ batchSize: 10 })],
    }),
    ...{ published: 92, margin: 3 },
  },
  "MIR, online": {
    way: () => ({
      ...{ hidden: [linear(400), relu(), dropout(0.5)], batchSize: 10, rate: 0.05, share: () => 1000 },
      memory: memory.classBalanced({ capacity: 500 }),
      strategies: [strategies.mir({ batchSize: 10, candidates: 50, learningRate: 0.05 })],
    }),
    ...{ published: 87, margin: 3 },
  },
  GDumb: {
    way: () => ({
      ...{ hidden: rectified([400, 400]), batchSize: 16, rate: 0.1, settles: true },
      memory: memory.greedy({ capacity: 4400 }),
      strategies: [strategies.gdumb({ epochs: 10, learningRate: 0.1, minLearningRate: 0.1, momentum: 0, weightDecay: 0, clip: 1e9 })],
    }),
    ...{
      published: 97,
      margin: 3,
      note: "trained after the last task alone, as it begins anew each time; the first pass at a tenth of the rate.",
    },
  },
  LwF: {
    way: () => ({
      ...{ hidden: [linear(200), tanh()], batchSize: 128, rate: 1e-3, epochs: 21, seen: true },
      strategies: [strategies.lwf({ temperature: 2 })],
      // There: (1/k)·cross-entropy + ((k − 1)²/k)·distance in task k.
      at: (task) => ({ learningRate: 1e-3 / (task + 1), "lwf.alpha": task ** 2 }),
    }),
    ...{ published: 23, margin: 3 },
  },
  "SI, tasks told": {
    way: () => ({
      ...{ hidden: rectified([256, 256]), batchSize: 64, rate: 1e-3, optimizer: optim.adam(), epochs: 10, told: true },
      strategies: [strategies.si({ c: 1, xi: 0.1 })],
    }),
    ...{ published: 97, margin: 1 },
  },
  "ER, 200": { way: buzzega(200, 0.01, strategies.replay({ batchSize: 10 })), published: 80.4 },
  "ER, 500": { way: buzzega(500, 0.1, strategies.replay({ batchSize: 10 })), published: 86.1 },
  "DER, 200": { way: buzzega(200, 0.03, strategies.der({ batchSize: 10, alpha: 0.2, beta: 0 })), published: 84.6 },
  "DER, 500": { way: buzzega(500, 0.03, strategies.der({ batchSize: 128, alpha: 1, beta: 0 })), published: 90.5 },
  "DER++, 200": { way: buzzega(200, 0.03, strategies.der({ batchSize: 128, alpha: 0.2, beta: 1 })), published: 85.6 },
  "DER++, 500": { way: buzzega(500, 0.03, strategies.der({ batchSize: 10, alpha: 1, beta: 0.5 })), published: 91.0 },
};

/** Returns the first rows of a set. @param {Dataset} dataset @param {number} count @returns {Dataset} */
function first(dataset, count) {
  const rows = dataset.rows ?? Uint32Array.from({ length: dataset.count }, (_, i) => i);
  return { ...dataset, rows: rows.slice(0, count), count: Math.min(count, dataset.count) };
}

/** @param {string} name @param {number} seed @param {import("palimpsest").Scenario} scenario */
async function accuracyOf(name, seed, { tasks }) {
  const began = performance.now();
  const {
    hidden,
    batchSize,
    rate,
    optimizer = optim.sgd(),
    epochs = 1,
    unit,
    memory: policy,
    strategies: list,
    share,
    told,
    seen,
    at,
    settles,
  } = /** @type {Method} */ (methods[name]).way();
  const masks = told ? [strategies.taskMask({ classes: tasks.map(({ classes }) => classes) })] : [];
  const runtime = await openRuntime({ backend: "wasm" });
  const learner = await Learner.create(runtime, {
    model: nn.sequential(nn.flatten(), ...hidden, nn.classifier({ capacity: 10, mask: seen ? "seen" : "none" })),
    input: { shape: [28, 28], dtype: "u8", ...(unit ? { scale: 1 / 255 } : { scale: 1 / 255 / 0.3081, offset: -0.1307 / 0.3081 }) },
    ...{ optimizer, schedule: rate, ...(policy && { memory: policy }), strategies: [...masks, ...list], seed, batchSize },
  });
  for (const [task, { train }] of tasks.entries()) {
    if (task > 0 && !settles) await learner.consolidate();
    for (const [key, value] of Object.entries(at?.(task) ?? {})) learner.set(key, value);
    const rows = share === undefined ? train : first(train, share(train.count));
    for (const batch of streams.batches(rows, { batchSize, epochs, seed: 100 * seed + task, task })) await learner.observe(batch);
  }
  if (settles) await learner.consolidate();
  let sum = 0;
  for (const [task, { test }] of tasks.entries())
    sum += (await learner.evaluate(streams.batches(test, { batchSize: 128, shuffle: false, task }))).accuracy;
  await learner.close();
  runtime.close();
  return { accuracy: sum / tasks.length, minutes: (performance.now() - began) / 60000 };
}

if (!isMainThread) {
  const scenario = streams.splitClasses({ train: await images("mnist", "train"), test: await images("mnist", "t10k") }, { tasks: 5 });
  serve((/** @type {{ name: string, seed: number }} */ { name, seed }) => accuracyOf(name, seed, scenario));
}

export async function run({ log = console.log } = {}) {
  return compare(import.meta.url, methods, log);
}
