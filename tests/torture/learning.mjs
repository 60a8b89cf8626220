/**
 * A program that learns until it is done, goes on from its store where it finds one, and prints the hash of where it ends.
 *
 *   node|deno learning.mjs MODULE FOLDER STEPS strict|relaxed [RESIDENT_BYTES]
 */
const [module, folder, steps, durability, resident] = /** @type {[string, string, string, "strict" | "relaxed", string?]} */ (
  process.argv.slice(2)
);
const { Learner, memory, nn, openRuntime, optim, schedules, stores, strategies } = /** @type {typeof import("palimpsest")} */ (
  await import(module)
);

const ROWS = 6;
const INPUTS = 32;
const store = stores.folder(folder);
const runtime = await openRuntime({ backend: "wasm" });
const options = {
  ...{ model: nn.sequential(nn.linear(48), nn.relu(), nn.dropout(0.1), nn.classifier({ capacity: 4 })), input: [INPUTS], seed: 8 },
  ...{ optimizer: optim.adamw(), schedule: schedules.cosine({ peak: 0.01, total: Number(steps) }) },
  ...{ memory: memory.reservoir({ capacity: 64 }), strategies: [strategies.replay({ batchSize: 4 })], store, durability },
  ...(resident && { residentBytes: Number(resident) }),
};
const learner = (await store.read()) === undefined ? await Learner.create(runtime, options) : await Learner.open(runtime, store);
console.log("open", learner.step);
while (learner.step < Number(steps)) {
  // Rows are a function of the step, so that a run that goes on sees what one that never stopped does.
  const { step } = learner;
  // Before the step that comes next, so that it is done again where the program was killed between the two.
  if (step > 0 && step % 97 === 0) await learner.forget([(step - 1) * ROWS, (step - 40) * ROWS]);
  const x = Float32Array.from({ length: ROWS * INPUTS }, (_, i) => (((i + 1) * (step + 3) * 7919) % 1009) / 504.5 - 1);
  const y = Array.from({ length: ROWS }, (_, i) => (i * 5 + step) % 4);
  await learner.observe({ x, y, id: y.map((_, i) => step * ROWS + i) });
  if (step % 211 === 210) await learner.save();
}
console.log("hash", await learner.stateHash());
await learner.close();
runtime.close();
