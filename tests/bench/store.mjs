/** What recording its changes costs a learner, and what opening one takes. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Learner, memory, nn, openRuntime, optim, stores, strategies } from "palimpsest";
import { paged } from "./paged.mjs";
import { titles } from "./targets.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

/** Turns of each learner, the first to warm up, and its steps in one; flushing the device at each step, a tenth of them tell as much. */
const TURNS = 21;
const STEPS = 100;
const STRICT_STEPS = 10;
const GROUP_MS = 10;

/** @param {string} workload @param {string} variant @param {string} unit @param {number} value @returns {Row} */
const row = (workload, variant, unit, value) => ({ workload, name: `Palimpsest, ${variant}`, kind: "palimpsest", variant, unit, value });

/** @param {readonly number[]} values */
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Returns the time of a replay step of MNIST's job, as bytes, recorded and not, turn by turn; and of opening a learner of 10 MB. */
export async function run() {
  const folder = await mkdtemp(join(tmpdir(), "palimpsest-bench-"));
  const runtime = await openRuntime({ backend: "wasm" });
  const job = {
    ...{ model: nn.sequential(nn.linear(512), nn.relu(), nn.classifier({ capacity: 10 })), optimizer: optim.sgd(), schedule: 0.1 },
    ...{ input: { shape: [784], dtype: /** @type {const} */ ("u8"), scale: 1 / 255 }, memory: memory.reservoir({ capacity: 1000 }) },
    strategies: [strategies.replay({ batchSize: 10 })],
  };
  const open = (/** @type {string} */ name, /** @type {"strict" | "relaxed"} */ durability) =>
    Learner.create(runtime, { ...job, store: stores.folder(join(folder, name)), durability });
  const learners = {
    "not recorded": await Learner.create(runtime, job),
    relaxed: await open("relaxed", "relaxed"),
    grouped: await open("grouped", "relaxed"),
    strict: await open("strict", "strict"),
  };
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(Object.keys(learners).map((name) => [name, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, learner] of Object.entries(learners)) {
      let committed = performance.now();
      /** @type {Promise<void> | undefined} */
      let commit;
      const steps = name === "strict" ? STRICT_STEPS : STEPS;
      let spent = 0;
      for (let step = turn * STEPS; step < turn * STEPS + steps; step++) {
        const x = Uint8Array.from({ length: 7840 }, (_, i) => (i * 31 + step * 17) % 256);
        const y = Array.from({ length: 10 }, (_, i) => (i + step) % 10);
        const start = performance.now();
        await learner.observe({ x, y });
        if (name === "grouped" && commit === undefined && start - committed >= GROUP_MS) {
          committed = start;
          commit = learner.commit().then(() => {
            commit = undefined;
          });
        }
        // As where rows come from elsewhere: what ended meanwhile is heard of.
        await new Promise((resolve) => setImmediate(resolve));
        spent += performance.now() - start;
      }
      const start = performance.now();
      await commit;
      spent += performance.now() - start;
      if (turn > 0) times[name]?.push(spent / steps);
    }
  }
  const means = Object.fromEntries(Object.entries(times).map(([name, list]) => [name, mean(list)]));
  for (const learner of Object.values(learners)) await learner.close();

  const large = {
    ...job,
    model: nn.sequential(nn.linear(1060), nn.classifier({ capacity: 10 })),
    optimizer: optim.adamw(),
    schedule: 1e-3,
  };
  const store = stores.folder(join(folder, "large"));
  await (await Learner.create(runtime, { ...large, store, durability: "relaxed" })).close();
  const openings = [];
  for (let turn = 0; turn < 7; turn++) {
    const start = performance.now();
    const learner = await Learner.open(runtime, store);
    openings.push(performance.now() - start);
    await learner.close();
  }
  runtime.close();
  await rm(folder, { recursive: true });
  const plain = /** @type {number} */ (means["not recorded"]);
  return [
    ...Object.entries(means).map(([name, value]) => row(titles.recorded, `${name}, mean`, "ms", value)),
    row(titles.recorded, "relaxed", "×", /** @type {number} */ (means.relaxed) / plain),
    row(titles.recorded, "committed every 10 ms", "×", /** @type {number} */ (means.grouped) / plain),
    row(titles.opening, "folder", "ms", /** @type {number} */ (openings.sort((a, b) => a - b)[3])),
    ...(await paged()),
  ];
}
