/**
 * What each strategy adds to a step, at the size of Split-MNIST's protocol (128 new rows, as many of memory) and online (10 and 10): every learner
 * in turns within one process, the shortest step of each, beside a step without strategies and beside what the strategy declares; then whether a step
 * with replay takes as long in the hundredth task as in the first. Where a target is missed, the kernels of that step are timed one by one.
 */
import { Learner, memory, nn, openRuntime, optim, strategies, streams } from "palimpsest";
import { cycle, LEARNING_RATE } from "./numbers.mjs";
import { bytesOf } from "./shelf.mjs";
import { DECLARED, strategyBounds, titles } from "./targets.mjs";

/** @typedef {import("./contest.mjs").Row} Row */
/** @typedef {import("palimpsest").Strategy} Strategy */
/** @typedef {import("../../src/program/plan.ts").Plan} Plan */
/** @typedef {import("../../src/program/plan.ts").Kernel} Kernel */
/** @typedef {import("../../src/backend/machine.ts").Machine} Machine */
/** @typedef {{ label: string, ms: number, bytes: number, shared: boolean }} Part kernels of one name; `shared`: over parameters, whatever the rows */

/** Rounds of turns, and how long a turn is. */
const ROUNDS = 40;
const TURN_MS = 40;
const TASKS = 100;
const CAPACITY = 1000;

/** @typedef {{ strategies: readonly Strategy[], stores: boolean }} Entry */
/** @param {Strategy} strategy @returns {Entry} */
const storing = (strategy) => ({ strategies: [strategy], stores: true });
/** @param {readonly Strategy[]} list @returns {Entry} */
const plain = (...list) => ({ strategies: list, stores: false });

/** Returns the strategies by name, each with so many rows of memory. @param {number} rows @returns {Record<string, Entry>} */
const shelf = (rows) => ({
  naive: plain(),
  ER: storing(strategies.replay({ batchSize: rows })),
  "ER, twice the rows": storing(strategies.replay({ batchSize: 2 * rows })),
  "ER-ACE": storing(strategies.erAce({ batchSize: rows })),
  DER: storing(strategies.der({ batchSize: rows, beta: 0 })),
  "DER++": storing(strategies.der({ batchSize: rows })),
  EWC: storing(strategies.ewc()),
  "EWC, batched": plain(strategies.ewc({ fisher: "batched" })),
  SI: plain(strategies.si()),
  EMA: plain(strategies.ema()),
  L2: plain(strategies.l2()),
  "L2, towards the first": plain(strategies.l2({ towards: "init" })),
  LwF: plain(strategies.lwf()),
  "A-GEM": storing(strategies.agem({ batchSize: rows })),
  MIR: storing(strategies.mir({ batchSize: rows, candidates: 2 * rows })),
});

/** Returns a runtime that tells of the plans it is given, the first of them the step's. @param {import("palimpsest").Runtime} runtime */
function watched(runtime) {
  /** @type {{ machine?: Machine, plan?: Plan }} */
  const seen = {};
  const open = async (/** @type {Parameters<typeof runtime.open>} */ ...[sizes, wasm, plan]) => {
    const machine = await runtime.open(sizes, wasm, plan);
    [seen.machine, seen.plan] = [machine, plan];
    return machine;
  };
  const wasm = () => runtime.wasm();
  const compile = (/** @type {Parameters<typeof runtime.compile>} */ ...given) => runtime.compile(...given);
  return { runtime: { ...{ info: runtime.info, wasm, compile, open }, close: () => {} }, seen };
}

