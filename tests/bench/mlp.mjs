/** A multilayer perceptron 784-256-128-10 with Adam, the whole step from typed arrays to the loss read, at batches from one row up. */
import { contest } from "./contest.mjs";
import { problem } from "./numbers.mjs";

const sizes = [784, 256, 128, 10];

/** @param {number} javascript @param {number} native @returns {import("./contest.mjs").Target[]} */
const atLeast = (javascript, native) => [
  { against: "javascript", atLeast: javascript },
  { against: "native", atLeast: native },
];

/** What Palimpsest is meant to reach on Wasm, by batch. @type {Readonly<Record<number, readonly import("./contest.mjs").Target[]>>} */
const targets = { 1: atLeast(4, 2), 8: atLeast(4, 2), 32: atLeast(2.5, 0.8), 128: atLeast(1.8, 0.4) };

/** @type {Map<number, import("./numbers.mjs").Problem>} */
const problems = new Map();

/** Returns the problem for a batch, made once. @param {number} batch */
export function mlp(batch) {
  const known = problems.get(batch);
  if (known !== undefined) return known;
  const params = sizes.slice(1).flatMap((units, i) => {
    const fanIn = /** @type {number} */ (sizes[i]);
    return [
      { path: `${2 * i}.weight`, shape: [fanIn, units], fanIn },
      { path: `${2 * i}.bias`, shape: [units], fanIn },
    ];
  });
  const made = problem({ params, input: [784], classes: 10, batch });
  problems.set(batch, made);
  return made;
}

/** The model in Palimpsest's words. @param {typeof import("palimpsest").nn} nn */
const model = (nn) => nn.sequential(nn.linear(256), nn.relu(), nn.linear(128), nn.relu(), nn.classifier({ capacity: 10 }));

/** The loss in jax-js's words. @param {any} jax @returns {import("./peers/jax.mjs").Traced} */
function jaxLoss({ numpy: np, nn }) {
  return ([w0, b0, w1, b1, w2, b2], x, y) => {
    const first = nn.relu(np.matmul(x, w0).add(b0));
    const second = nn.relu(np.matmul(first, w1).add(b1));
    const logits = np.matmul(second, w2).add(b2);
    return nn.logSoftmax(logits, -1).mul(nn.oneHot(y, 10)).sum(-1).mean().mul(-1);
  };
}

/** The loss in tfjs's words. @param {any} tf @returns {(...given: any[]) => any} */
function tfjsLoss(tf) {
  return ([w0, b0, w1, b1, w2, b2], x, y) => {
    const first = tf.relu(tf.add(tf.matMul(x, w0), b0));
    const second = tf.relu(tf.add(tf.matMul(first, w1), b1));
    return tf.losses.softmaxCrossEntropy(tf.oneHot(y, 10), tf.add(tf.matMul(second, w2), b2));
  };
}

/**
 * Returns a contender by name; its library is loaded only then. The second argument is the backend, where there is a choice.
 * @typedef {(batch: number, backend?: any) => Promise<import("./contest.mjs").Contender | undefined>} Maker
 */

/** @satisfies {Record<string, Maker>} */
export const contenders = {
  palimpsest: async (batch, backend = "wasm") => {
    const { learner } = await import("./palimpsest.mjs");
    return learner(mlp(batch), {
      backend,
      model,
      targets: backend === "wasm" ? (targets[batch] ?? []) : [{ against: "javascript", atLeast: 2 }],
    });
  },
  jax: async (batch, device = "wasm") => {
    const { jaxTrainer } = await import("./peers/jax.mjs");
    return jaxTrainer(mlp(batch), { device, loss: jaxLoss });
  },
  tfjs: async (batch, backend = "wasm") => {
    const { tfjsTrainer } = await import("./peers/tfjs.mjs");
    return tfjsTrainer(mlp(batch), { backend, loss: tfjsLoss });
  },
  loops: async (batch) => {
    const { loopsTrainer } = await import("./loops.mjs");
    return loopsTrainer(mlp(batch));
  },
  pytorch: async (batch) => {
    const { pytorch } = await import("./torch.mjs");
    return pytorch("mlp.py", [batch]);
  },
};

/** Returns a row for each contender at each batch. */
export async function run() {
  const { palimpsest, jax, tfjs, loops, pytorch } = contenders;
  const rows = [];
  for (const batch of [1, 8, 32, 128]) {
    const makers = [loops, palimpsest, jax, tfjs, () => tfjs(batch, "cpu"), pytorch].map((make) => () => make(batch));
    rows.push(...(await contest(`MLP 784-256-128-10, Adam, batch ${batch}`, makers)));
  }
  return rows;
}
