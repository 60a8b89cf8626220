/** jax-js as a contender: the whole training step is one jitted function. */
import { stepper } from "../contest.mjs";
import { cycle } from "../numbers.mjs";
import { load, versionOf } from "./load.mjs";

/** What jax-js traces: each argument is consumed. @typedef {(...given: any[]) => any} Traced */

const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];

/** Returns jax-js computing on a device, and its name. @param {"wasm" | "webgpu"} device */
export async function openJax(device) {
  const jax = await load("@jax-js/jax");
  await jax.init(device);
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
 * Returns a model with Adam that learns a problem. `loss` makes (params, x, y) → mean loss, which consumes its arguments.
 * @param {import("../numbers.mjs").Problem} problem
 * @param {{ device: "wasm" | "webgpu", loss: (jax: any) => Traced }} options
 */
export async function jaxTrainer(problem, { device, loss }) {
  const { jax, name } = await openJax(device);
  const { numpy: np, tree } = jax;
  const [update, lossOf] = [adam(jax), loss(jax)];
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
  let params = problem.params.map(({ shape, values }) => np.array(values).reshape(shape));
  let [m, v] = [0, 1].map(() => problem.params.map(({ shape }) => np.zeros(shape)));
  let t = 0;
  const next = cycle(problem.batches);
  const close = () => tree.dispose([params, m, v]);
  return stepper({ name, kind: "javascript", close }, async () => {
    const batch = next();
    const x = np.array(batch.x).reshape([problem.batch, ...problem.input]);
    let value;
    [value, params, m, v] = train(params, m, v, x, np.array(batch.y), ...adamScalars(jax, ++t, problem.learningRate));
    return (await value.data())[0];
  });
}
