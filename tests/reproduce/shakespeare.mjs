/** A small GPT learns tiny-shakespeare byte by byte within minutes: at most 2.0 nats per byte on the last tenth, and a sample of its writing. */
import { Learner, nn, openRuntime, optim, schedules } from "palimpsest";
import { bytesOf } from "./data.mjs";

const TIME = 64;
const BATCH = 16;
const STEPS = 1500;
const WIDTH = 96;

export async function run({ log = console.log } = {}) {
  const text = await bytesOf("text", "tinyshakespeare-en.txt");
  const split = Math.floor(text.length * 0.9);
  const [train, held] = [text.subarray(0, split), text.subarray(split)];
  const runtime = await openRuntime({ backend: "wasm" });
  const block = nn.transformerBlock({ heads: 4, causal: true, rope: true, norm: "rms", feedForward: "swiglu", bias: false });
  const learner = await Learner.create(runtime, {
    model: nn.sequential(nn.embedding(128, WIDTH, { deviation: 0.02 }), block, block, nn.rmsNorm(), nn.linear(128)),
    input: { shape: [TIME], dtype: "u8" },
    optimizer: optim.chain(optim.clipByGlobalNorm({ maxNorm: 1 }), optim.adamw({ beta2: 0.99, weightDecay: 0.05 })),
    schedule: schedules.cosine({ peak: 4e-3, final: 2e-4, warmup: 100, total: STEPS }),
    batchSize: BATCH,
  });
  /** Windows of a text and the bytes that follow each of theirs. @param {Uint8Array} source @param {number[]} starts */
  const rows = (source, starts) => ({
    x: Uint8Array.from(starts.flatMap((start) => [...source.subarray(start, start + TIME)])),
    y: Uint8Array.from(starts.flatMap((start) => [...source.subarray(start + 1, start + TIME + 1)])),
  });
  // A stride that shares no factor with the length visits every part of the text before any twice.
  let at = 0;
  const began = performance.now();
  for (let step = 1; step <= STEPS; step++) {
    const starts = Array.from({ length: BATCH }, () => {
      at = (at + 618_033_989) % (train.length - TIME - 1);
      return at;
    });
    const { loss } = await learner.observe(rows(train, starts));
    if (step % 250 === 0) log(`step ${step}: loss ${loss.toFixed(3)}, ${((performance.now() - began) / step).toFixed(1)} ms a step`);
  }
  const windows = Array.from({ length: Math.floor((held.length - 1) / TIME) }, (_, i) => i * TIME);
  const batches = Array.from({ length: Math.floor(windows.length / 128) }, (_, i) => rows(held, windows.slice(128 * i, 128 * i + 128)));
  const { loss } = await learner.evaluate(batches);
  const minutes = (performance.now() - began) / 60000;

  let written = "ROMEO:\n";
  while (written.length < 240) {
    const context = new Uint8Array(TIME);
    const recent = new TextEncoder().encode(written).slice(-TIME);
    context.set(recent);
    const { probabilities } = await learner.predict(context);
    const next = probabilities.subarray(128 * (recent.length - 1), 128 * recent.length);
    // A fixed sequence of draws, so that the sample is the same everywhere.
    let left = (written.length * 0.6180339887) % 1;
    const byte = next.findIndex((p) => {
      left -= p;
      return left < 0;
    });
    written += String.fromCharCode(Math.max(byte, 10));
  }
  await learner.close();
  runtime.close();
  log(
    `tiny-shakespeare: ${loss.toFixed(3)} nats per byte on the held-out tenth after ${minutes.toFixed(1)} minutes; wanted at most 2.0 within 10\n${written}`,
  );
  return loss <= 2.0 && minutes <= 10;
}
