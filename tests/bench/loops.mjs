// @ts-nocheck: every index would need a cast.
/** A multilayer perceptron with Adam in plain loops over typed arrays, as one writes it without a library. */
import { stepper } from "./contest.mjs";
import { cycle, LEARNING_RATE } from "./numbers.mjs";

const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];

/**
 * Returns the contender for a problem whose parameters are weights [in, out] and biases [out] in turn.
 * @param {import("./numbers.mjs").Problem} problem
 */
export function loopsTrainer({ spec: { batch }, params, batches }) {
  const layers = [];
  for (let i = 0; i < params.length; i += 2) {
    const [inputs, outputs] = params[i].shape;
    const [weight, bias] = [params[i], params[i + 1]].map(({ values }) => adamState(values.slice()));
    layers.push({ inputs, outputs, weight, bias, z: new Float32Array(batch * outputs), delta: new Float32Array(batch * outputs) });
  }
  const next = cycle(batches);
  let t = 0;
  const parameters = params.reduce((sum, { values }) => sum + values.length, 0);
  return stepper({ name: "plain JavaScript loops", parameters, close() {} }, async () => {
    const { x, y } = next();
    let input = x;
    for (const layer of layers) {
      forward(layer, input, batch, layer !== layers.at(-1));
      input = layer.z;
    }
    const loss = crossEntropy(layers.at(-1), y, batch);
    for (let l = layers.length - 1; l >= 0; l--) backward(layers[l], l === 0 ? x : layers[l - 1].z, batch, layers[l - 1]?.delta);
    t += 1;
    for (const { weight, bias } of layers) for (const state of [weight, bias]) adam(state, t, LEARNING_RATE);
    return loss;
  });
}

const adamState = (values) => ({
  values,
  grad: new Float32Array(values.length),
  m: new Float32Array(values.length),
  v: new Float32Array(values.length),
});

function forward({ inputs, outputs, weight, bias, z }, x, rows, relu) {
  for (let row = 0; row < rows; row++) {
    const to = row * outputs;
    for (let o = 0; o < outputs; o++) z[to + o] = bias.values[o];
    for (let i = 0; i < inputs; i++) {
      const value = x[row * inputs + i];
      const from = i * outputs;
      for (let o = 0; o < outputs; o++) z[to + o] += value * weight.values[from + o];
    }
    if (relu) for (let o = 0; o < outputs; o++) z[to + o] = Math.max(0, z[to + o]);
  }
}

/** Returns the mean loss and leaves its gradient by the logits in `delta`. */
function crossEntropy({ outputs: classes, z, delta }, labels, rows) {
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    const from = row * classes;
    let peak = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) peak = Math.max(peak, z[from + c]);
    let total = 0;
    for (let c = 0; c < classes; c++) total += Math.exp(z[from + c] - peak);
    for (let c = 0; c < classes; c++) delta[from + c] = (Math.exp(z[from + c] - peak) / total - (c === labels[row] ? 1 : 0)) / rows;
    loss += Math.log(total) + peak - z[from + labels[row]];
  }
  return loss / rows;
}

/** Leaves the gradients of weight and bias and, where there is a layer below, of its output before relu. */
function backward({ inputs, outputs, weight, bias, delta }, x, rows, below) {
  weight.grad.fill(0);
  bias.grad.fill(0);
  for (let row = 0; row < rows; row++) {
    const from = row * outputs;
    for (let o = 0; o < outputs; o++) bias.grad[o] += delta[from + o];
    for (let i = 0; i < inputs; i++) {
      const value = x[row * inputs + i];
      const at = i * outputs;
      for (let o = 0; o < outputs; o++) weight.grad[at + o] += value * delta[from + o];
      if (below === undefined) continue;
      let sum = 0;
      if (value > 0) for (let o = 0; o < outputs; o++) sum += weight.values[at + o] * delta[from + o];
      below[row * inputs + i] = sum;
    }
  }
}

/**
 * Does update `t`, counted from 1; `decay` is 1 − learning rate · weight decay.
 * @param {{ values: Float32Array, grad: Float32Array, m: Float32Array, v: Float32Array }} state
 * @param {number} t @param {number} learningRate @param {number} [decay]
 */
export function adam({ values, grad, m, v }, t, learningRate, decay = 1) {
  const rate = learningRate / (1 - beta1 ** t);
  const correction = 1 / Math.sqrt(1 - beta2 ** t);
  for (let i = 0; i < values.length; i++) {
    const g = grad[i];
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    values[i] = values[i] * decay - (rate * m[i]) / (Math.sqrt(v[i]) * correction + eps);
  }
}
