/** jax-js as a contender: the whole training step is one jitted function. */
import { stepper } from "../contest.mjs";
import { cycle, LEARNING_RATE } from "../numbers.mjs";
import { load, versionOf } from "./load.mjs";

/** What jax-js traces: each argument is consumed. @typedef {(...given: any[]) => any} Traced */

const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];

/** Returns jax-js computing on a device, and its name. @param {"wasm" | "webgpu"} device */
export async function openJax(device) {
  // One thread, as in Node and in a page that is not isolated: where it sees workers, it takes one for each core.
  Reflect.deleteProperty(globalThis, "Worker");
  const jax = await load("@jax-js/jax");
  if (!(await jax.init(device)).includes(device)) throw new Error(`jax-js cannot start its device ${device}`);
  jax.defaultDevice(device);
  return { jax, name: `jax-js ${versionOf("@jax-js/jax")} ${device === "wasm" ? "Wasm" : "WebGPU"}` };
}

/**
 * Returns one Adam update: (param, m, v, grad, rate, correction) → [param, m, v]. `decay` is 1 − learning rate · weight decay.
 * @param {any} jax @param {number} [decay] @returns {Traced}
 */
export function adam({ numpy: np }, decay = 1) {
  return (p, m, v, g, rate, correction) => {
    const mean = m.mul(beta1).add(g.ref.mul(1 - beta1));
    const square = v.mul(beta2).add(np.square(g).mul(1 - beta2));
    const step = mean.ref.mul(rate).div(np.sqrt(square.ref.mul(correction)).add(eps));
    return [(decay === 1 ? p : p.mul(decay)).sub(step), mean, square];
  };
}

/** Returns what {@link adam} is told in update `t`, counted from 1. @param {any} jax @param {number} t @param {number} learningRate */
export function adamScalars({ numpy: np }, t, learningRate) {
  const scalar = (/** @type {number} */ value) => np.array(new Float32Array([value])).reshape([]);
  return [scalar(learningRate / (1 - beta1 ** t)), scalar(1 / (1 - beta2 ** t))];
}

/**
 * Returns a model with Adam that learns a problem. `model` makes (params, x) → logits, which consumes its arguments.
 * @param {import("../numbers.mjs").Problem} problem
 * @param {{ device: "wasm" | "webgpu", model: (jax: any) => Traced }} options
 */
export async function jaxTrainer({ spec, params: first, batches }, { device, model }) {
  const { jax, name } = await openJax(device);
  const { numpy: np, tree, nn } = jax;
  const [update, logitsOf] = [adam(jax), model(jax)];
  /** @type {Traced} */
  const lossOf = (params, x, y) => nn.logSoftmax(logitsOf(params, x), -1).mul(nn.oneHot(y, spec.classes)).sum(-1).mean().mul(-1);
  /** @type {Traced} */
  const step = (params, m, v, x, y, rate, correction) => {
    const [value, grads] = jax.valueAndGrad(lossOf)(tree.ref(params), x, y);
    const updated = params.map((/** @type {any} */ p, /** @type {number} */ i) =>
      update(p, m[i], v[i], grads[i], rate.ref, correction.ref),
    );
    tree.dispose([rate, correction]);
    return [value, ...[0, 1, 2].map((part) => updated.map((/** @type {any[]} */ state) => state[part]))];
  };
  const train = jax.jit(step);
  let params = first.map(({ shape, channelsFirst, values }) => {
    if (channelsFirst === undefined) return np.array(values).reshape(shape);
    // Copied, for what moved its dims alone is a view, with which every step would be slower.
    const moved = np.transpose(np.array(values).reshape(channelsFirst.view), channelsFirst.order).reshape(channelsFirst.shape);
    return np.array(moved.dataSync()).reshape(channelsFirst.shape);
  });
  let [m, v] = [0, 1].map(() => params.map((/** @type {any} */ { shape }) => np.zeros(shape)));
  let t = 0;
  const next = cycle(batches);
  const close = () => tree.dispose([params, m, v]);
  const parameters = params.reduce((sum, { size }) => sum + size, 0);
  return stepper({ name, parameters, close }, async () => {
    const batch = next();
    const x = np.array(spec.text ? Int32Array.from(batch.x) : batch.x).reshape([spec.batch, ...spec.input]);
    let value;
    [value, params, m, v] = train(params, m, v, x, np.array(batch.y), ...adamScalars(jax, ++t, LEARNING_RATE));
    return (await value.data())[0];
  });
}
