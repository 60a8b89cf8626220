/** Replay memory alone, one thread: rows offered, drawn and gathered, priorities drawn and updated, beside what one would write in plain JavaScript. */
import { draws, memory, openMemory } from "palimpsest";
import { contest, stepper } from "./contest.mjs";
import { titles } from "./targets.mjs";

const ROW = 784;
const MILLION = 2 ** 20;

const rules = { unit: "ms", measure: (/** @type {number} */ ms) => ms };

/** @param {string} [variant] */
const ours = (variant) => ({ name: "Palimpsest", kind: /** @type {const} */ ("palimpsest"), required: true, ...(variant && { variant }) });

/** Returns a contender that does the same again and again. @param {string} name @param {() => unknown} work @param {() => unknown} [close] */
const doing = (name, work, close = () => {}) => stepper({ name, close }, async () => void work());

/** Returns bytes without a pattern. @param {number} length */
function noise(length) {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** Offering 128 rows of 784 bytes to a memory of 10,000: a full reservoir keeps few of them, a ring all. */
async function offer() {
  const [count, capacity] = [128, 10_000];
  const x = noise(count * ROW);
  const label = Uint32Array.from({ length: count }, (_, i) => i % 10);
  /** @param {import("palimpsest").MemoryPolicy} insert */
  const palimpsest = async (insert) => {
    const store = await openMemory({ columns: { x: { dtype: "u8", shape: [ROW] }, label: "u32" }, capacity, insert });
    for (let i = 0; i < 200; i++) store.offer({ x, label });
    return doing(
      "Palimpsest",
      () => store.offer({ x, label }),
      () => store.close(),
    );
  };
  const plain = (/** @type {boolean} */ newest) => {
    const rows = new Uint8Array(capacity * ROW);
    const labels = new Uint32Array(capacity);
    let seen = 0;
    const work = () => {
      for (let i = 0; i < count; i++, seen++) {
        const slot = newest ? seen % capacity : seen < capacity ? seen : Math.floor(Math.random() * (seen + 1));
        if (slot >= capacity) continue;
        rows.set(x.subarray(i * ROW, (i + 1) * ROW), slot * ROW);
        labels[slot] = /** @type {number} */ (label[i]);
      }
    };
    for (let i = 0; i < 200; i++) work();
    return doing("plain JavaScript, algorithm R", work);
  };
  return [
    ...(await contest(
      titles.offer("reservoir"),
      [
        { ...ours(), open: () => palimpsest(memory.reservoir()) },
        { name: "plain JavaScript, algorithm R", kind: "javascript", open: async () => plain(false) },
      ],
      rules,
    )),
    ...(await contest(
      titles.offer("ring"),
      [
        { ...ours(), open: () => palimpsest(memory.ring()) },
        { name: "plain JavaScript ring", kind: "javascript", open: async () => plain(true) },
      ],
      rules,
    )),
  ];
}

/** Drawing and gathering 256 rows of 784 f32 out of 500,000. */
async function gather() {
  const [count, stored, block] = [256, 500_000, 1000];
  const x = Float32Array.from(noise(block * ROW));
  const palimpsest = async () => {
    const store = await openMemory({ columns: { x: { dtype: "f32", shape: [ROW] } }, capacity: stored });
    for (let i = 0; i < stored / block; i++) store.offer({ x });
    return doing(
      "Palimpsest",
      () => store.draw(count),
      () => store.close(),
    );
  };
  const plain = async () => {
    const rows = new Float32Array(stored * ROW);
    for (let i = 0; i < stored / block; i++) rows.set(x, i * x.length);
    const out = new Float32Array(count * ROW);
    return doing("plain JavaScript", () => {
      const slots = new Set();
      while (slots.size < count) slots.add(Math.floor(Math.random() * stored));
      let at = 0;
      for (const slot of slots) {
        out.set(rows.subarray(slot * ROW, (slot + 1) * ROW), at);
        at += ROW;
      }
    });
  };
  return contest(
    titles.gather,
    [
      { ...ours(), open: palimpsest },
      { name: "plain JavaScript", kind: "javascript", open: plain },
    ],
    rules,
  );
}

/** Drawing 256 of a million rows by priority, and setting as many priorities. */
async function priorities() {
  const count = 256;
  const score = Float32Array.from(noise(MILLION), (value) => value + 1);
  const open = async () => {
    const store = await openMemory({ columns: { label: "u32", score: "f32" }, capacity: MILLION });
    store.offer({ label: new Uint32Array(MILLION), score });
    store.draw(count, draws.proportional());
    return store;
  };
  const drawing = async () => {
    const store = await open();
    return doing(
      "Palimpsest",
      () => store.draw(count, draws.proportional()),
      () => store.close(),
    );
  };
  const updating = async () => {
    const store = await open();
    const slots = new Uint32Array(count);
    let turn = 0;
    const scores = new Float32Array(count);
    const work = () => {
      turn += 1;
      for (let i = 0; i < count; i++) {
        slots[i] = (4093 * i + 7919 * turn) % MILLION;
        scores[i] = 1 + ((turn + i) & 255);
      }
      store.update(slots, scores);
    };
    return doing("Palimpsest", work, () => store.close());
  };
  const naive = async () => {
    const sums = new Float64Array(MILLION);
    const powered = Float64Array.from(score, (value) => value ** 0.6);
    return doing("plain JavaScript, O(n)", () => {
      let total = 0;
      for (let i = 0; i < MILLION; i++) {
        total += /** @type {number} */ (powered[i]);
        sums[i] = total;
      }
      const slots = new Uint32Array(count);
      for (let k = 0; k < count; k++) {
        const target = ((k + Math.random()) / count) * total;
        let [low, high] = [0, MILLION - 1];
        while (low < high) {
          const middle = (low + high) >> 1;
          if (/** @type {number} */ (sums[middle]) > target) high = middle;
          else low = middle + 1;
        }
        slots[k] = low;
      }
      return slots;
    });
  };
  return [
    ...(await contest(
      titles.priorities,
      [
        { ...ours(), open: drawing },
        { name: "plain JavaScript, O(n)", kind: "javascript", open: naive },
      ],
      rules,
    )),
    ...(await contest(titles.update, [{ ...ours(), open: updating }], rules)),
  ];
}

/** Uniform draws from few rows and many, and offers in the first task and the hundredth. */
async function flat() {
  const drawFrom = async (/** @type {number} */ stored) => {
    const store = await openMemory({ columns: { label: "u32" }, capacity: stored });
    store.offer({ label: new Uint32Array(stored) });
    return doing(
      "Palimpsest",
      () => store.draw(256),
      () => store.close(),
    );
  };
  const offerAfter = async (/** @type {number} */ tasks) => {
    const store = await openMemory({
      columns: { x: { dtype: "u8", shape: [ROW] }, task: "u32" },
      capacity: 10_000,
      insert: memory.quota({ key: "task" }),
    });
    const x = noise(128 * ROW);
    const task = new Uint32Array(128);
    for (let t = 0; t < tasks; t++) for (let i = 0; i < 200; i++) store.offer({ x, task: task.fill(t) });
    return doing(
      "Palimpsest",
      () => store.offer({ x, task }),
      () => store.close(),
    );
  };
  const pair = async (
    /** @type {string} */ workload,
    /** @type {string[]} */ names,
    /** @type {(() => Promise<import("./contest.mjs").Contender>)[]} */ opens,
  ) => {
    const rows = await contest(
      workload,
      names.map((variant, i) => ({ ...ours(variant), open: /** @type {any} */ (opens[i]) })),
      rules,
    );
    const [first, last] = rows.map(({ ms }) => ms ?? Number.NaN);
    return [
      ...rows,
      {
        workload,
        name: "Palimpsest",
        kind: /** @type {const} */ ("palimpsest"),
        variant: "ratio",
        unit: "×",
        value: /** @type {number} */ (last) / /** @type {number} */ (first),
      },
    ];
  };
  return [
    ...(await pair(titles.flatDraw, ["10,000 rows", "1,000,000 rows"], [() => drawFrom(10_000), () => drawFrom(1_000_000)])),
    ...(await pair(titles.flatOffer, ["first task", "hundredth task"], [() => offerAfter(1), () => offerAfter(100)])),
  ];
}

/** What a stored row takes beyond its columns. */
async function overhead() {
  /** @type {Record<string, import("palimpsest").OpenMemoryOptions<import("palimpsest").MemoryColumns>>} */
  const kinds = {
    reservoir: { columns: { label: "u32" }, capacity: 100_000 },
    "class-balanced, identities": { columns: { label: "u32", id: "id" }, capacity: 100_000, insert: memory.classBalanced() },
    "reservoir, identities, priorities": { columns: { label: "u32", id: "id", score: "f32" }, capacity: 100_000 },
  };
  const rows = [];
  for (const [variant, options] of Object.entries(kinds)) {
    const store = await openMemory(options);
    const count = 100_000;
    const label = Uint32Array.from({ length: count }, (_, i) => i % 10);
    const id = Float64Array.from({ length: count }, (_, i) => i);
    store.offer({
      label,
      ...("id" in options.columns && { id }),
      ...("score" in options.columns && { score: new Float32Array(count).fill(1) }),
    });
    if ("score" in options.columns) store.draw(1, draws.proportional());
    const value = store.stats().bytes.perRow;
    rows.push({ workload: titles.overhead, name: "Palimpsest", kind: /** @type {const} */ ("palimpsest"), variant, unit: "bytes", value });
    store.close();
  }
  return rows;
}

/** Returns a row for each contender of each contest. */
export async function run() {
  return [...(await offer()), ...(await gather()), ...(await priorities()), ...(await flat()), ...(await overhead())];
}
