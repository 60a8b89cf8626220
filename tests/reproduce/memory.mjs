/**
 * Every policy that keeps rows, under uniform draws, and every policy that draws, from a reservoir, on class-incremental Split-MNIST as in Buzzega
 * et al. 2020 (DER): five tasks of two digits, one pass, 10 + 10 rows a step, 784-100-100-10 without normalisation, SGD at 0.1; memories of 200
 * and 1000 rows, five seeds.
 */
import { isMainThread } from "node:worker_threads";
import { draws, Learner, memory, nn, openRuntime, optim, strategies, streams } from "palimpsest";
import { runAll, serve } from "./crew.mjs";
import { images } from "./data.mjs";

/** @typedef {{ keeps: string, draws: string, capacity: number, seed: number }} Cell */

const capacities = [200, 1000];
const seeds = [0, 1, 2, 3, 4];

/** @type {Record<string, (capacity: number) => import("palimpsest").MemoryPolicy>} */
const keeping = {
  reservoir: (capacity) => memory.reservoir({ capacity }),
  ring: (capacity) => memory.ring({ capacity }),
  "ring by label": (capacity) => memory.ring({ capacity, key: "label" }),
  quota: (capacity) => memory.quota({ capacity }),
  "quota by task": (capacity) => memory.quota({ capacity, key: "task" }),
  "class-balanced": (capacity) => memory.classBalanced({ capacity }),
  "balanced-reservoir": (capacity) => memory.balancedReservoir({ capacity }),
  greedy: (capacity) => memory.greedy({ capacity }),
  "loss-aware": (capacity) => memory.lossAware({ capacity }),
  "loss-aware, balance 0.5": (capacity) => memory.lossAware({ capacity, balance: 0.5 }),
  "gradient-diverse": (capacity) => memory.gradientDiverse({ capacity }),
  herding: (capacity) => memory.herding({ capacity }),
  "closest-to-mean": (capacity) => memory.closestToMean({ capacity }),
  clusters: (capacity) => memory.clusters({ capacity }),
  similarity: (capacity) => memory.similarity({ capacity }),
  "long-term": (capacity) => memory.longTerm({ capacity, chunk: 10 }),
};

/** @type {Record<string, () => import("palimpsest").DrawPolicy>} */
const drawing = {
  uniform: () => draws.uniform(),
  "uniform, with replacement": () => draws.uniform({ replacement: true }),
  balanced: () => draws.balanced(),
  proportional: () => draws.proportional(),
  rank: () => draws.rank(),
  "power-law": () => draws.powerLaw(),
  "power-law by task": () => draws.powerLaw({ key: "task" }),
  fading: () => draws.fading(),
  recency: () => draws.recency({ halfLife: 12_000 }),
  recall: () => draws.recall(),
  top: () => draws.top({ candidates: 50 }),
  softmax: () => draws.softmax(),
  "half uniform, half proportional": () => draws.mixture([{ share: 1 }, { share: 1, policy: draws.proportional() }]),
  "limited, 0.5 a row": () => draws.limited({ samplesPerInsert: 0.5 }),
};

/** Returns the share of all test images that are answered right after the last task. @param {Cell} cell @param {import("palimpsest").Scenario} scenario */
async function accuracyOf({ keeps, draws: drawn, capacity, seed }, { tasks }) {
  const runtime = await openRuntime({ backend: "wasm" });
  const learner = await Learner.create(runtime, {
    model: nn.sequential(nn.flatten(), nn.linear(100), nn.relu(), nn.linear(100), nn.relu(), nn.classifier({ capacity: 10 })),
    input: { shape: [28, 28], dtype: "u8", scale: 1 / 255 },
    optimizer: optim.sgd(),
    schedule: 0.1,
    memory: /** @type {(capacity: number) => import("palimpsest").MemoryPolicy} */ (keeping[keeps])(capacity),
    strategies: [strategies.replay({ batchSize: 10, draw: /** @type {() => import("palimpsest").DrawPolicy} */ (drawing[drawn])() })],
    seed,
    batchSize: 10,
  });
  for (const [task, { train }] of tasks.entries()) {
    for (const batch of streams.batches(train, { batchSize: 10, seed: 100 * seed + task, task })) await learner.observe(batch);
  }
  let right = 0;
  for (const { test } of tasks) {
    const { accuracy, count } = await learner.evaluate(streams.batches(test, { batchSize: 128, shuffle: false }));
    right += accuracy * count;
  }
  await learner.close();
  runtime.close();
  return right / tasks.reduce((sum, { test }) => sum + test.count, 0);
}

if (!isMainThread) {
  const scenario = streams.splitClasses({ train: await images("mnist", "train"), test: await images("mnist", "t10k") }, { tasks: 5 });
  serve((/** @type {Cell} */ cell) => accuracyOf(cell, scenario));
}

export async function run({ log = console.log } = {}) {
  const pairs = [
    ...Object.keys(keeping).map((keeps) => [keeps, "uniform"]),
    ...Object.keys(drawing)
      .slice(1)
      .map((draw) => ["reservoir", draw]),
  ];
  /** @type {Map<string, number[]>} */
  const found = new Map();
  const nameOf = (/** @type {Omit<Cell, "seed">} */ { keeps, draws: drawn, capacity }) => `${keeps} | ${drawn} | ${capacity}`;
  const cells = pairs.flatMap(([keeps = "", drawn = ""]) =>
    capacities.flatMap((capacity) => seeds.map((seed) => ({ keeps, draws: drawn, capacity, seed }))),
  );
  await runAll(import.meta.url, cells, (/** @type {Cell} */ cell, /** @type {number} */ accuracy) => {
    const values = [...(found.get(nameOf(cell)) ?? []), accuracy];
    found.set(nameOf(cell), values);
    if (values.length === seeds.length) log(`${nameOf(cell)}: ${values.map((value) => value.toFixed(4)).join(" ")}`);
  });
  const shown = (/** @type {string} */ keeps, /** @type {string} */ drawn, /** @type {number} */ capacity) => {
    const values = found.get(nameOf({ keeps, draws: drawn, capacity })) ?? [];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
    return { mean, text: `${(100 * mean).toFixed(1)} ± ${(100 * deviation).toFixed(1)}` };
  };
  log(
    `| keeps | draws | ${capacities.map((capacity) => `${capacity} rows`).join(" | ")} |\n| --- | --- | ${capacities.map(() => "---").join(" | ")} |`,
  );
  for (const [keeps = "", drawn = ""] of pairs) {
    log(`| ${keeps} | ${drawn} | ${capacities.map((capacity) => shown(keeps, drawn, capacity).text).join(" | ")} |`);
  }
  // Published for reservoirs of 200, 500 and 5120 rows: 80.4, 86.1 and 93.4 %; plain training ends at 19.6 %.
  const means = (/** @type {string} */ keeps) => capacities.map((capacity) => shown(keeps, "uniform", capacity).mean);
  const [small = 0, large = 0] = means("reservoir");
  return small > 0.72 && large > 0.84 && (means("class-balanced")[0] ?? 0) > small - 0.03 && (means("ring")[1] ?? 1) < small;
}
