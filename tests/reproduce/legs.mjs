/** Legs of a run on bytes of texts, each in a worker: afresh or from where another leg stood, bit for bit, so that what runs share is trained once. */
import { Learner, memory, nn, openMemory, openRuntime, optim, stores } from "palimpsest";
import { scheduleAt } from "palimpsest/testing";
import { serve } from "./crew.mjs";
import { bytesOf } from "./data.mjs";

/** @typedef {{ learner: Uint8Array, memory: Uint8Array }} State all that a leg goes on from */
/**
 * A leg: up to update `until`, the first text before update `shift`, the second from there on with `percent` of its rows drawn from memory, or
 * half of each all the way (`union`). `rates` replaces the schedule that the state has, its t counted from where the leg starts.
 * @typedef {{
 *   label: string, seed: number, start: import("palimpsest").Schedule | State, texts: readonly string[], shift: number, until: number,
 *   percent?: number, union?: boolean, mark?: { name: string, at: number }, rates?: import("palimpsest").Schedule,
 *   keep?: readonly number[], probe?: readonly number[]
 * }} Leg
 */
/** @typedef {{ states: Record<number, State>, losses: Record<number, readonly number[]> }} Walked states and held-out losses of the texts, by update */

const CONTEXT = 32;
const WIDTH = 64;
const BATCH = 16;
const HELD = 512;
const MEMORY = 4096;

/** @type {Map<string, Promise<Uint8Array>>} */
const read = new Map();

/** Returns the first nine tenths of a text, or what is held out. @param {string} name @param {"train" | "held"} part */
async function textOf(name, part) {
  const found = read.get(name) ?? bytesOf("text", `${name}.txt`);
  read.set(name, found);
  const text = await found;
  const split = Math.floor(0.9 * text.length);
  return part === "train" ? text.subarray(0, split) : text.subarray(split);
}

/**
 * Returns windows `from` … of a text one after the other, each with the byte that follows it: steps of the golden ratio spread any run of them evenly.
 * @param {Uint8Array} text @param {number} from @param {number} count @param {number} seed
 */
function windowsOf(text, from, count, seed) {
  const windows = new Uint8Array(count * (CONTEXT + 1));
  for (let i = 0; i < count; i++) {
    const at = Math.floor((((from + i + 1) * 0.6180339887498949 + seed * 0.4142135623730951) % 1) * (text.length - CONTEXT));
    windows.set(text.subarray(at, at + CONTEXT + 1), i * (CONTEXT + 1));
  }
  return windows;
}

/** Returns windows as inputs and the byte after each of theirs. @param {readonly Uint8Array[]} parts */
function rowsOf(parts) {
  const windows = parts.flatMap((part) =>
    Array.from({ length: part.length / (CONTEXT + 1) }, (_, i) => part.subarray(i * (CONTEXT + 1), (i + 1) * (CONTEXT + 1))),
  );
  const [x, y] = [new Uint8Array(windows.length * CONTEXT), new Uint8Array(windows.length * CONTEXT)];
  for (const [i, window] of windows.entries()) {
    x.set(window.subarray(0, CONTEXT), i * CONTEXT);
    y.set(window.subarray(1), i * CONTEXT);
  }
  return { x, y };
}

/** Returns a learner at the start of a leg. @param {import("palimpsest").Runtime} runtime @param {Leg} leg */
async function learnerOf(runtime, { start, seed }) {
  if ("learner" in start) {
    const store = stores.memory();
    await store.write(start.learner);
    return Learner.open(runtime, store);
  }
  const block = nn.transformerBlock({ heads: 4, causal: true, rope: true, norm: "rms", feedForward: "swiglu", bias: false });
  return Learner.create(runtime, {
    model: nn.sequential(nn.embedding(256, WIDTH, { deviation: 0.02 }), block, nn.rmsNorm(), nn.linear(256)),
    input: { shape: [CONTEXT], dtype: "u8" },
    optimizer: optim.chain(optim.clipByGlobalNorm({ maxNorm: 1 }), optim.adamw({ beta2: 0.95, weightDecay: 0.1 })),
    schedule: start,
    batchSize: BATCH,
    seed,
  });
}

/** @param {Leg} leg @returns {Promise<Walked>} */
async function walk(leg) {
  const { seed, start, texts, shift, until, percent = 0, union = false, mark, rates, keep = [], probe = [] } = leg;
  const [first, second] = await Promise.all([0, texts.length - 1].map((i) => textOf(/** @type {string} */ (texts[i]), "train")));
  if (first === undefined || second === undefined) throw new Error("a leg needs a text");
  const held = await Promise.all(texts.map((name) => textOf(name, "held")));
  const runtime = await openRuntime({ backend: "wasm" });
  const learner = await learnerOf(runtime, leg);
  const old = await openMemory({
    columns: { window: { dtype: "u8", shape: [CONTEXT + 1] } },
    capacity: MEMORY,
    insert: memory.reservoir(),
    seed,
  });
  if ("memory" in start) old.load(start.memory);
  const from = learner.step;
  const driven =
    rates &&
    (await scheduleAt(
      rates,
      Uint32Array.from({ length: until - from }, (_, t) => t),
    ));

  // Whole rows of a share in percent that the first `updates` of the second text take from memory: what a batch rounds off the next make up for.
  const replayed = (/** @type {number} */ updates) => Math.floor((updates * percent * BATCH) / 100);
  const partsAt = (/** @type {number} */ t) => {
    if (union) return [first, second].map((text) => windowsOf(text, (t * BATCH) / 2, BATCH / 2, seed));
    if (t < shift) {
      const window = windowsOf(first, t * BATCH, BATCH, seed);
      old.offer({ window });
      return [window];
    }
    const u = t - shift;
    const count = replayed(u + 1) - replayed(u);
    // The first text again goes on with windows that it has not shown.
    const seen = u * BATCH - replayed(u) + (texts.length === 1 ? shift * BATCH : 0);
    const fresh = windowsOf(second, seen, BATCH - count, seed);
    return count === 0 ? [fresh] : [fresh, old.draw(count).rows.window];
  };

  /** @type {Walked} */
  const walked = { states: {}, losses: {} };
  for (let t = from; t < until; t++) {
    if (mark?.at === t) await learner.mark(mark.name);
    if (driven !== undefined) learner.set("learningRate", driven[t - from]);
    await learner.observe(rowsOf(partsAt(t)));
    if (keep.includes(t + 1)) walked.states[t + 1] = { learner: await learner.checkpoint(), memory: old.save() };
    if (probe.includes(t + 1)) {
      const losses = [];
      for (const text of held) {
        const batches = Array.from({ length: HELD / 128 }, (_, i) => rowsOf([windowsOf(text, 128 * i, 128, 0)]));
        losses.push((await learner.evaluate(batches)).loss);
      }
      walked.losses[t + 1] = losses;
    }
  }
  old.close();
  await learner.close();
  runtime.close();
  return walked;
}

serve(walk);
