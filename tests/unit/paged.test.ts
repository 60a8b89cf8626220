import { type Batch, draws, Learner, type LearnerOptions, memory, nn, openRuntime, optim, type Runtime, stores, strategies } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

const INPUTS = 7;
const ROWS = 5;
const ROW_BYTES = 8 + 4;
/** Room for four rows and their tags. */
const RESIDENT = 4 * (ROW_BYTES + 4);

const options = (more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(nn.linear(6), nn.relu(), nn.dropout(0.1), nn.classifier({ capacity: 3 })),
  input: { shape: [INPUTS], dtype: "u8", scale: 1 / 255 },
  optimizer: optim.adamw(),
  schedule: 0.02,
  memory: memory.reservoir({ capacity: 13 }),
  strategies: [strategies.replay({ batchSize: 4 })],
  seed: 5,
  ...more,
});
const paged = (more: Partial<LearnerOptions> = {}): LearnerOptions =>
  options({ residentBytes: RESIDENT, store: stores.memory(), durability: "relaxed", ...more });

function batchAt(step: number, rows: number = ROWS): Batch {
  const draw = new RandomStream(4, `rows ${step}`);
  return {
    x: Uint8Array.from({ length: INPUTS * rows }, () => draw.below(256)),
    y: Array.from({ length: rows }, () => draw.below(3)),
    id: Array.from({ length: rows }, (_, row) => 8 * step + row),
    task: Math.floor(step / 5),
  };
}

const policies = {
  reservoir: memory.reservoir({ capacity: 13 }),
  "reservoir by chunks": memory.reservoir({ capacity: 13, chunk: 2 }),
  ring: memory.ring({ capacity: 13 }),
  quota: memory.quota({ capacity: 13 }),
  "class-balanced": memory.classBalanced({ capacity: 13 }),
  "balanced-reservoir": memory.balancedReservoir({ capacity: 13 }),
  greedy: memory.greedy({ capacity: 13 }),
  "loss-aware": memory.lossAware({ capacity: 13 }),
  "gradient-diverse": memory.gradientDiverse({ capacity: 13 }),
  herding: memory.herding({ capacity: 13 }),
  "closest-to-mean": memory.closestToMean({ capacity: 13 }),
  clusters: memory.clusters({ capacity: 13, clusters: 3 }),
  similarity: memory.similarity({ capacity: 13 }),
  "long term": memory.longTerm({ capacity: 13 }),
};
const ways = {
  uniform: draws.uniform(),
  "with replacement": draws.uniform({ replacement: true }),
  balanced: draws.balanced(),
  proportional: draws.proportional(),
  rank: draws.rank(),
  "power law": draws.powerLaw({ key: "task" }),
  fading: draws.fading(),
  recency: draws.recency({ halfLife: 10 }),
  recall: draws.recall(),
  top: draws.top(),
  softmax: draws.softmax(),
  mixture: draws.mixture([{ share: 1 }, { share: 1, policy: draws.recency({ halfLife: 5 }) }]),
  limited: draws.limited({ samplesPerInsert: 0.5, minRows: 8, errorBuffer: 20, policy: draws.uniform() }),
};
const cases = [
  ...Object.entries(policies).map(([name, policy]) => [name, { memory: policy }] as const),
  ...Object.entries(ways).map(([name, draw]) => [`draw ${name}`, { strategies: [strategies.replay({ batchSize: 4, draw })] }] as const),
] satisfies (readonly [string, Partial<LearnerOptions>])[];

async function both(more: Partial<LearnerOptions>, work: (learner: Learner) => Promise<unknown>): Promise<[string, string]> {
  const hashes: string[] = [];
  for (const given of [options(more), paged(more)]) {
    const learner = await Learner.create(runtime, given);
    await work(learner);
    hashes.push(await learner.stateHash());
    await learner.close();
  }
  return hashes as [string, string];
}

describe("a memory whose rows lie in a file", () => {
  it.each(cases)("learns the bits of one in memory: %s", async (_, more) => {
    const [plain, own] = await both(more, async (learner) => {
      // The fourth batch is smaller, the seventh larger than the learner has room for.
      for (let step = 0; step < 14; step++) await learner.observe(batchAt(step, step === 3 ? 2 : step === 6 ? 8 : ROWS));
      await learner.forget([0, 8, 17, 33, 104]);
      for (let step = 14; step < 20; step++) await learner.observe(batchAt(step));
    });
    expect(own).toBe(plain);
  });
});
