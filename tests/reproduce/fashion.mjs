/** A small convolutional network learns Fashion-MNIST in one pass: at least 86 % of the test images. */
import { Learner, nn, openRuntime, optim, schedules, streams } from "palimpsest";
import { images } from "./data.mjs";

const BATCH = 32;

export async function run({ log = console.log } = {}) {
  const train = await images("fashion-mnist", "train");
  const test = await images("fashion-mnist", "t10k");
  const runtime = await openRuntime({ backend: "wasm" });
  const total = streams.batchCount(train, { batchSize: BATCH });
  const learner = await Learner.create(runtime, {
    model: nn.sequential(
      nn.conv2d(16, 3),
      nn.relu(),
      nn.maxPool(2),
      nn.conv2d(32, 3),
      nn.relu(),
      nn.maxPool(2),
      nn.flatten(),
      nn.linear(64),
      nn.relu(),
      nn.classifier({ capacity: 10 }),
    ),
    input: { shape: [28, 28, 1], dtype: "u8", scale: 1 / 255 / 0.353, offset: -0.286 / 0.353 },
    optimizer: optim.adamw(),
    schedule: schedules.cosine({ peak: 2e-3, warmup: 50, total }),
    batchSize: BATCH,
  });
  const began = performance.now();
  for (const batch of streams.batches(train, { batchSize: BATCH, seed: 1 })) {
    const { step, loss } = await learner.observe(batch);
    if (step % 250 === 0)
      log(`step ${step} of ${total}: loss ${loss.toFixed(3)}, ${((performance.now() - began) / step).toFixed(2)} ms a step`);
  }
  const { accuracy } = await learner.evaluate(streams.batches(test, { batchSize: 100, shuffle: false }));
  await learner.close();
  runtime.close();
  log(`Fashion-MNIST, one pass: ${(100 * accuracy).toFixed(2)} % of the test images; wanted at least 86 %`);
  return accuracy >= 0.86;
}
