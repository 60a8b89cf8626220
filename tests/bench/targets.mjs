/** What the benchmarks are called, and what Palimpsest is meant to reach in each. */

/** Titles of contests, by what they depend on. */
export const titles = {
  mlp: (/** @type {number} */ batch) => `MLP 784-256-128-10, Adam, batch ${batch}`,
  cnn: (/** @type {number} */ batch) => `CNN 5×5×6, 5×5×16, 120, 84, 10 on 28×28, Adam, batch ${batch}`,
  gru: (/** @type {number} */ batch) => `GRU 128 over 64 steps of 32, Adam, batch ${batch}`,
  gpt: (/** @type {number} */ batch) => `GPT width 128, 4 blocks, 4 heads, 128 bytes, Adam, batch ${batch}`,
  replay: (/** @type {"sgd" | "adamw"} */ rule) => `replay 784-512-10, ${rule === "sgd" ? "SGD" : "AdamW"}, 10 + 10 rows`,
  adamw: (/** @type {number} */ millions) => `AdamW alone, ${millions} Mi parameters`,
  optim: (/** @type {number} */ millions, /** @type {string} */ where) => `one update of ${millions} Mi parameters, ${where}`,
  gemm: (/** @type {string} */ form, /** @type {number} */ n) => `GEMM ${form} ${n}`,
  first: (/** @type {string} */ workload) => `first step, ${workload}`,
  webgpu: (/** @type {string} */ workload) => `${workload}, WebGPU`,
  dispatches: (/** @type {string} */ workload) => `dispatches of ${workload}`,
  size: "bytes to load, gzipped",
  schedule: "the learning rate of a step",
  offer: (/** @type {"reservoir" | "ring"} */ policy) => `offer 128 rows of 784 bytes to a full ${policy}`,
  gather: "draw and gather 256 rows of 784 f32 out of 500,000",
  priorities: "draw 256 of a million rows by priority",
  update: "set 256 of a million priorities",
  flatDraw: "draw 256 rows of 10,000 and of 1,000,000",
  flatOffer: "offer 128 rows in the first task and in the hundredth, quota by task",
  overhead: "bytes of a stored row beyond its columns",
  recorded: "replay 784-512-10, SGD, 10 + 10 rows of bytes, recorded in a folder",
  opening: "opening a recorded learner of 10 MB",
  strategies: (/** @type {number} */ batch) => `strategies on 784-400-400-10, Adam, ${batch} + ${batch} rows`,
  flatStep: "replay 784-400-400-200, Adam, 10 + 10 rows, in the first task and in the hundredth",
  paged: "draw and gather 256 rows of 784 u8 out of 10 M in a file",
};

/** Which strategies' steps are held against which, and how many times as long they may take. DER++ draws twice. */
export const strategyBounds = {
  "ER-ACE": { beside: "ER", atMost: 1.3 },
  "DER++": { beside: "ER, twice the rows", atMost: 1.7 },
  EWC: { beside: "naive", atMost: 1.15 },
  SI: { beside: "naive", atMost: 1.15 },
  EMA: { beside: "naive", atMost: 1.15 },
};
/** How many times as long as what it declares a strategy's step may take. */
export const DECLARED = { variant: "beside what it declares, the most", atMost: 1.15 };

/** Whom a speed is compared with: the fastest of those who. */
const others = {
  javascript: { is: "the fastest JavaScript", among: (/** @type {Row} */ row) => row.kind === "javascript" },
  pytorch: { is: "PyTorch", among: (/** @type {Row} */ row) => row.kind === "native" },
  hand: { is: "a loop by hand", among: (/** @type {Row} */ row) => row.kind === "hand" },
  "one thread": { is: "one thread", among: (/** @type {Row} */ row) => row.kind === "palimpsest" && row.variant === undefined },
};

/** @typedef {import("./contest.mjs").Row} Row */
/** @typedef {keyof typeof others} Other */

/**
 * @typedef {object} Target what to reach: so many times the speed of another or, without `against`, a value in `unit`
 * @property {string} workload
 * @property {string} [variant] of Palimpsest
 * @property {Other} [against]
 * @property {string} [unit]
 * @property {number} [atLeast]
 * @property {number} [atMost]
 */

/** @param {string} workload @param {Partial<Record<Other, number>>} wanted @param {string} [variant] @returns {Target[]} */
const times = (workload, wanted, variant) =>
  Object.entries(wanted).map(([against, atLeast]) => ({
    workload,
    against: /** @type {Other} */ (against),
    atLeast,
    ...(variant === undefined ? {} : { variant }),
  }));

export const THREADS = "2 threads";

