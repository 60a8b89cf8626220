/**
 * Split-MNIST in the three scenarios of Hsu et al. 2018 (arXiv 1810.12488): five tasks of two digits, four passes each, batches of 128; digits padded
 * to 32 × 32, 1024-400-400; Adam at 0.001 unless it says otherwise. Mean of the five test accuracies after the last task. `--rows=EWC,class` runs some.
 */
import { isMainThread } from "node:worker_threads";
import { draws, Learner, memory, nn, openRuntime, optim, strategies, streams } from "palimpsest";
import { serve } from "./crew.mjs";
import { images } from "./data.mjs";
import { compare } from "./verdicts.mjs";

/** @typedef {"task" | "domain" | "class"} Kind */
/** @typedef {import("palimpsest").Dataset} Dataset */
/**
 * How a row is trained: `at` sets numbers at each boundary; `joint` learns all tasks at once; `plain` are digits of 28 × 28 from 0 to 1.
 * @typedef {{
 *   strategies?: import("palimpsest").Strategy[], optimizer?: import("palimpsest").Optimizer, rate?: number, batchSize?: number, joint?: boolean,
 *   memory?: import("palimpsest").MemoryPolicy, at?: (task: number) => Record<string, number>, epochs?: number,
 *   plain?: boolean
 * }} Way
 */
/**
 * A method: how it is trained, by scenario, with its coefficient there; and what was published: task-, domain-, class-incremental, with deviations.
 * @typedef {{ way: (kind: Kind) => Way, published: readonly (readonly [number, number])[], note?: string,
 *   explained?: Partial<Record<Kind, string>>
 * }} Method
 */

const EPOCHS = 4;
const BATCH = 128;
/** @type {readonly Kind[]} */
const kinds = ["task", "domain", "class"];
const pairs = [0, 2, 4, 6, 8].map((digit) => [digit, digit + 1]);

/**
 * Rehearsal: half of each batch is drawn from what memory keeps of former tasks. That under way has a share of its own, a fifth in the last one, so
 * that former ones have as many rows there as published. @param {number} rows @returns {Way}
 */
const rehearsal = (rows) => ({
  memory: memory.quota({ capacity: (rows * 5) / 4, key: "task" }),
  strategies: [strategies.replay({ batchSize: BATCH / 2, draw: draws.powerLaw({ key: "task", exponent: 0 }) })],
  batchSize: BATCH / 2,
});
const rehearsed =
  "the task under way has its share of memory from its first step on, there only after its last: memory has five fourths of the rows, so that former tasks have theirs in the last.";

/** Rows whose gradients are measured at a boundary: the last that came. */
const MEASURED = 1000;
const ewc = (/** @type {number} */ coefficient, /** @type {"separate" | "online"} */ form) => ({
  memory: memory.ring({ capacity: MEASURED }),
  // Theirs is λΣF(θ − θ*)², ours ½λΣF(θ − θ*)².
  strategies: [strategies.ewc({ lambda: 2 * coefficient, form, fisher: "predicted", rows: MEASURED })],
});
const measured = `Fisher information from the last ${MEASURED} rows of each task; there, from all.`;

/**
 * Numbers of MAS by which its merge of importances is their sum over tasks, each of the mean of its squared outputs, as there: outputs of the task, or,
 * class-incremental, of all tasks so far. @param {Kind} kind @returns {(task: number) => Record<string, number>}
 */
const summed = (kind) => (task) => {
  const shares = (/** @type {number} */ count) =>
    Array.from({ length: count }, (_, i) => 1 / (kind === "class" ? 2 * (i + 1) : 2)).reduce((a, b) => a + b, 0);
  return { "mas.alpha": shares(task - 1) / shares(task), "mas.lambda": { task: 1, domain: 1e4, class: 1 }[kind] * shares(task) };
};

