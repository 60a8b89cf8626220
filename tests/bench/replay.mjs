/**
 * The replay step of the main job, whole: 784-512-10 with dropout, 10 new rows and 10 replayed ones, class-balanced memory of 1000.
 * Its random choices differ between libraries, so there are no answers to compare.
 */
import { Learner, memory, nn, optim, strategies, streams } from "palimpsest";
import { contest, stepper } from "./contest.mjs";
import { cycle } from "./numbers.mjs";
import { openNamed } from "./palimpsest.mjs";
import { THREADS, titles } from "./targets.mjs";

/** @typedef {"sgd" | "adamw"} Rule */

/** Returns the learner of the job. @param {import("palimpsest").Runtime} runtime @param {Rule} rule */
export function replayLearner(runtime, rule) {
  return Learner.create(runtime, {
    model: nn.sequential(nn.flatten(), nn.linear(512), nn.relu(), nn.dropout(0.5), nn.classifier({ capacity: 10 })),
    input: { shape: [28, 28], dtype: "u8", scale: 1 / 255 },
    optimizer: rule === "sgd" ? optim.sgd() : optim.adamw(),
    schedule: rule === "sgd" ? 0.1 : 1e-3,
    memory: memory.classBalanced({ capacity: 1000 }),
    strategies: [strategies.replay({ batchSize: 10 })],
    batchSize: 10,
  });
}

/** Returns the batches of the job. */
export const replayBatches = () => [...streams.batches(streams.glyphs({ count: 1000, seed: 1 }), { batchSize: 10 })];

/** @param {Rule} rule @param {number} [threads] @returns {Promise<import("./contest.mjs").Contender>} */
async function palimpsest(rule, threads) {
  const { runtime, name } = await openNamed("wasm", threads);
  const learner = await replayLearner(runtime, rule);
  const next = cycle(replayBatches());
  const close = async () => {
    await learner.close();
    runtime.close();
  };
  return stepper({ name, close }, async () => void (await learner.observe(next())));
}

/** Returns a row for each contender under each rule. @param {import("./train.mjs").Native} [native] */
export async function run(native) {
  const rows = [];
  for (const rule of /** @type {const} */ (["sgd", "adamw"])) {
    /** @type {import("./contest.mjs").Entry[]} */
    const entries = [
      { name: "Palimpsest", kind: "palimpsest", required: true, open: () => palimpsest(rule) },
      { name: "Palimpsest", kind: "palimpsest", variant: THREADS, open: () => palimpsest(rule, 2) },
    ];
    const pytorch = async (/** @type {import("./train.mjs").Native} */ serve) => ({
      ...(await serve("replay.py", [rule])),
      answers: async () => [],
    });
    if (native) entries.push({ name: "PyTorch", kind: "native", open: () => pytorch(native) });
    rows.push(...(await contest(titles.replay(rule), entries)));
  }
  return rows;
}
