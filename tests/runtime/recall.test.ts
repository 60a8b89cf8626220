import {
  type Batch,
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
import { checkBatch } from "../../src/learner/batch.ts";
import { Engine } from "../../src/learner/engine.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import type { Offer } from "../../src/memory/slots.ts";
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
const options: LearnerOptions = {
  model: nn.sequential(nn.flatten(), nn.linear(6), nn.relu(), nn.classifier({ capacity: 10 })),
  input: { shape: [14, 14], dtype: "u8", scale: 1 / 128, offset: -0.5 },
  optimizer: optim.sgd(),
  schedule: 0.03,
  seed: 8,
  batchSize: 10,
};
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
      async select(context) {
        const drawn = (await replay.draw?.select(context)) ?? {};
        slots.push(Array.from(drawn.replay?.slots ?? []));
        return drawn;
      },
    },
  };
  const learner = await Learner.create(runtime, { ...options, memory: policy, strategies: [watched] });
  for (const batch of batches) await learner.observe(batch);
  const { tensors } = readSafetensors(await learner.checkpoint(), "checkpoint");
  await learner.close();
  const stored = ["x", "y", "index"].map((name) => [name, new Uint8Array((tensors.get(`memory/${name}`) as StoredTensor).data)] as const);
  return { slots, stored: new Map(stored) };
}

async function openGpu(): Promise<Runtime | undefined> {
  return openRuntime({ backend: "webgpu" }).catch((error) => {
    if (typeof process !== "undefined" && process.env?.CI === "true" && !("Bun" in globalThis)) throw error;
    return undefined;
  });
}

it.each(ways)("from %s: WebGPU keeps and recalls the rows that Wasm does, byte for byte", async (_, policy, draw) => {
  const gpu = await openGpu();
  if (gpu === undefined) return;
  const wasm = await openRuntime({ backend: "wasm" });
  const [expected, found] = [await recalled(wasm, policy, draw), await recalled(gpu, policy, draw)];
  expect(expected.slots.at(-1)?.length).toBeGreaterThan(3);
  expect(found).toEqual(expected);
  gpu.close();
  wasm.close();
});

/** Returns what memory was offered in each of the first steps. */
async function offered(runtime: Runtime, policy: MemoryPolicy): Promise<Offer[]> {
  const config = await resolveConfig({ ...options, memory: policy, strategies: [strategies.replay({ batchSize: 6 })] });
  const engine = await Engine.open(runtime, config);
  const { replay } = engine.memory as NonNullable<Engine["memory"]>;
  const offers: Offer[] = [];
  const offer = replay.offer.bind(replay);
  replay.offer = (rows) => {
    offers.push(structuredClone(rows));
    return offer(rows);
  };
  // The last holds fewer rows than the step has room for.
  for (const batch of [...batches.slice(0, 2), { ...(batches[2] as Batch), x: batches[2]?.x.slice(0, 196) as Uint8Array, y: [1] }])
    await engine.step(checkBatch("test", batch, config));
  engine.close();
  return offers;
}

it.each([
  ["losses", memory.lossAware({ capacity })],
  ["features", memory.herding({ capacity })],
  ["gradients", memory.gradientDiverse({ capacity })],
] as const)("WebGPU measures the %s that Wasm does", async (what, policy) => {
  const gpu = await openGpu();
  if (gpu === undefined) return;
  const wasm = await openRuntime({ backend: "wasm" });
  const [expected, found] = [await offered(wasm, policy), await offered(gpu, policy)];
  const column = what === "losses" ? "scores" : "embeddings";
  const width = { losses: 1, features: 6, gradients: 10 }[what];
  for (const [step, offer] of expected.entries()) {
    const [a, b] = [offer[column], found[step]?.[column]] as [Float32Array, Float32Array];
    expect(a.length).toBe(width * (step === 2 ? 1 : 10));
    expect(b.length).toBe(a.length);
    expect(a.some((value) => Math.abs(value) > 0.1)).toBe(true);
    for (const [i, value] of a.entries()) expect(Math.abs((b[i] as number) - value)).toBeLessThan(1e-4);
  }
  gpu.close();
  wasm.close();
});
