/** TensorFlow.js as a contender. */
import { stepper } from "../contest.mjs";
import { cycle, LEARNING_RATE } from "../numbers.mjs";
import { load, versionOf } from "./load.mjs";

const names = { cpu: "CPU", wasm: "Wasm", webgpu: "WebGPU" };

/** @typedef {keyof typeof names} Backend */

/** Returns tfjs with a backend made ready, and its name. @param {Backend} backend */
export async function openTfjs(backend) {
  const tf = await load("@tensorflow/tfjs");
  tf.enableProdMode();
  if (backend !== "cpu") {
    const { setWasmPaths } = await load(`@tensorflow/tfjs-backend-${backend}`);
    // Beside the page; elsewhere it finds its files itself.
    if (backend === "wasm" && "document" in globalThis) setWasmPaths("/");
  }
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs cannot start its backend ${backend}`);
  return { tf, name: `tfjs ${versionOf("@tensorflow/tfjs")} ${names[backend]}` };
}

/**
 * Returns a model with Adam that learns a problem; `model` makes (variables, x) → logits.
 * @param {import("../numbers.mjs").Problem} problem
 * @param {{ backend: Backend, model: (tf: any) => (...given: any[]) => any }} options
 */
export async function tfjsTrainer({ spec, params, batches }, { backend, model }) {
  const { tf, name } = await openTfjs(backend);
  const variables = params.map(({ shape, values }) => tf.tidy(() => tf.variable(tf.tensor(values, shape))));
  const optimizer = tf.train.adam(LEARNING_RATE, 0.9, 0.999, 1e-8);
  const logitsOf = model(tf);
  const next = cycle(batches);
  const close = () => {
    optimizer.dispose();
    tf.dispose(variables);
  };
  const parameters = variables.reduce((sum, { size }) => sum + size, 0);
  return stepper({ name, parameters, close }, async () => {
    // Two contenders of one contest may differ in backend, which is global.
    if (tf.getBackend() !== backend) await tf.setBackend(backend);
    const { x, y } = next();
    const value = tf.tidy(() => {
      const rows = tf.tensor(spec.text ? Int32Array.from(x) : x, [spec.batch, ...spec.input], spec.text ? "int32" : "float32");
      const target = tf.oneHot(tf.tensor1d(y, "int32"), spec.classes);
      return optimizer.minimize(() => tf.losses.softmaxCrossEntropy(target, logitsOf(variables, rows)), true, variables);
    });
    const [answer] = await value.data();
    value.dispose();
    return answer;
  });
}
