/** TensorFlow.js as a contender. */
import { stepper } from "../contest.mjs";
import { cycle } from "../numbers.mjs";
import { load, versionOf } from "./load.mjs";

const names = { cpu: "CPU", wasm: "Wasm", webgpu: "WebGPU" };

/** @typedef {keyof typeof names} Backend */

/** Returns tfjs with a backend made ready, and its name. @param {Backend} backend */
export async function openTfjs(backend) {
  const tf = await load("@tensorflow/tfjs");
  tf.enableProdMode();
  if (backend !== "cpu") await load(`@tensorflow/tfjs-backend-${backend}`);
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs cannot start its backend ${backend}`);
  return { tf, name: `tfjs ${versionOf("@tensorflow/tfjs")} ${names[backend]}` };
}

/**
 * Returns a model with Adam that learns a problem; `loss` makes (variables, x, y) → mean loss.
 * @param {import("../numbers.mjs").Problem} problem
 * @param {{ backend: Backend, loss: (tf: any) => (...given: any[]) => any }} options
 */
export async function tfjsTrainer(problem, { backend, loss }) {
  const { tf, name } = await openTfjs(backend);
  const variables = problem.params.map(({ shape, values }) => tf.tidy(() => tf.variable(tf.tensor(values, shape))));
  const optimizer = tf.train.adam(problem.learningRate, 0.9, 0.999, 1e-8);
  const lossOf = loss(tf);
  const next = cycle(problem.batches);
  const close = () => {
    optimizer.dispose();
    tf.dispose(variables);
  };
  return stepper({ name, kind: "javascript", close }, async () => {
    // Two contenders of one contest may differ in backend, which is global.
    if (tf.getBackend() !== backend) await tf.setBackend(backend);
    const { x, y } = next();
    const value = tf.tidy(() => {
      const [rows, labels] = [tf.tensor(x, [problem.batch, ...problem.input]), tf.tensor1d(y, "int32")];
      return optimizer.minimize(() => lossOf(variables, rows, labels), true, variables);
    });
    const [answer] = await value.data();
    value.dispose();
    return answer;
  });
}
