/** Strategies have the same bits in every engine. */
import {
  detectors,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type Strategy,
  strategies,
} from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

const ROWS = 6;
const options = (list: readonly Strategy[]): LearnerOptions => ({
  model: nn.sequential(nn.linear(8), nn.relu(), nn.classifier({ capacity: 4 })),
  input: [5],
  optimizer: optim.adamw(),
  schedule: 0.01,
  memory: memory.reservoir({ capacity: 30 }),
  strategies: list,
  seed: 3,
  batchSize: ROWS,
});

/** Two classes a task; four batches a task. */
function batchAt(index: number) {
  const draw = new RandomStream(11, `batch ${index}`);
  const task = Math.floor(index / 4) % 2;
  const y = Array.from({ length: ROWS }, () => 2 * task + draw.below(2));
  return { x: Float32Array.from({ length: 5 * ROWS }, () => draw.uniform() - 0.5), y, task };
}

const cases: readonly (readonly [names: string, list: () => Strategy[], hash: string])[] = [
  [
    "der, ewc, ema, detect",
    () => [
      strategies.der({ batchSize: 4 }),
      strategies.ewc({ rows: 20 }),
      strategies.ema(),
      strategies.detect({ detector: detectors.adwin() }),
    ],
    "9fc6b88241dcf119",
  ],
  ["erAce, si, slda", () => [strategies.erAce({ batchSize: 4 }), strategies.si(), strategies.slda()], "24cb2012923247db"],
  [
    "mir, lwf, redo, kalman",
    () => [
      strategies.mir({ batchSize: 4, candidates: 8 }),
      strategies.lwf(),
      strategies.redo({ every: 3, threshold: 0.3 }),
      strategies.kalman(),
    ],
    "4cd4ee1979d5ab03",
  ],
  [
    "gem, gdumb, spectral",
    () => [strategies.gem({ tasks: 2, batchSize: 4 }), strategies.gdumb({ epochs: 2, batchSize: 8, online: true }), strategies.spectral()],
    "93c6e9ad527e4c62",
  ],
];

describe("strategies", () => {
  it.each(cases)("%s end in the same state in every engine", async (_, list, hash) => {
    const learner = await Learner.create(runtime, options(list()));
    for (let index = 0; index < 10; index++) {
      await learner.observe(batchAt(index));
      if (index % 4 === 3) await learner.consolidate();
    }
    expect((await learner.stateHash()).slice(0, 16)).toBe(hash);
    await learner.close();
  });
});