/** @type {Readonly<Record<string, Method>>} */
const methods = {
  Adam: {
    way: () => ({}),
    published: [
      [93.46, 2.01],
      [55.16, 1.38],
      [19.71, 0.08],
    ],
  },
  "SGD, 0.01": {
    way: () => ({ optimizer: optim.sgd(), rate: 0.01 }),
    published: [
      [97.98, 0.09],
      [63.2, 0.35],
      [19.46, 0.04],
    ],
  },
  "Adagrad, 0.01": {
    way: () => ({ optimizer: optim.adagrad(), rate: 0.01 }),
    published: [
      [98.06, 0.53],
      [58.08, 1.06],
      [19.82, 0.09],
    ],
  },
  L2: {
    way: (kind) => ({ strategies: [strategies.l2({ lambda: { task: 0.01, domain: 0.5, class: 100 }[kind], towards: "boundary" })] }),
    published: [
      [98.18, 0.96],
      [66.0, 3.73],
      [22.52, 1.08],
    ],
  },
  "rehearsal, 1100": {
    way: () => rehearsal(1100),
    published: [
      [99.4, 0.08],
      [95.16, 0.49],
      [90.78, 0.85],
    ],
    note: rehearsed,
  },
  "rehearsal, 4400": {
    way: () => rehearsal(4400),
    published: [
      [99.57, 0.07],
      [97.11, 0.34],
      [95.59, 0.49],
    ],
    note: rehearsed,
  },
  EWC: {
    way: (kind) => ewc({ task: 100, domain: 100, class: 600 }[kind], "separate"),
    published: [
      [97.7, 0.81],
      [58.85, 2.59],
      [19.8, 0.05],
    ],
    note: measured,
  },
  "EWC, online": {
    way: (kind) => ewc({ task: 400, domain: 700, class: 100 }[kind], "online"),
    published: [
      [98.04, 1.1],
      [57.33, 1.44],
      [19.77, 0.04],
    ],
    note: measured,
  },
  SI: {
    way: (kind) => ({ strategies: [strategies.si({ c: { task: 300, domain: 3000, class: 600 }[kind], xi: 0.1 })] }),
    published: [
      [98.56, 0.49],
      [64.76, 3.09],
      [19.67, 0.09],
    ],
    note: "importance below 0 counts as 0.",
  },
  MAS: {
    way: (kind) => ({
      memory: memory.ring({ capacity: MEASURED }),
      strategies: [strategies.mas({ rows: MEASURED })],
      at: summed(kind),
    }),
    published: [
      [99.22, 0.21],
      [68.57, 6.85],
      [19.52, 0.29],
    ],
    note: `importance from the last ${MEASURED} rows of each task, one by one; there, from means of batches of 128, which are smaller.`,
  },
  GEM: {
    way: () => ({
      ...{ optimizer: optim.sgd(), rate: 0.01, memory: memory.quota({ capacity: 4400, key: "task" }) },
      strategies: [strategies.gem({ tasks: 4, batchSize: 64, margin: 0.5 })],
    }),
    published: [
      [98.42, 0.1],
      [96.16, 0.35],
      [92.2, 0.12],
    ],
    note: "64 rows of each former task a step; there, all of them.",
  },
  LwF: {
    // By van de Ven's code: 2,000 steps a task; (1/k)·cross-entropy + (1 − 1/k)·T²·distance in task k, T = 2, of a teacher that denies new classes. Adam
    // heeds no common factor.
    way: (kind) => ({
      strategies: [strategies.lwf({ temperature: 2, ...(kind === "task" ? { classes: pairs } : { unknown: "denied" }) })],
      at: (task) => ({ "lwf.alpha": 4 * task }),
      epochs: 21,
      plain: true,
    }),
    published: [
      [99.6, 0.03],
      [71.02, 1.26],
      [24.17, 0.33],
    ],
    note: "as the code has that its figures are of: 21 passes, some 2,000 steps, of digits of 28 × 28 from 0 to 1.",
    explained: {
      // Minus log p + T²(k − 1)·CE(q, p_T) is least where p + T(k − 1)·p_T = 1 at the row's class: among n = 2(k − 1) old ones of equal q it ties with them,
      // and with fewer it loses.
      class:
        "where this loss is least no row is answered with a new class, as p + T(k − 1)·p_T = 1 has no solution above the likeliest old one at T = 2: what was learned first stays, a fifth. With half of the T² ours has about 30 %, with a quarter 29 %, so that theirs must have come of another weight.",
    },
  },
  Offline: {
    way: () => ({ joint: true }),
    published: [
      [99.52, 0.16],
      [98.59, 0.15],
      [97.53, 0.3],
    ],
  },
};

/** Returns digits with two rows and columns of 0 around them. @param {Dataset} digits @returns {Dataset} */
function padded(digits) {
  const x = new Uint8Array(digits.count * 1024);
  for (let i = 0; i < 28 * digits.count; i++) {
    const at = 1024 * Math.floor(i / 28) + 32 * ((i % 28) + 2) + 2;
    x.set(/** @type {Uint8Array} */ (digits.x).subarray(28 * i, 28 * i + 28), at);
  }
  return streams.arrays(x, digits.y, { shape: [32, 32], classes: 10 });
}

