/**
 * The replay step of the main job, whole: 784-512-10 with dropout, 10 new rows and 10 replayed ones, class-balanced memory of 1000.
 * Its random choices differ between libraries, so there are no answers to compare.
 */
import { Learner, memory, nn, openRuntime, optim, strategies, streams } from "palimpsest";
import { contest, stepper } from "./contest.mjs";
import { cycle } from "./numbers.mjs";
import { nameOf } from "./palimpsest.mjs";
import { pytorch } from "./torch.mjs";

/** @typedef {"sgd" | "adamw"} Rule */

/** @type {Readonly<Record<Rule, readonly import("./contest.mjs").Target[]>>} */
const targets = { sgd: [{ against: "native", atLeast: 0.9 }], adamw: [{ against: "native", atLeast: 1 }] };

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

/** @param {Rule} rule @param {"wasm" | "webgpu"} backend */
async function palimpsest(rule, backend) {
  const runtime = await openRuntime({ backend });
  const learner = await replayLearner(runtime, rule);
  const next = cycle(replayBatches());
  const close = async () => {
    await learner.close();
    runtime.close();
  };
  return stepper(
    { name: nameOf(runtime), kind: "palimpsest", targets: backend === "wasm" ? targets[rule] : [], close },
    async () => void (await learner.observe(next())),
  );
}

/** Returns a row for each contender under each rule. */
export async function run() {
  const rows = [];
  for (const rule of /** @type {const} */ (["sgd", "adamw"])) {
    const onGpu = () => palimpsest(rule, "webgpu").catch((error) => void console.error(`WebGPU left out: ${error.message}`));
    const torch = async () => {
      const contender = await pytorch("replay.py", [rule]);
      return contender && { ...contender, answers: async () => [] };
    };
    rows.push(...(await contest(`replay step 10+10, ${rule}`, [() => palimpsest(rule, "wasm"), onGpu, torch])));
  }
  return rows;
}