/** On Wasm, bit-exact, one thread unless it says otherwise. @type {readonly Target[]} */
export const targets = [
  ...times(titles.mlp(1), { javascript: 4, pytorch: 2 }),
  ...times(titles.mlp(8), { javascript: 4, pytorch: 2 }),
  ...times(titles.mlp(32), { javascript: 2.5, pytorch: 0.8 }),
  ...times(titles.mlp(128), { javascript: 1.8, pytorch: 0.4 }),
  ...times(titles.mlp(128), { pytorch: 0.7 }, THREADS),
  ...times(titles.replay("sgd"), { pytorch: 0.9 }),
  ...times(titles.replay("adamw"), { pytorch: 1 }),
  ...times(titles.replay("sgd"), { "one thread": 1.6 }, THREADS),
  ...times(titles.replay("adamw"), { "one thread": 1.6 }, THREADS),
  ...times(titles.cnn(32), { javascript: 2 }),
  ...times(titles.gru(32), { javascript: 2 }),
  ...times(titles.gpt(8), { javascript: 2 }),
  ...times(titles.adamw(1), { hand: 0.95 }, "kernel"),
  ...times(titles.adamw(1), { hand: 0.7 }, "recipe"),
  ...["NN", "NT", "TN"].map((form) => ({ workload: titles.gemm(form, 512), unit: "GFLOP/s", atLeast: 30 })),
  ...times(titles.webgpu(titles.mlp(1)), { javascript: 2 }),
  ...times(titles.webgpu(titles.mlp(32)), { javascript: 2 }),
  { workload: titles.dispatches(titles.mlp(32)), unit: "dispatches", atMost: 15 },
  { workload: titles.size, variant: "core", unit: "kB", atMost: 40 },
  { workload: titles.size, variant: "Wasm", unit: "kB", atMost: 40 },
  { workload: titles.schedule, variant: "the slowest", unit: "ns", atMost: 1000 },
  { workload: titles.offer("reservoir"), unit: "ms", atMost: 0.05 },
  { workload: titles.offer("ring"), unit: "ms", atMost: 0.05 },
  { workload: titles.gather, unit: "ms", atMost: 0.2 },
  { workload: titles.priorities, unit: "ms", atMost: 0.3 },
  { workload: titles.update, unit: "ms", atMost: 0.1 },
  { workload: titles.flatDraw, variant: "ratio", unit: "×", atMost: 1.5 },
  { workload: titles.flatOffer, variant: "ratio", unit: "×", atMost: 1.5 },
  ...["reservoir", "class-balanced, identities", "reservoir, identities, priorities"].map((variant) => ({
    workload: titles.overhead,
    variant,
    unit: "bytes",
    atMost: 24,
  })),
  { workload: titles.recorded, variant: "relaxed", unit: "×", atMost: 1.05 },
  { workload: titles.recorded, variant: "committed every 10 ms", unit: "×", atMost: 1.25 },
  { workload: titles.opening, variant: "folder", unit: "ms", atMost: 200 },
  ...Object.entries(strategyBounds).map(([name, { beside, atMost }]) => ({
    workload: titles.strategies(128),
    variant: `${name} beside ${beside}`,
    unit: "×",
    atMost,
  })),
  ...[128, 10].map((batch) => ({ workload: titles.strategies(batch), unit: "×", ...DECLARED })),
  { workload: titles.flatStep, variant: "ratio", unit: "×", atMost: 1.1 },
  { workload: titles.paged, variant: "folder, warm, median", unit: "ms", atMost: 5 },
];

/** Returns how many times as fast a row is as the fastest of those, if any was measured. @param {readonly Row[]} rows @param {Row} row @param {Other} other */
export function timesOf(rows, row, other) {
  const found = rows.flatMap((each) => (each.workload === row.workload && others[other].among(each) ? (each.ms ?? []) : []));
  return found.length === 0 || row.ms === undefined ? undefined : Math.min(...found) / row.ms;
}

/** Returns a target in words, the value measured, and whether it is met or why it is not known. @param {readonly Row[]} rows @param {Target} target */
export function judge(rows, { workload, variant, against, unit, atLeast, atMost }) {
  const mark = against === undefined ? ` ${unit}` : `× ${others[against].is}`;
  const named = { workload: variant === undefined ? workload : `${workload}; ${variant}` };
  const wanted = `${atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`}${mark}`;
  const row = rows.find((each) => each.kind === "palimpsest" && each.workload === workload && each.variant === variant);
  const exact = row && (against === undefined ? row.value : timesOf(rows, row, against));
  // Judged as it is shown.
  const value = exact && Number(exact.toPrecision(3));
  const met = value !== undefined && value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
  return { ...named, wanted, value, verdict: value === undefined ? (row?.skipped ?? "not measured") : met ? "met" : "missed" };
}

/** Returns each kind of other with how many times as fast a row is. @param {readonly Row[]} rows @param {Row} row */
export const ratios = (rows, row) =>
  /** @type {Other[]} */ (Object.keys(others)).flatMap((other) => {
    const value = others[other].among(row) ? undefined : timesOf(rows, row, other);
    return value === undefined ? [] : [{ than: others[other].is, value }];
  });
