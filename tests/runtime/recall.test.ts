import {
  type DrawPolicy,
  draws,
  Learner,
  type LearnerOptions,
  type MemoryPolicy,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  readSafetensors,
  type StoredTensor,
  type Strategy,
  strategies,
} from "palimpsest";
import { expect, it } from "vitest";
import { jobBatches } from "./job.ts";

const capacity = 24;
const ways: [string, MemoryPolicy, DrawPolicy][] = [
  ["a reservoir, uniformly", memory.reservoir({ capacity }), draws.uniform()],
  ["a reservoir by skips, by age", memory.reservoir({ capacity, method: "L" }), draws.powerLaw()],
  ["the newest of each task, fading", memory.ring({ capacity, key: "task" }), draws.fading()],
  ["quotas, in turn", memory.quota({ capacity }), draws.balanced()],
  ["balanced classes, as recalls", memory.classBalanced({ capacity }), draws.recall()],
  ["a balanced reservoir, recent rows first", memory.balancedReservoir({ capacity }), draws.recency({ halfLife: 50 })],
  ["greedily, few at a time", memory.greedy({ capacity }), draws.limited({ samplesPerInsert: 0.5 })],
  [
    "long term, in shares",
    memory.longTerm({ capacity }),
    draws.mixture([
      { share: 3, store: "recent" },
      { share: 1, store: "past" },
    ]),
  ],
];
const batches = jobBatches(30).map((batch, k) => ({ ...batch, task: Math.floor(k / 6) }));

/** Returns the slots drawn in each step, and what memory holds in the end. */
async function recalled(
  runtime: Runtime,
  policy: MemoryPolicy,
  draw: DrawPolicy,
): Promise<{ slots: number[][]; stored: Map<string, Uint8Array> }> {
  const slots: number[][] = [];
  const replay = strategies.replay({ batchSize: 6, draw });
  const watched: Strategy = {
    ...replay,
    draw: {
      groups: replay.draw?.groups ?? [],
      select(context) {
        const drawn = replay.draw?.select(context) ?? {};
        slots.push(Array.from(drawn.replay?.slots ?? []));
        return drawn;
      },
    },
  };
  const options: LearnerOptions = {
    model: nn.sequential(nn.flatten(), nn.linear(6), nn.relu(), nn.classifier({ capacity: 10 })),
    input: { shape: [14, 14], dtype: "u8", scale: 1 / 128, offset: -0.5 },
    optimizer: optim.sgd(),
    schedule: 0.03,
    memory: policy,
    strategies: [watched],
    seed: 8,
    batchSize: 10,
  };
  const learner = await Learner.create(runtime, options);
  for (const batch of batches) await learner.observe(batch);
  const { tensors } = readSafetensors(await learner.checkpoint(), "checkpoint");
  await learner.close();
  const stored = ["x", "y", "index"].map((name) => [name, new Uint8Array((tensors.get(`memory/${name}`) as StoredTensor).data)] as const);
  return { slots, stored: new Map(stored) };
}

it.each(ways)("from %s: WebGPU keeps and recalls the rows that Wasm does, byte for byte", async (_, policy, draw) => {
  const gpu = await openRuntime({ backend: "webgpu" }).catch((error) => {
    if (typeof process !== "undefined" && process.env?.CI === "true" && !("Bun" in globalThis)) throw error;
    return undefined;
  });
  if (gpu === undefined) return;
  const wasm = await openRuntime({ backend: "wasm" });
  const [expected, found] = [await recalled(wasm, policy, draw), await recalled(gpu, policy, draw)];
  expect(expected.slots.at(-1)?.length).toBeGreaterThan(3);
  expect(found).toEqual(expected);
  gpu.close();
  wasm.close();
});
