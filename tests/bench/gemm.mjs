/** Square matrix products in the three forms of training: a·b (forward), a·bᵀ (input gradient), aᵀ·b (weight gradient). */
import { openRuntime, tensor } from "palimpsest";
import { contest, stepper } from "./contest.mjs";
import { noise } from "./numbers.mjs";
import { nameOf } from "./palimpsest.mjs";
import { openJax } from "./peers/jax.mjs";
import { openTfjs } from "./peers/tfjs.mjs";
import { titles } from "./targets.mjs";

/** @typedef {"NN" | "NT" | "TN"} Form */
/** @typedef {import("palimpsest").Tensor} Tensor */

/** Products in a chain, so that what a call costs beside them counts for little. @param {number} n */
const chainOf = (n) => Math.max(2, 2048 / n);

/** Two matrices whose products keep their size. @param {number} n */
const operands = (n) => ({ a: noise(n * n, 1, Math.sqrt(3 / n)), b: noise(n * n, 2, Math.sqrt(3 / n)) });

/**
 * Returns the chain of products c ← c·b, c·bᵀ or aᵀ·c from c = a, each by `product`, which knows the form.
 * @template T
 * @param {Form} form @param {number} length @param {T} a @param {T} b @param {(x: T, y: T) => T} product
 */
function chain(form, length, a, b, product) {
  let c = a;
  for (let i = 0; i < length; i++) c = form === "TN" ? product(a, c) : product(c, b);
  return c;
}

/** The product of a form, traced. @param {Form} form @returns {(x: Tensor, y: Tensor) => Tensor} */
function traced(form) {
  if (form === "NN") return tensor.matmul;
  return form === "NT" ? (x, y) => tensor.matmul(x, tensor.transpose(y)) : (x, y) => tensor.matmul(tensor.transpose(x), y);
}

/**
 * Returns the chain of products compiled; it answers the first four numbers.
 * @param {import("palimpsest").Runtime} runtime @param {Form} form @param {number} n @param {number} length
 */
export function openChain(runtime, form, n, length) {
  const { a, b } = operands(n);
  return runtime.compile(
    ({ a, b }) => {
      const [left, right] = /** @type {[Tensor, Tensor]} */ ([a, b]);
      return { c: tensor.slice(chain(form, length, left, right, traced(form)), [0, 0], [1, 4]) };
    },
    {},
    { constants: { a: { shape: [n, n], data: a }, b: { shape: [n, n], data: b } } },
  );
}

/** @param {Form} form @param {number} n */
async function palimpsest(form, n) {
  const runtime = await openRuntime({ backend: "wasm" });
  const compiled = await openChain(runtime, form, n, chainOf(n));
  const close = () => {
    compiled.close();
    runtime.close();
  };
  const contender = stepper({ name: nameOf(runtime), close }, async () => void (await compiled.run({})));
  return { ...contender, answers: async () => [...((await compiled.run({})).c ?? [])] };
}

/** @param {Form} form @param {number} n @returns {Promise<import("./contest.mjs").Contender>} */
async function jaxjs(form, n) {
  const { jax, name } = await openJax("wasm");
  const { numpy: np } = jax;
  const given = operands(n);
  const [a, b] = [given.a, given.b].map((values) => np.array(values).reshape([n, n]));
  /** @type {import("./peers/jax.mjs").Traced} */
  const product = (x, y) => {
    if (form === "NN") return np.matmul(x, y);
    return form === "NT" ? np.matmul(x, np.matrixTranspose(y)) : np.matmul(np.matrixTranspose(x), y);
  };
  /** @type {import("./peers/jax.mjs").Traced} */
  const all = (x, y) => {
    const held = (/** @type {any} */ operand) => (operand === x || operand === y ? operand.ref : operand);
    const c = chain(form, chainOf(n), x, y, (left, right) => product(held(left), held(right)));
    jax.tree.dispose([x, y]);
    return c.slice(0, [0, 4]);
  };
  const multiplyAll = jax.jit(all);
  const multiply = async () => [...(await multiplyAll(a.ref, b.ref).data())];
  const close = () => {
    a.dispose();
    b.dispose();
  };
  const contender = stepper({ name, close }, async () => void (await multiply()));
  return { ...contender, answers: multiply };
}

/** @param {Form} form @param {number} n @returns {Promise<import("./contest.mjs").Contender>} */
async function tfjs(form, n) {
  const { tf, name } = await openTfjs("wasm");
  const given = operands(n);
  const [a, b] = [given.a, given.b].map((values) => tf.tensor2d(values, [n, n]));
  const multiply = async () => {
    const row = tf.tidy(() => {
      const product = (/** @type {any} */ x, /** @type {any} */ y) => tf.matMul(x, y, form === "TN", form === "NT");
      return chain(form, chainOf(n), a, b, product).slice([0, 0], [1, 4]);
    });
    const answer = await row.data();
    row.dispose();
    return [...answer];
  };
  const contender = stepper({ name, close: () => tf.dispose([a, b]) }, async () => void (await multiply()));
  return { ...contender, answers: multiply };
}

/** Returns a row for each contender, form and size. @param {import("./train.mjs").Native} [native] */
export async function run(native) {
  const rows = [];
  for (const n of [64, 256, 512, 1024]) {
    for (const form of /** @type {const} */ (["NN", "NT", "TN"])) {
      /** @type {import("./contest.mjs").Entry[]} */
      const entries = [
        { name: "Palimpsest", kind: "palimpsest", required: true, open: () => palimpsest(form, n) },
        { name: "jax-js", kind: "javascript", open: () => jaxjs(form, n) },
        { name: "tfjs wasm", kind: "javascript", open: () => tfjs(form, n) },
      ];
      if (native) entries.push({ name: "PyTorch", kind: "native", open: () => native("gemm.py", [form, n, chainOf(n)]) });
      const measure = (/** @type {number} */ ms) => (chainOf(n) * 2 * n ** 3) / ms / 1e6;
      rows.push(...(await contest(titles.gemm(form, n), entries, { unit: "GFLOP/s", measure, turns: 5, seconds: 0.1 })));
    }
  }
  return rows;
}
