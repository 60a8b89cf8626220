/** A small GPT on bytes: width 128, 4 pre-norm blocks of 4 heads, learned positions, 128 steps of time, 256 bytes to choose from. */
import { layer } from "../numbers.mjs";
import { titles } from "../targets.mjs";

const [BLOCKS, HEADS, TIME, WIDTH, BYTES] = [4, 4, 128, 128, 256];

/** Returns the parameters of a layer norm. @param {string} path @returns {import("../numbers.mjs").Param[]} */
const norm = (path) => [
  { path: `${path}.weight`, shape: [WIDTH], value: 1 },
  { path: `${path}.bias`, shape: [WIDTH], value: 0 },
];

/** Returns the parameters of a block. @param {string} path */
const block = (path) => [
  ...norm(`${path}.attentionNorm`),
  ...["query", "key", "value", "output"].flatMap((name) => layer(`${path}.attention.${name}`, [WIDTH, WIDTH])),
  ...norm(`${path}.feedForwardNorm`),
  ...layer(`${path}.feedForward.up`, [WIDTH, 4 * WIDTH]),
  ...layer(`${path}.feedForward.down`, [4 * WIDTH, WIDTH]),
];

/** @param {number} batch @returns {import("../train.mjs").Workload} */
export const gpt = (batch) => ({
  title: titles.gpt(batch),
  spec: {
    params: [
      { path: "0.weight", shape: [BYTES, WIDTH], fanIn: WIDTH },
      { path: "1.weight", shape: [TIME, WIDTH], fanIn: WIDTH },
      ...Array.from({ length: BLOCKS }, (_, i) => block(`${2 + i}`)).flat(),
      ...norm(`${2 + BLOCKS}`),
      ...layer(`${3 + BLOCKS}`, [WIDTH, BYTES]),
    ],
    input: [TIME],
    classes: BYTES,
    batch,
    text: true,
  },
  torch: "gpt",
  model: (nn) => {
    const blocks = Array.from({ length: BLOCKS }, () => nn.transformerBlock({ heads: HEADS, causal: true }));
    return nn.sequential(nn.embedding(BYTES, WIDTH), nn.positional(), ...blocks, nn.layerNorm(), nn.linear(BYTES));
  },
  jax:
    ({ numpy: np, nn }) =>
    ([embedding, positions, ...rest], x) => {
      const linear = (/** @type {any} */ rows, /** @type {any} */ weight, /** @type {any} */ bias) => np.matmul(rows, weight).add(bias);
      const normed = (/** @type {any} */ rows, /** @type {any} */ weight, /** @type {any} */ bias) =>
        nn.standardize(rows).mul(weight).add(bias);
      let h = np.take(embedding, x, 0).add(positions);
      for (let i = 0; i < BLOCKS; i++) {
        const [n0, m0, wq, bq, wk, bk, wv, bv, wo, bo, n1, m1, wu, bu, wd, bd] = rest.splice(0, 16);
        const rows = normed(h.ref, n0, m0);
        const heads = (/** @type {any} */ weight, /** @type {any} */ bias) =>
          linear(rows.ref, weight, bias)
            .reshape([batch, TIME, HEADS, WIDTH / HEADS])
            .transpose([0, 2, 1, 3]);
        // As fast as nn.dotProductAttention, whose einsum needs what Node has from version 22 on.
        const scores = np.matmul(heads(wq, bq), np.matrixTranspose(heads(wk, bk))).mul(1 / Math.sqrt(WIDTH / HEADS));
        const seen = nn.softmax(np.where(np.tri(TIME, TIME, 0, { dtype: "bool" }), scores, -Infinity), -1);
        const mixed = np.matmul(seen, heads(wv, bv)).transpose([0, 2, 1, 3]);
        rows.dispose();
        h = h.add(linear(mixed.reshape([batch, TIME, WIDTH]), wo, bo));
        h = h.ref.add(linear(nn.gelu(linear(normed(h, n1, m1), wu, bu)), wd, bd));
      }
      const [n, m, w, b] = rest;
      return linear(normed(h, n, m), w, b).reshape([batch * TIME, BYTES]);
    },
  tfjs: (tf) => {
    const linear = (/** @type {any} */ rows, /** @type {any} */ weight, /** @type {any} */ bias) => tf.add(tf.matMul(rows, weight), bias);
    const normed = (/** @type {any} */ rows, /** @type {any} */ weight, /** @type {any} */ bias) => {
      const { mean, variance } = tf.moments(rows, -1, true);
      return tf.add(tf.mul(tf.div(tf.sub(rows, mean), tf.sqrt(tf.add(variance, 1e-5))), weight), bias);
    };
    const gelu = (/** @type {any} */ a) => {
      const inner = tf.mul(a, tf.add(tf.mul(tf.square(a), 0.044715 * Math.sqrt(2 / Math.PI)), Math.sqrt(2 / Math.PI)));
      return tf.mul(tf.mul(a, 0.5), tf.add(tf.tanh(inner), 1));
    };
    const masked = Float32Array.from({ length: TIME ** 2 }, (_, i) => (i % TIME > i / TIME ? -1e30 : 0));
    const later = tf.tensor2d(masked, [TIME, TIME]);
    return ([embedding, positions, ...rest], x) => {
      // Its Wasm backend trains products, not gather.
      const found = tf.matMul(tf.oneHot(x.reshape([batch * TIME]), BYTES).toFloat(), embedding);
      let h = tf.add(found.reshape([batch, TIME, WIDTH]), positions).reshape([batch * TIME, WIDTH]);
      for (let i = 0; i < BLOCKS; i++) {
        const [n0, m0, wq, bq, wk, bk, wv, bv, wo, bo, n1, m1, wu, bu, wd, bd] = rest.splice(0, 16);
        const rows = normed(h, n0, m0);
        const heads = (/** @type {any} */ weight, /** @type {any} */ bias) =>
          tf.transpose(linear(rows, weight, bias).reshape([batch, TIME, HEADS, WIDTH / HEADS]), [0, 2, 1, 3]);
        const scores = tf.mul(tf.matMul(heads(wq, bq), heads(wk, bk), false, true), 1 / Math.sqrt(WIDTH / HEADS));
        const mixed = tf.transpose(tf.matMul(tf.softmax(tf.add(scores, later)), heads(wv, bv)), [0, 2, 1, 3]);
        h = tf.add(h, linear(mixed.reshape([batch * TIME, WIDTH]), wo, bo));
        h = tf.add(h, linear(gelu(linear(normed(h, n1, m1), wu, bu)), wd, bd));
      }
      const [n, m, w, b] = rest;
      return linear(normed(h, n, m), w, b);
    };
  },
});
