/** A convolutional classifier trained elsewhere scores on MNIST what it scored there: 99.17 %. */
import { nn, openRuntime, streams } from "palimpsest";
import { images, tensors } from "./data.mjs";

const ROWS = 100;

export async function run({ log = console.log } = {}) {
  const { relu, conv2d, batchNorm, flatten, linear } = nn;
  const layers = [
    conv2d(8, 3),
    relu(),
    conv2d(16, 3),
    relu(),
    conv2d(24, 3),
    relu(),
    batchNorm(),
    flatten(),
    linear(32),
    relu(),
    linear(10),
    batchNorm(),
  ];
  const model = nn.define(nn.sequential(...layers), [28, 28, 1]);
  /** @type {Record<string, string>} */
  const names = { 0: "conv1", 2: "conv2", 4: "conv3", 6: "norm1", 8: "fc1", 10: "fc2", 11: "norm2" };
  const parts = /** @type {Record<string, string>} */ ({ mean: "running_mean", variance: "running_var" });
  const weights = nn.loadWeights(model.shapes, await tensors("mnist-cnn.safetensors"), {
    allowExtra: true, // two counters
    map(path) {
      const [layer, part] = /** @type {[string, string]} */ (path.split("."));
      const name = `${names[layer]}.${parts[part] ?? part}`;
      if (part === "weight" && name.startsWith("conv")) return { name, permute: [2, 3, 1, 0] };
      // The file flattens [channels, height, width], we [height, width, channels].
      if (name === "fc1.weight") return { name, as: [32, 24, 22, 22], permute: [2, 3, 1, 0] };
      return name === "fc2.weight" ? { name, permute: [1, 0] } : name;
    },
  });
  const runtime = await openRuntime({ backend: "wasm" });
  const constants = Object.fromEntries(
    [...model.shapes].map(([path, shape]) => [path, { shape, data: /** @type {Float32Array} */ (weights.get(path)) }]),
  );
  const classify = await runtime.compile(
    ({ x, ...kept }, graph) => ({ logits: model.apply(graph, /** @type {any} */ (x), kept) }),
    { x: [ROWS, 28, 28, 1] },
    { constants },
  );
  let right = 0;
  let count = 0;
  for (const { x, y } of streams.batches(await images("mnist", "t10k"), { batchSize: ROWS, shuffle: false })) {
    const { logits } = await classify.run({ x: Float32Array.from(x, (value) => (value / 255 - 0.1307) / 0.3081) });
    for (let row = 0; row < y.length; row++) {
      const scores = /** @type {Float32Array} */ (logits).subarray(10 * row, 10 * row + 10);
      if (scores.indexOf(Math.max(...scores)) === y[row]) right += 1;
    }
    count += y.length;
  }
  runtime.close();
  const accuracy = right / count;
  log(`mnist-cnn: ${(100 * accuracy).toFixed(2)} % of ${count} test images; published 99.17 %`);
  return Math.abs(accuracy - 0.9917) <= 0.0005;
}
