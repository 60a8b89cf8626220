/** A gated recurrent unit of 128 numbers over 64 steps of 32 numbers each, all of it differentiated; ten classes by its last state. */
import { layer } from "../numbers.mjs";
import { titles } from "../targets.mjs";

const [TIME, FEATURES, UNITS] = [64, 32, 128];

/** @param {number} batch @returns {import("../train.mjs").Workload} */
export const gru = (batch) => ({
  title: titles.gru(batch),
  spec: {
    params: [
      { path: "0.inputWeight", shape: [FEATURES, 3 * UNITS], fanIn: UNITS },
      { path: "0.hiddenWeight", shape: [UNITS, 3 * UNITS], fanIn: UNITS },
      { path: "0.inputBias", shape: [3 * UNITS], fanIn: UNITS },
      { path: "0.hiddenBias", shape: [3 * UNITS], fanIn: UNITS },
      ...layer("1", [UNITS, 10]),
    ],
    input: [TIME, FEATURES],
    classes: 10,
    batch,
  },
  torch: "gru",
  model: (nn) => nn.sequential(nn.gru(UNITS), nn.classifier({ capacity: 10 })),
  jax:
    ({ numpy: np, nn, tree }) =>
    ([inputWeight, hiddenWeight, inputBias, hiddenBias, w, b], x) => {
      let h = np.zeros([batch, UNITS]);
      for (let t = 0; t < TIME; t++) {
        const input = np.matmul(x.ref.slice([], t), inputWeight.ref).add(inputBias.ref);
        const [xr, xz, xn] = np.split(input, 3, 1);
        const [hr, hz, hn] = np.split(np.matmul(h.ref, hiddenWeight.ref).add(hiddenBias.ref), 3, 1);
        const update = nn.sigmoid(xz.add(hz));
        const candidate = np.tanh(xn.add(nn.sigmoid(xr.add(hr)).mul(hn)));
        h = candidate.ref.add(update.mul(h.sub(candidate)));
      }
      tree.dispose([x, inputWeight, hiddenWeight, inputBias, hiddenBias]);
      return np.matmul(h, w).add(b);
    },
  tfjs:
    (tf) =>
    ([inputWeight, hiddenWeight, inputBias, hiddenBias, w, b], x) => {
      const inputs = tf.add(tf.matMul(x.reshape([batch * TIME, FEATURES]), inputWeight), inputBias).reshape([batch, TIME, 3 * UNITS]);
      let h = tf.zeros([batch, UNITS]);
      for (const input of tf.unstack(inputs, 1)) {
        const [xr, xz, xn] = tf.split(input, 3, 1);
        const [hr, hz, hn] = tf.split(tf.add(tf.matMul(h, hiddenWeight), hiddenBias), 3, 1);
        const update = tf.sigmoid(tf.add(xz, hz));
        const candidate = tf.tanh(tf.add(xn, tf.mul(tf.sigmoid(tf.add(xr, hr)), hn)));
        h = tf.add(candidate, tf.mul(update, tf.sub(h, candidate)));
      }
      return tf.add(tf.matMul(h, w), b);
    },
});
