/** AdamW alone over 1 M and 10 M parameters: the hand-written kernel and the traced recipe beside a hand-fused loop and the peers. */
import asc from "assemblyscript/asc";
import { openRuntime } from "palimpsest";
import { contest, stepper } from "./contest.mjs";
import { adam as loopsAdam } from "./loops.mjs";
import { LEARNING_RATE } from "./numbers.mjs";
import { nameOf } from "./palimpsest.mjs";
import { adam, adamScalars, openJax } from "./peers/jax.mjs";
import { titles } from "./targets.mjs";
import { gradients, openUpdate } from "./update.mjs";

/** 1 − learning rate · weight decay. */
const DECAY = 1 - LEARNING_RATE * 0.01;

/** @typedef {import("./contest.mjs").Contender} Contender */

/**
 * Returns a contender that answers by its first four parameters after three updates.
 * @param {Omit<Contender, "turn" | "answers">} who
 * @param {() => unknown} update
 * @param {() => ArrayLike<number> | Promise<ArrayLike<number>>} read
 * @returns {Contender}
 */
function updater(who, update, read) {
  const contender = stepper(who, async () => void (await update()));
  const answers = async () => {
    for (let i = 0; i < 3; i++) await update();
    return Array.from(await read());
  };
  return { ...contender, answers };
}

/** @param {number} count @param {"kernel" | "recipe"} form */
async function palimpsest(count, form) {
  const runtime = await openRuntime({ backend: "wasm" });
  const { update, close } = await openUpdate(runtime, count, form);
  return updater({ name: nameOf(runtime, form), close }, update, async () => (await update()).first ?? []);
}

/** AdamW as one writes it by hand: one loop over vectors of four, each number read and written once. */
const LOOP = `
export function adamw(count: usize, p: usize, g: usize, m: usize, v: usize, decay: f32, rate: f32, correction: f32): void {
  for (const end = p + 4 * count; p < end; p += 16, g += 16, m += 16, v += 16) {
    const grad = v128.load(g);
    const mean = f32x4.add(f32x4.mul(f32x4.splat(0.9), v128.load(m)), f32x4.mul(f32x4.splat(0.1), grad));
    const square = f32x4.add(f32x4.mul(f32x4.splat(0.999), v128.load(v)), f32x4.mul(f32x4.splat(0.001), f32x4.mul(grad, grad)));
    const root = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(correction)), f32x4.splat(1e-8));
    const step = f32x4.div(f32x4.mul(f32x4.splat(rate), mean), root);
    v128.store(m, mean);
    v128.store(v, square);
    v128.store(p, f32x4.sub(f32x4.mul(v128.load(p), f32x4.splat(decay)), step));
  }
}`;

/** @param {number} count */
async function hand(count) {
  const { binary, stderr } = await asc.compileString(LOOP, { optimizeLevel: 3, noAssert: true, runtime: "stub", enable: ["simd"] });
  if (binary === null) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(/** @type {Uint8Array<ArrayBuffer>} */ (binary));
  const { memory, adamw } = /** @type {{ memory: WebAssembly.Memory, adamw: (...values: number[]) => void }} */ (instance.exports);
  const [p, g, m, v] = /** @type {[number, number, number, number]} */ ([0, 1, 2, 3].map((i) => 65536 + 4 * count * i));
  memory.grow(Math.ceil((16 * count) / 65536) + 1);
  new Float32Array(memory.buffer, g, count).set(gradients(count));
  let t = 0;
  const update = () => {
    t++;
    adamw(count, p, g, m, v, DECAY, LEARNING_RATE / (1 - 0.9 ** t), 1 / Math.sqrt(1 - 0.999 ** t));
  };
  const read = () => new Float32Array(memory.buffer, p, 4);
  return updater({ name: "AssemblyScript loop by hand", close() {} }, update, read);
}

/** @param {number} count */
async function loops(count) {
  const [values, m, v] = /** @type {[Float32Array, Float32Array, Float32Array]} */ ([0, 1, 2].map(() => new Float32Array(count)));
  const state = { values, grad: gradients(count), m, v };
  let t = 0;
  const update = () => loopsAdam(state, ++t, LEARNING_RATE, DECAY);
  return updater({ name: "plain JavaScript loop", close() {} }, update, () => values.subarray(0, 4));
}

/** @param {number} count */
async function jaxjs(count) {
  const { jax, name } = await openJax("wasm");
  const { numpy: np, tree } = jax;
  const updated = adam(jax, DECAY);
  /** @type {import("./peers/jax.mjs").Traced} */
  const step = (...given) => {
    const [params, m, v] = updated(...given);
    return [params.ref.slice([0, 4]), params, m, v];
  };
  const jitted = jax.jit(step);
  const grads = np.array(gradients(count));
  let state = [0, 1, 2].map(() => np.zeros([count]));
  let t = 0;
  const update = async () => {
    const [first, ...next] = jitted(...state, grads.ref, ...adamScalars(jax, ++t, LEARNING_RATE));
    state = next;
    return first.data();
  };
  const read = async () => (await state[0].ref.data()).slice(0, 4);
  return updater({ name, close: () => tree.dispose([...state, grads]) }, update, read);
}

/** Returns a row for each contender at each size. @param {import("./train.mjs").Native} [native] */
export async function run(native) {
  const rows = [];
  for (const millions of [1, 10]) {
    const count = millions * 2 ** 20;
    /** @type {import("./contest.mjs").Entry[]} */
    const entries = [
      { name: "AssemblyScript loop by hand", kind: "hand", open: () => hand(count) },
      .../** @type {const} */ (["kernel", "recipe"]).map((form) => ({
        name: "Palimpsest",
        kind: /** @type {const} */ ("palimpsest"),
        variant: form,
        required: true,
        open: () => palimpsest(count, form),
      })),
      { name: "jax-js", kind: "javascript", open: () => jaxjs(count) },
      { name: "plain JavaScript loop", kind: "javascript", open: () => loops(count) },
    ];
    if (native) entries.push({ name: "PyTorch", kind: "native", open: () => native("adamw.py", [count]) });
    const measure = (/** @type {number} */ ms) => (1e6 * ms) / count;
    rows.push(...(await contest(titles.adamw(millions), entries, { unit: "ns/parameter", measure })));
  }
  return rows;
}