/** Returns the milliseconds that this process computes while some work is done: what others use of the machine hardly counts. @param {() => Promise<unknown>} work */
async function timed(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Returns what a learner's step takes, kernel by kernel; its state is spoiled. @param {{ machine?: Machine, plan?: Plan }} seen @param {number} parameters */
async function profile({ machine, plan }, parameters) {
  /** @type {Map<string, Part>} */
  const parts = new Map();
  if (machine === undefined || plan === undefined) return [];
  for (const kernel of plan.kernels) {
    const program = await machine.compile({ ...plan, kernels: [kernel] });
    let ms = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 40; run++) ms = Math.min(ms, await timed(() => machine.run(program)));
    const points = kernel.family === "optimizer" ? kernel.count : kernel.dims.reduce((a, b) => a * b, 1);
    const shared = kernel.family !== "matmul" && points >= parameters / 4;
    const label = `${kernel.family} ${kernel.label}${shared ? ", over parameters" : ""}`;
    const before = parts.get(label) ?? { label, ms: 0, bytes: 0, shared };
    parts.set(label, { ...before, ms: before.ms + ms, bytes: before.bytes + bytesOf({ ...plan, kernels: [kernel] }) });
  }
  return [...parts.values()].sort((a, b) => b.ms - a.ms);
}

/** @param {import("palimpsest").Runtime} runtime @param {Entry} entry @param {number} batch @param {number} [classes] */
const learnerOf = (runtime, { strategies: list, stores }, batch, classes = 10) =>
  Learner.create(runtime, {
    model: nn.sequential(nn.flatten(), nn.linear(400), nn.relu(), nn.linear(400), nn.relu(), nn.classifier({ capacity: classes })),
    input: { shape: [28, 28], dtype: "u8", scale: 1 / 255 },
    optimizer: optim.adamw({ weightDecay: 0 }),
    schedule: LEARNING_RATE,
    batchSize: batch,
    ...(stores && { memory: memory.reservoir({ capacity: CAPACITY }) }),
    strategies: list,
  });

/**
 * Returns the shortest time of a step of each of some contenders, who take turns.
 * @param {Record<string, () => Promise<unknown>>} contenders @returns {Promise<Record<string, number>>}
 */
async function race(contenders) {
  /** @type {Record<string, number>} */
  const best = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, step] of Object.entries(contenders)) {
      for (let spent = 0; spent < TURN_MS; ) {
        const ms = await timed(step);
        spent += ms;
        best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, ms);
      }
    }
  }
  return best;
}

/** Returns the rows of all strategies at one size. @param {import("palimpsest").Runtime} runtime @param {number} batch @returns {Promise<Row[]>} */
async function compare(runtime, batch) {
  const workload = titles.strategies(batch);
  const batches = [...streams.batches(streams.glyphs({ count: 20 * batch, seed: 1 }), { batchSize: batch })];
  /** @type {Record<string, { learner: Learner, seen: { machine?: Machine, plan?: Plan } }>} */
  const field = {};
  for (const [name, entry] of Object.entries(shelf(batch))) {
    const { runtime: own, seen } = watched(runtime);
    field[name] = { learner: await learnerOf(own, entry, batch), seen };
  }
  const steps = Object.entries(field).map(([name, { learner }]) => {
    const next = cycle(batches);
    return /** @type {const} */ ([name, () => learner.observe(next())]);
  });
  // Until the memory is full, then past a boundary, so that all that a strategy does is done.
  for (const [name, step] of steps) {
    for (let i = 0; i * batch < CAPACITY; i++) await step();
    await /** @type {{ learner: Learner }} */ (field[name]).learner.consolidate();
  }
  const best = await race(Object.fromEntries(steps));
  const msOf = (/** @type {string} */ name) => /** @type {number} */ (best[name]);
  const partsOf = async (/** @type {string} */ name) => {
    const { learner, seen } = /** @type {(typeof field)[string]} */ (field[name]);
    return profile(seen, learner.plan().parameters);
  };
  const own = await partsOf("naive");
  const sum = (/** @type {readonly Part[]} */ list) => list.reduce((total, { ms }) => total + ms, 0);
  // What a pass is: the step without what is done once for all parameters, whatever the rows.
  const pass = (msOf("naive") * sum(own.filter(({ shared }) => !shared))) / sum(own);
  const rows = Object.entries(field).map(([name, { learner }]) => {
    const plan = learner.plan();
    // A backward pass is two thirds of both.
    const passes = plan.strategies.reduce(
      (total, { forward, backward, forwardRows }) => total + (forward + 2 * backward + forwardRows / batch) / 3,
      0,
    );
    const declared = (plan.rows - batch) / batch + passes;
    const found = (msOf(name) - msOf("naive")) / pass;
    const of = msOf(name) / (msOf("naive") + declared * pass);
    return { name, declared, found, of };
  });
  const most = rows.reduce((a, b) => (b.of > a.of ? b : a));
  /** @type {(name: string, variant: string, unit: string, value: number) => Row} */
  const row = (name, variant, unit, value) => ({ workload, name, kind: "palimpsest", variant, unit, value });
  /** @type {Row[]} */
  const all = rows.map(({ name, declared, found }) => ({
    ...row(`${name}: ${found.toFixed(2)} passes more, ${declared.toFixed(2)} declared`, name, "× naive", msOf(name) / msOf("naive")),
    ...{ ms: msOf(name), strategy: { declared, found } },
  }));
  for (const [name, { beside }] of Object.entries(strategyBounds)) {
    const variant = `${name} beside ${beside}`;
    all.push(row(variant, variant, "×", msOf(name) / msOf(beside)));
  }
  all.push(row(`${DECLARED.variant}: ${most.name}`, DECLARED.variant, "×", most.of));

  const slow = Object.entries(strategyBounds).filter(([name, { beside, atMost }]) => msOf(name) > atMost * msOf(beside));
  const missed = new Set([...slow.map(([name]) => name), ...rows.flatMap(({ name, of }) => (of > DECLARED.atMost ? name : []))]);
  for (const name of missed.size > 0 ? ["naive", ...missed] : []) {
    for (const { label, ms, bytes } of (name === "naive" ? own : await partsOf(name)).slice(0, 8)) {
      all.push({
        ...row(`${name}: ${label}, ${(bytes / 2 ** 20).toFixed(1)} MiB`, `${name}: ${label}`, "ms", ms),
        workload: `${workload}, kernels`,
      });
    }
  }
  for (const { learner } of Object.values(field)) await learner.close();
  return all;
}

