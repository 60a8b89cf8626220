/** A convolutional network like LeNet for images 28 × 28: 5×5×6, pool, 5×5×16, pool, 120, 84, 10, with relu and the largest of 2×2. */
import { layer } from "../numbers.mjs";
import { titles } from "../targets.mjs";

/** @typedef {import("../numbers.mjs").Param} Param */

/** Returns the parameters of a convolution. @param {string} path @param {[number, number, number, number]} shape @returns {Param[]} */
function convolution(path, shape) {
  const [rows, columns, inputs, outputs] = shape;
  const channelsFirst = { view: shape, order: [3, 2, 0, 1], shape: [outputs, inputs, rows, columns] };
  return layer(path, shape).map((param, i) => (i === 0 ? { ...param, channelsFirst } : param));
}

/** Returns the parameters of the layer that takes flattened images. @param {string} path @returns {Param[]} */
function afterImages(path) {
  const channelsFirst = { view: [4, 4, 16, 120], order: [2, 0, 1, 3], shape: [256, 120] };
  return layer(path, [256, 120]).map((param, i) => (i === 0 ? { ...param, channelsFirst } : param));
}

/** @param {number} batch @returns {import("../train.mjs").Workload} */
export const cnn = (batch) => ({
  title: titles.cnn(batch),
  spec: {
    params: [
      ...convolution("0", [5, 5, 1, 6]),
      ...convolution("3", [5, 5, 6, 16]),
      ...afterImages("7"),
      ...layer("9", [120, 84]),
      ...layer("11", [84, 10]),
    ],
    input: [28, 28, 1],
    classes: 10,
    batch,
  },
  torch: "cnn",
  model: (nn) =>
    nn.sequential(
      nn.conv2d(6, 5),
      nn.relu(),
      nn.maxPool(2),
      nn.conv2d(16, 5),
      nn.relu(),
      nn.maxPool(2),
      nn.flatten(),
      nn.linear(120),
      nn.relu(),
      nn.linear(84),
      nn.relu(),
      nn.classifier({ capacity: 10 }),
    ),
  jax:
    ({ lax, numpy: np, nn }) =>
    ([k0, b0, k1, b1, w0, c0, w1, c1, w2, c2], x) => {
      const convolve = (/** @type {any} */ images, /** @type {any} */ kernel, /** @type {any} */ bias) => {
        const found = nn.relu(lax.conv(images, kernel, [1, 1], "VALID").add(bias.reshape([-1, 1, 1])));
        return lax.reduceWindow(found, np.max, [2, 2], [2, 2]);
      };
      const images = convolve(convolve(x.reshape([batch, 1, 28, 28]), k0, b0), k1, b1);
      const first = nn.relu(np.matmul(images.reshape([batch, 256]), w0).add(c0));
      const second = nn.relu(np.matmul(first, w1).add(c1));
      return np.matmul(second, w2).add(c2);
    },
  tfjs:
    (tf) =>
    ([k0, b0, k1, b1, w0, c0, w1, c1, w2, c2], x) => {
      const convolve = (/** @type {any} */ images, /** @type {any} */ kernel, /** @type {any} */ bias) =>
        tf.maxPool(tf.relu(tf.add(tf.conv2d(images, kernel, 1, "valid"), bias)), 2, 2, "valid");
      const images = convolve(convolve(x, k0, b0), k1, b1);
      const first = tf.relu(tf.add(tf.matMul(images.reshape([batch, 256]), w0), c0));
      const second = tf.relu(tf.add(tf.matMul(first, w1), c1));
      return tf.add(tf.matMul(second, w2), c2);
    },
});
