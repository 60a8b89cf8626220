/**
 * The replay step of the main job, whole: 784-512-10 with dropout, 10 new rows and 10 replayed ones, class-balanced memory of 1000.
 * Every contender runs in turns within one process run; the figures are medians of the turns, the ratios are of those medians.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Learner, memory, nn, openRuntime, optim, strategies, streams } from "palimpsest";

const TURNS = 7;
const SECONDS = 0.4;

/** @param {"sgd" | "adamw"} rule @param {"wasm" | "webgpu"} backend */
async function palimpsest(rule, backend) {
  const runtime = await openRuntime({ backend });
  const learner = await Learner.create(runtime, {
    model: nn.sequential(nn.flatten(), nn.linear(512), nn.relu(), nn.dropout(0.5), nn.classifier({ capacity: 10 })),
    input: { shape: [28, 28], dtype: "u8", scale: 1 / 255 },
    optimizer: rule === "sgd" ? optim.sgd() : optim.adamw(),
    schedule: rule === "sgd" ? 0.1 : 1e-3,
    memory: memory.classBalanced({ capacity: 1000 }),
    strategies: [strategies.replay({ batchSize: 10 })],
    batchSize: 10,
  });
  const batches = [...streams.batches(streams.glyphs({ count: 1000, seed: 1 }), { batchSize: 10 })];
  let next = 0;
  const label =
    backend === "webgpu" ? `WebGPU (${runtime.info.adapter?.description || runtime.info.adapter?.device || "unnamed"})` : "Wasm";
  return {
    name: `Palimpsest ${label}`,
    /** Returns milliseconds per step over one turn. */
    async turn() {
      const began = performance.now();
      let steps = 0;
      for (; performance.now() - began < 1000 * SECONDS; steps++) await learner.observe(batches[next++ % batches.length]);
      return (performance.now() - began) / steps;
    },
    async close() {
      await learner.close();
      runtime.close();
    },
  };
}

/** Plain PyTorch on one thread, in a process of its own that waits while others run; undefined where it is not installed. @param {"sgd" | "adamw"} rule */
async function pytorch(rule) {
  const script = fileURLToPath(new URL("replay.py", import.meta.url));
  const child = spawn("/usr/bin/python3", [script, rule, String(SECONDS)], { stdio: ["pipe", "pipe", "ignore"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hello = await Promise.race([lines.next(), new Promise((resolve) => child.on("error", () => resolve({ done: true })))]);
  if (hello.done) return undefined;
  return {
    name: `PyTorch ${hello.value}, one thread`,
    async turn() {
      child.stdin.write("turn\n");
      return Number((await lines.next()).value);
    },
    async close() {
      child.stdin.end();
    },
  };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Measures and returns rows of { rule, name, ms, stepsPerSecond, ratio }, the ratio being how many times as fast as PyTorch, or as Wasm without it. */
export async function run({ log = console.error } = {}) {
  const rows = [];
  for (const rule of ["sgd", "adamw"]) {
    const contenders = [
      await palimpsest(rule, "wasm"),
      await palimpsest(rule, "webgpu").catch((error) => void log(`WebGPU left out: ${error.message}`)),
      await pytorch(rule),
    ];
    const present = contenders.filter((contender) => contender !== undefined);
    if (contenders[2] === undefined) log("PyTorch left out: python3-torch is not installed");
    const times = new Map(present.map((contender) => [contender, []]));
    for (const contender of present) await contender.turn();
    for (let turn = 0; turn < TURNS; turn++) for (const contender of present) times.get(contender).push(await contender.turn());
    const reference = median(times.get(contenders[2] ?? contenders[0]));
    for (const contender of present) {
      const ms = median(times.get(contender));
      rows.push({ workload: `replay step 10+10, ${rule}`, name: contender.name, ms, stepsPerSecond: 1000 / ms, ratio: reference / ms });
      await contender.close();
    }
  }
  return rows;
}