/** Returns how long a step takes in the first of many tasks of two classes, in the last, and the last over the first. @param {import("palimpsest").Runtime} runtime @returns {Promise<Row[]>} */
async function flat(runtime) {
  const batch = 10;
  const glyphs = streams.glyphs({ count: 20 * batch, seed: 1 });
  const entry = storing(strategies.replay({ batchSize: batch }));
  const at = async (/** @type {number} */ tasks) => {
    const learner = await learnerOf(runtime, entry, batch, 2 * TASKS);
    const batchesOf = (/** @type {number} */ task) =>
      [...streams.batches(glyphs, { batchSize: batch, task })].map(({ y, ...rest }) => ({
        ...rest,
        y: Array.from(y, (label) => 2 * task + (label % 2)),
      }));
    for (let task = 0; task < tasks; task++) {
      for (const one of batchesOf(task)) await learner.observe(one);
      if (task === 0) for (let i = 0; learner.stored < CAPACITY; i++) await learner.observe(/** @type {any} */ (batchesOf(0)[i % 20]));
      await learner.consolidate();
    }
    const next = cycle(batchesOf(tasks - 1));
    return { learner, step: () => learner.observe(next()) };
  };
  const [first, last] = [await at(1), await at(TASKS)];
  const best = await race({ first: first.step, last: last.step });
  await first.learner.close();
  await last.learner.close();
  const { first: a = 0, last: b = 0 } = best;
  /** @type {(variant: string, unit: string, value: number) => Row} */
  const row = (variant, unit, value) => ({ workload: titles.flatStep, name: variant, kind: "palimpsest", variant, unit, value });
  return [row("first task", "ms", a), row(`task ${TASKS}`, "ms", b), row("ratio", "×", b / a)];
}

/** @returns {Promise<Row[]>} */
export async function run() {
  const runtime = await openRuntime({ backend: "wasm" });
  const rows = [...(await compare(runtime, 128)), ...(await compare(runtime, 10)), ...(await flat(runtime))];
  runtime.close();
  return rows;
}
