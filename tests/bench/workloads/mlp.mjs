/** A multilayer perceptron 784-256-128-10. */
import { layer } from "../numbers.mjs";
import { titles } from "../targets.mjs";

/** @param {number} batch @returns {import("../train.mjs").Workload} */
export const mlp = (batch) => ({
  title: titles.mlp(batch),
  loops: true,
  spec: {
    params: [...layer("0", [784, 256]), ...layer("2", [256, 128]), ...layer("4", [128, 10])],
    input: [784],
    classes: 10,
    batch,
  },
  torch: "mlp",
  model: (nn) => nn.sequential(nn.linear(256), nn.relu(), nn.linear(128), nn.relu(), nn.classifier({ capacity: 10 })),
  jax:
    ({ numpy: np, nn }) =>
    ([w0, b0, w1, b1, w2, b2], x) => {
      const first = nn.relu(np.matmul(x, w0).add(b0));
      const second = nn.relu(np.matmul(first, w1).add(b1));
      return np.matmul(second, w2).add(b2);
    },
  tfjs:
    (tf) =>
    ([w0, b0, w1, b1, w2, b2], x) => {
      const first = tf.relu(tf.add(tf.matMul(x, w0), b0));
      const second = tf.relu(tf.add(tf.matMul(first, w1), b1));
      return tf.add(tf.matMul(second, w2), b2);
    },
});
