/** Memory that runs out at any allocation: told as such, nothing changed, nothing kept, and all well once there is room. */
import { draws, Learner, type LearnerOptions, memory, nn, openRuntime, optim, type Runtime, stores, strategies } from "palimpsest";
import { expect, it } from "vitest";
import { openWasm, type Wasm } from "../../src/wasm/instance.ts";
import { findGpu } from "../env.ts";
import { scarceGpu } from "../torture/scarcegpu.ts";

const models: [string, LearnerOptions][] = [
  [
    "rows drawn uniformly",
    {
      model: nn.sequential(nn.linear(6), nn.batchNorm(), nn.relu(), nn.classifier({ capacity: 3 })),
      input: [4],
      optimizer: optim.adamw(),
      schedule: 1e-2,
      memory: memory.classBalanced({ capacity: 20 }),
      strategies: [strategies.replay({ batchSize: 4 })],
      seed: 3,
    },
  ],
  [
    "rows kept by features and drawn by loss",
    {
      model: nn.sequential(nn.linear(6), nn.relu(), nn.classifier({ capacity: 3 })),
      input: { shape: [4], dtype: "u8" },
      optimizer: optim.chain(optim.clipByGlobalNorm({ maxNorm: 1 }), optim.sgd({ momentum: 0.9 })),
      schedule: 1e-2,
      memory: memory.herding({ capacity: 12 }),
      strategies: [strategies.replay({ batchSize: 4, draw: draws.proportional() })],
      seed: 4,
    },
  ],
];

/** Calls after which a state is compared: small batches, then one that takes more room, answers, a save. */
const calls = 5;

async function call(learner: Learner, i: number, u8: boolean): Promise<unknown> {
  const rows = (count: number) => {
    const values = Array.from({ length: 4 * count }, (_, at) => (at * (i + 3)) % 7);
    return u8 ? Uint8Array.from(values) : Float32Array.from(values);
  };
  const batch = (count: number) => ({
    x: rows(count),
    y: Array.from({ length: count }, (_, row) => (row + i) % 3),
    id: Array.from({ length: count }, (_, row) => 10 * i + row),
  });
  if (i === 2) return learner.predict(rows(3));
  if (i === 4) return learner.save();
  return learner.observe(batch(i === 3 ? 9 : 2));
}

/** Where memory can be made to run out. */
interface Cue {
  /** Makes the n-th allocation from now on fail, once. */
  arm(n: number): void;
  /** Allocations left until then. */
  left(): number;
}

/** Learns while the n-th allocation fails; returns the hashes of the states on the way, and how many calls were refused. */
async function live(runtime: Runtime, options: LearnerOptions, cue: Cue, n: number): Promise<{ hashes: string[]; refusals: number }> {
  const u8 = "dtype" in options.input;
  const store = stores.memory();
  let refusals = 0;
  /** Does something again where there was no memory for it. */
  const insist = async <T>(run: () => Promise<T>, onRefusal: () => Promise<void>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      expect(error, `allocation ${n}`).toMatchObject({ code: "E_OOM" });
      refusals += 1;
      await onRefusal();
      return run();
    }
  };
  cue.arm(n);
  const learner = await insist(
    () => Learner.create(runtime, { ...options, store }),
    async () => {},
  );
  const hash = async (): Promise<string> => {
    const left = cue.left();
    cue.arm(Number.POSITIVE_INFINITY);
    const found = await learner.stateHash();
    cue.arm(left);
    return found;
  };
  const hashes = [await hash()];
  for (let i = 0; i < calls; i++) {
    await insist(
      () => call(learner, i, u8),
      async () => expect(await hash(), `allocation ${n}, call ${i}`).toBe(hashes.at(-1)),
    );
    hashes.push(await hash());
  }
  await learner.close();
  return { hashes, refusals };
}

/** Makes every allocation fail up to the last there is; those behind the first twelve in strides. */
async function tryAll(runtime: Runtime, options: LearnerOptions, cue: Cue, held: () => unknown, stride: number): Promise<number> {
  const whole = await live(runtime, options, cue, Number.POSITIVE_INFINITY);
  expect(held()).toEqual(0);
  for (let n = 1; ; n += n < 12 ? 1 : stride) {
    const { hashes, refusals } = await live(runtime, options, cue, n);
    expect(hashes, `allocation ${n}`).toEqual(whole.hashes);
    expect(held(), `allocation ${n}`).toBe(0);
    if (cue.left() > 0) return n;
    expect(refusals, `allocation ${n}`).toBe(1);
  }
}

it.each(models)("of Wasm, at every allocation: %s", async (_, options) => {
  const wasm = await openWasm();
  const held = new Set<number>();
  let left = 0;
  const scarce: Wasm = {
    ...wasm,
    alloc(bytes) {
      // A memory of four gigabytes cannot grow by as much again.
      const address = wasm.alloc(--left === 0 ? 2 ** 32 : bytes);
      held.add(address);
      return address;
    },
    free(address) {
      held.delete(address);
      wasm.free(address);
    },
  };
  const runtime = await openRuntime({ backend: "wasm" });
  runtime.wasm = async () => scarce;
  const cue: Cue = {
    arm(n) {
      left = n;
    },
    left: () => left,
  };
  expect(await tryAll(runtime, options, cue, () => held.size, 31)).toBeGreaterThan(100);
});

it("of a GPU, at every buffer", async () => {
  const real = await findGpu();
  if (real === undefined) return;
  const [, options] = models[0] as (typeof models)[number];
  const scarce = scarceGpu(real);
  const runtime = await openRuntime({ backend: "webgpu", gpu: scarce.gpu });
  expect(await tryAll(runtime, options, scarce, scarce.live, 5)).toBeGreaterThan(20);
  expect(runtime.info.backend).toBe("webgpu");
  runtime.close();
});
