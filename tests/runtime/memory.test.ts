import { draws, memory } from "palimpsest";
import { expect, it } from "vitest";
import type { DrawPolicy } from "../../src/memory/draw.ts";
import type { MemoryPolicy } from "../../src/memory/policy.ts";
import { type DrawnRows, Replay } from "../../src/memory/replay.ts";
import type { Offer } from "../../src/memory/slots.ts";
import { RandomStream } from "../../src/random.ts";
import { sha256Hex } from "../../src/store/index.ts";
import { openWasm } from "../../src/wasm/instance.ts";

/** The policies, and the rows of their stores. */
const policies: readonly (readonly [policy: MemoryPolicy, ...capacities: number[]])[] = [
  [memory.reservoir(), 2_000],
  [memory.reservoir({ method: "L" }), 2_000],
  [memory.reservoir({ chunk: 16 }), 2_000],
  [memory.ring({ key: "task" }), 2_000],
  [memory.quota(), 2_000],
  [memory.classBalanced(), 2_000],
  [memory.balancedReservoir(), 2_000],
  [memory.greedy(), 2_000],
  [memory.lossAware({ balance: 0.5 }), 200],
  [memory.gradientDiverse(), 200],
  [memory.herding(), 200],
  [memory.closestToMean(), 200],
  [memory.clusters({ clusters: 8 }), 200],
  [memory.similarity(), 200],
  [memory.longTerm({ capacity: 4_000, chunk: 8 }), 2_000, 2_000],
];

/** Draws, which are made in turn. */
const drawn: readonly DrawPolicy[] = [
  draws.uniform(),
  draws.uniform({ replacement: true }),
  draws.balanced(),
  draws.balanced({ key: "task", replacement: true }),
  draws.proportional(),
  draws.rank(),
  draws.powerLaw({ exponent: 1.2 }),
  draws.powerLaw({ key: "task" }),
  draws.fading(),
  draws.recency(),
  draws.recall(),
  draws.top({ candidates: 100 }),
  draws.softmax(),
  draws.mixture([{ share: 2 }, { share: 1, policy: draws.proportional({ alpha: 1 }) }]),
  draws.limited({ samplesPerInsert: 0.7 }),
  draws.adaptive(),
];

const HASH = "6f445674e62ba12305c62c085473b046841b9450b768701504707a1a64035052";
const OPERATIONS = 1_000_000;
const ROWS = 64;
const DIMS = 4;

it("decides alike in every runtime over a million operations", async () => {
  const random = new RandomStream(3, "rows");
  const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => 2 * random.uniform() - 1);
  const labels = (n: number): Uint32Array => Uint32Array.from({ length: ROWS }, () => Math.min(random.below(n), random.below(n)));
  const wasm = await openWasm();
  const found: Uint8Array[] = [];
  const note = (values: Uint32Array | Float32Array): number => found.push(new Uint8Array(values.slice().buffer));
  let operations = 0;
  for (const [i, [policy, ...capacities]] of policies.entries()) {
    const replay = new Replay(wasm, { policy, capacities, keys: ["label", "task"], ids: true, scores: true, dims: DIMS }, i);
    for (let turn = 0; operations < (OPERATIONS * (i + 1)) / policies.length; turn++) {
      const rows: Offer = {
        count: ROWS,
        keys: { label: labels(10), task: new Uint32Array(ROWS).fill(turn >> 6) },
        // One in some rows comes twice.
        ids: Float64Array.from({ length: ROWS }, () => random.below(2 ** 18)),
        scores: numbers(ROWS).map((score) => (score < 0 ? Number.NaN : score)),
        embeddings: numbers(ROWS * DIMS),
      };
      note(replay.offer(rows));
      const { slots, weights, generations }: DrawnRows = replay.draw(ROWS, drawn[turn % drawn.length]);
      for (const values of [slots, weights, generations]) note(values);
      // Half of the updates come late: other rows may have taken the slots.
      if (turn % 2 === 1) replay.offer(rows);
      operations += ROWS + slots.length + replay.update(slots, generations, numbers(slots.length).map(Math.abs));
      if (turn % 16 === 15) operations += replay.forget(slots.subarray(0, 5)).length;
    }
    found.push(replay.save());
    replay.close();
  }
  const bytes = new Uint8Array(found.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of found) {
    bytes.set(part, at);
    at += part.length;
  }
  expect(operations).toBeGreaterThanOrEqual(OPERATIONS);
  expect(await sha256Hex(bytes)).toBe(HASH);
});
