/** Learners that are at it for long, or come and go often: nothing may grow. */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type Batch,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type RuntimeOptions,
  stores,
  strategies,
} from "../../src/index.ts";
import { RandomStream } from "../../src/random.ts";
import { scarceGpu } from "./scarcegpu.ts";

/** What a program holds at a moment; bytes but for handles and buffers of a GPU. */
interface Held {
  /** What is reachable from JavaScript, buffers among it. */
  readonly heap: number;
  readonly rss: number;
  readonly wasm: number;
  readonly stored: number;
  /** Open files. */
  readonly handles: number;
  /** Buffers of a GPU. */
  readonly buffers: number;
}

/** What was done, and by how much what was held grew in its second half; problems where that is more than noise. */
export interface Soaked {
  readonly done: number;
  readonly grown: Held;
  readonly problems: readonly string[];
}

const options: LearnerOptions = {
  model: nn.sequential(nn.linear(8), nn.batchNorm(), nn.relu(), nn.classifier({ capacity: 3 })),
  input: [4],
  optimizer: optim.adamw(),
  schedule: 1e-2,
  memory: memory.classBalanced({ capacity: 50 }),
  strategies: [strategies.replay({ batchSize: 4 })],
  batchSize: 2,
};

/** By how much the most that was held may differ from one half to the other. */
const noise: Held = { heap: 2 ** 21, rss: 2 ** 25, wasm: 0, stored: 2 ** 25, handles: 0, buffers: 0 };
const MOMENTS = 40;

/** Has a learner of a folder learn for `steps` steps, all of them recorded. */
export async function soakSteps(steps: number, seed: number): Promise<Soaked> {
  return inFolder(async (folder) => {
    const { runtime, wasmBytes } = await watched({ backend: "wasm" });
    const learner = await Learner.create(runtime, { ...options, store: stores.folder(folder), durability: "relaxed", seed });
    const random = new RandomStream(seed, "soak");
    const x = new Float32Array(8);
    const soaked = await soak(
      steps,
      async (step) => {
        for (let i = 0; i < x.length; i++) x[i] = random.uniform() - 0.5;
        await learner.observe({ x, y: [random.below(3), random.below(3)], id: [2 * step, 2 * step + 1] });
        if (step % 100 === 0) await learner.predict(x);
      },
      () => held(wasmBytes(), folder),
    );
    await learner.close();
    runtime.close();
    return soaked;
  });
}

/**
 * Makes a learner in a folder or opens the one that is there, has it learn once and closes it, `sessions` times; each twentieth time in another
 * runtime. On a GPU, buffers are counted.
 */
export async function soakSessions(sessions: number, real?: GPU): Promise<Soaked> {
  return inFolder(async (folder) => {
    const batch: Batch = { x: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), y: [0, 1], id: [1, 2] };
    const scarce = real && scarceGpu(real);
    const how: RuntimeOptions = scarce === undefined ? { backend: "wasm" } : { backend: "webgpu", gpu: scarce.gpu };
    let { runtime, wasmBytes } = await watched(how);
    const soaked = await soak(
      sessions,
      async (session) => {
        if (session % 20 === 19) {
          runtime.close();
          ({ runtime, wasmBytes } = await watched(how));
        }
        const store = stores.folder(folder);
        const learner =
          session % 4 === 0
            ? await Learner.create(runtime, { ...options, store, durability: "relaxed" })
            : await Learner.open(runtime, store);
        await learner.observe(batch);
        if (session % 4 === 2) await learner.save();
        await learner.close();
        if (session % 4 === 3) await store.remove();
      },
      async () => ({ ...(await held(wasmBytes(), folder)), buffers: scarce?.live() ?? 0 }),
      // A driver that compiles for the processor keeps what it compiled for a while.
      scarce === undefined ? noise : { ...noise, rss: Number.POSITIVE_INFINITY },
    );
    runtime.close();
    return soaked;
  });
}

async function soak(
  count: number,
  act: (i: number) => Promise<void>,
  measure: () => Promise<Held>,
  allowed: Held = noise,
): Promise<Soaked> {
  const moments: Held[] = [];
  const every = Math.ceil(count / MOMENTS / 4) * 4;
  for (let i = 0; i < count; i++) {
    await act(i);
    if ((i + 1) % every === 0) moments.push(await measure());
  }
  // What is made once is made in the first quarter.
  const settled = moments.slice(moments.length >> 2);
  const most = (part: readonly Held[], what: keyof Held): number => Math.max(...part.map((moment) => moment[what]));
  const grown = Object.fromEntries(
    (Object.keys(noise) as (keyof Held)[]).map((what) => {
      const half = settled.length >> 1;
      return [what, most(settled.slice(half), what) - most(settled.slice(0, half), what)];
    }),
  ) as unknown as Held;
  const problems = (Object.keys(noise) as (keyof Held)[])
    .filter((what) => grown[what] > allowed[what])
    .map((what) => `${what} grew by ${grown[what]}: ${moments.map((moment) => moment[what]).join(" ")}`);
  return { done: count, grown, problems };
}

/** Returns a runtime, and what its newest Wasm memory holds. */
async function watched(how: RuntimeOptions): Promise<{ runtime: Runtime; wasmBytes: () => number }> {
  const runtime = await openRuntime(how);
  const { wasm } = runtime;
  let newest: Awaited<ReturnType<typeof wasm>> | undefined;
  runtime.wasm = async () => {
    newest = await wasm();
    return newest;
  };
  return { runtime, wasmBytes: () => newest?.memory.buffer.byteLength ?? 0 };
}

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

async function held(wasm: number, folder: string): Promise<Held> {
  // What the first collection lets go of may hold more.
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { heapUsed, rss, arrayBuffers } = process.memoryUsage();
  const files = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file)).catch(() => ({ size: 0 }))).size));
  const handles = await readdir("/proc/self/fd").catch(() => []);
  return {
    heap: heapUsed + arrayBuffers,
    rss,
    wasm,
    stored: sizes.reduce((sum, size) => sum + size, 0),
    handles: handles.length,
    buffers: 0,
  };
}

async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const parent = await mkdtemp(join(tmpdir(), "palimpsest-soak-"));
  try {
    return await run(join(parent, "store"));
  } finally {
    await rm(parent, { recursive: true });
  }
}