/** Yields of several lists one element each, in turn. @template T @param {readonly Iterable<T>[]} lists @returns {Generator<T>} */
function* inTurn(lists) {
  const left = new Set(lists.map((list) => list[Symbol.iterator]()));
  while (left.size > 0)
    for (const list of left) {
      const { done, value } = list.next();
      if (done) left.delete(list);
      else yield value;
    }
}

/** @param {string} name @param {number} seed @param {{ train: Dataset, test: Dataset }} digits */
async function accuracyOf(name, seed, digits) {
  const began = performance.now();
  const [method = "", kind] = /** @type {[string, Kind]} */ (name.split(" | "));
  const {
    optimizer = optim.adam(),
    rate = 0.001,
    batchSize = BATCH,
    joint,
    epochs = EPOCHS,
    at,
    plain = false,
    ...way
  } = /** @type {Method} */ (methods[method]).way(kind);
  const prepared = (/** @type {Dataset} */ part) => (plain ? part : padded(part));
  const [whole, test] = [prepared(digits.train), prepared(digits.test)];
  const { tasks: parts } = streams.splitClasses({ train: whole, test }, { tasks: 5 });
  const ofKind = (/** @type {Dataset} */ part) => (kind === "domain" ? { ...part, y: part.y.map((label) => label % 2), classes: 2 } : part);
  const tasks = parts.map(({ train, test }) => ({ train: ofKind(train), test: ofKind(test) }));
  const head = nn.classifier(kind === "domain" ? { capacity: 2 } : { capacity: 10, mask: kind === "class" ? "seen" : "none" });
  const masks = kind === "task" ? [strategies.taskMask({ classes: pairs })] : [];
  const runtime = await openRuntime({ backend: "wasm" });
  const learner = await Learner.create(runtime, {
    model: nn.sequential(nn.flatten(), nn.linear(400), nn.relu(), nn.linear(400), nn.relu(), head),
    input: { shape: whole.shape, dtype: "u8", ...(plain ? { scale: 1 / 255 } : { scale: 1 / 255 / 0.2752, offset: -0.1 / 0.2752 }) },
    optimizer,
    schedule: rate,
    ...(way.memory && { memory: way.memory }),
    strategies: [...masks, ...(way.strategies ?? [])],
    seed,
    batchSize,
  });
  const batchesOf = (/** @type {Dataset} */ part, /** @type {number} */ task) =>
    streams.batches(part, { batchSize, epochs, seed: 1000 * seed + 10 * task, task });
  for (const [task, { train }] of joint ? [] : tasks.entries()) {
    for (const [key, value] of Object.entries(task > 0 && at !== undefined ? at(task) : {})) learner.set(key, value);
    if (task > 0) await learner.consolidate();
    for (const batch of batchesOf(train, task)) await learner.observe(batch);
  }
  if (joint)
    for (const batch of kind === "task" ? inTurn(tasks.map(({ train }, task) => batchesOf(train, task))) : batchesOf(ofKind(whole), 0))
      await learner.observe(batch);
  let sum = 0;
  for (const [task, { test }] of tasks.entries())
    sum += (await learner.evaluate(streams.batches(test, { batchSize: BATCH, shuffle: false, task }))).accuracy;
  await learner.close();
  runtime.close();
  return { accuracy: sum / tasks.length, minutes: (performance.now() - began) / 60000 };
}

if (!isMainThread) {
  const [train, test] = /** @type {[Dataset, Dataset]} */ (await Promise.all([images("mnist", "train"), images("mnist", "t10k")]));
  serve((/** @type {{ name: string, seed: number }} */ { name, seed }) => accuracyOf(name, seed, { train, test }));
}

export async function run({ log = console.log } = {}) {
  const targets = Object.entries(methods).flatMap(([name, { published, note, explained }]) =>
    kinds.map((kind, i) => {
      const [mean = Number.NaN, deviation = 0] = published[i] ?? [];
      const target = { published: mean, deviation, ...(note && { note }), ...(explained?.[kind] && { explained: explained[kind] }) };
      return /** @type {const} */ ([`${name} | ${kind}`, target]);
    }),
  );
  return compare(import.meta.url, Object.fromEntries(targets), log);
}
