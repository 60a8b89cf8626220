/** What a step's learning rate costs: one call into Wasm for each schedule. */
import { readFile } from "node:fs/promises";
import { schedules } from "palimpsest";
import { titles } from "./targets.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

const CALLS = 200_000;
const TURNS = 9;
const long = { peak: 1, warmup: 1000, total: CALLS };
const stages = Array.from({ length: 20 }, (_, i) => ({ start: 10_000 * i, length: 10_000, peak: 1 }));

/** @type {Readonly<Record<string, import("palimpsest").Schedule>>} */
const made = {
  constant: schedules.constant(1),
  cosine: schedules.cosine(long),
  "cosine to a power": schedules.cosine({ ...long, exponent: 1.5 }),
  "rewarm of 20 stages": schedules.rewarm({ stages }),
  infinite: schedules.infinite({ peak: 1, constant: 0.5, final: 0.1, cooldown: 100_000, constantSteps: 1000, anneal: 90_000 }),
  cooldown: schedules.cooldown({ ...long, shape: "sqrt", fraction: 0.5 }),
  oneCycle: schedules.oneCycle({ peak: 1, total: CALLS }),
  sgdr: schedules.sgdr({ peak: 1, period: 10, growth: 2 }),
  "cyclic, expRange": schedules.cyclic({ low: 0, peak: 1, mode: "expRange", gamma: 0.9999 }),
  "meta, dynamic": schedules.meta({ peak: 1, taskSteps: 1000, recovery: "dynamic" }),
  sigmoid: schedules.sigmoid({ steepness: 1e-4, delay: 100_000 }),
  "composed of four": schedules.clamp(schedules.restartOn("boundary", schedules.scale(schedules.cosine(long), 0.5)), { max: 0.4 }),
};

/** Returns the median nanoseconds of a rate, of each schedule and of the slowest. */
export async function run() {
  const memory = new WebAssembly.Memory({ initial: 32, maximum: 65_536 });
  const { instance } = await WebAssembly.instantiate(await readFile(new URL("../../dist/kernels.wasm", import.meta.url)), {
    env: { memory },
  });
  const { heapBase, rate } = /** @type {Record<string, (...values: number[]) => number>} */ (/** @type {unknown} */ (instance.exports));
  const address = Math.ceil(/** @type {() => number} */ (heapBase)() / 8) * 8;
  const evaluate = /** @type {(node: number, t: number) => number} */ (rate);
  const rows = Object.entries(made).map(([name, schedule]) => {
    new Float64Array(memory.buffer, address, schedule.parameters.length).set(schedule.parameters);
    let sum = 0;
    const turns = Array.from({ length: TURNS }, () => {
      const before = performance.now();
      for (let t = 0; t < CALLS; t++) sum += evaluate(address, t);
      return (1e6 * (performance.now() - before)) / CALLS;
    });
    if (!Number.isFinite(sum)) throw new Error(`${name}: the rates are not finite`);
    const value = /** @type {number} */ (turns.sort((a, b) => a - b)[TURNS >> 1]);
    return /** @type {Row} */ ({
      workload: titles.schedule,
      name: `Palimpsest, ${name}`,
      kind: "palimpsest",
      variant: name,
      unit: "ns",
      value,
    });
  });
  const slowest = rows.reduce((a, b) => (/** @type {number} */ (b.value) > /** @type {number} */ (a.value) ? b : a));
  return [...rows, { ...slowest, name: `Palimpsest, the slowest: ${slowest.variant}`, variant: "the slowest" }];
}
