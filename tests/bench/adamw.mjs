/** AdamW alone over 1 M and 10 M parameters: the hand-written kernel and the traced recipe beside a hand-fused loop and the peers. */
import { openRuntime } from "palimpsest";
import { contest, stepper } from "./contest.mjs";
import { DECAY, openHand } from "./hand.mjs";
import { adam as loopsAdam } from "./loops.mjs";
import { LEARNING_RATE } from "./numbers.mjs";
import { nameOf } from "./palimpsest.mjs";
import { adam, adamScalars, openJax } from "./peers/jax.mjs";
import { titles } from "./targets.mjs";
import { gradients, openUpdate } from "./update.mjs";

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

/** @param {number} count */
async function hand(count) {
  const { update, first } = await openHand(count);
  return updater({ name: "AssemblyScript loop by hand", close() {} }, update, first);
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
