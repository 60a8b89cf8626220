/** What is learned by programs and pages that are killed. */

const ROWS = 6;
const INPUTS = 32;

/**
 * Learns until it is done, going on from the store where it holds something; returns the hash of where it ends. `tell` hears of the step it begins
 * with, and of each that is acknowledged.
 * @param {typeof import("palimpsest")} palimpsest
 * @param {{ store: import("palimpsest").Store, durability: "strict" | "relaxed", steps: number, residentBytes?: number, tell?: (what: "open" | "step", step: number) => void }} job
 */
export async function learnAll(palimpsest, { store, durability, steps, residentBytes, tell = () => {} }) {
  const { Learner, memory, nn, openRuntime, optim, schedules, strategies } = palimpsest;
  const runtime = await openRuntime({ backend: "wasm" });
  const options = {
    ...{ model: nn.sequential(nn.linear(48), nn.relu(), nn.dropout(0.1), nn.classifier({ capacity: 4 })), input: [INPUTS], seed: 8 },
    ...{ optimizer: optim.adamw(), schedule: schedules.cosine({ peak: 0.01, total: steps }) },
    ...{ memory: memory.reservoir({ capacity: 64 }), strategies: [strategies.replay({ batchSize: 4 })], store, durability },
    ...(residentBytes !== undefined && { residentBytes }),
  };
  const learner = (await store.read()) === undefined ? await Learner.create(runtime, options) : await Learner.open(runtime, store);
  tell("open", learner.step);
  while (learner.step < steps) {
    // Rows are a function of the step, so that a run that goes on sees what one that never stopped does.
    const { step } = learner;
    // Before the step that comes next, so that it is done again where the program was killed between the two.
    if (step > 0 && step % 97 === 0)
      await learner.forget([(step - 1) * ROWS, (step - 40) * ROWS], durability === "strict" ? { exact: true } : {});
    const x = Float32Array.from({ length: ROWS * INPUTS }, (_, i) => (((i + 1) * (step + 3) * 7919) % 1009) / 504.5 - 1);
    const y = Array.from({ length: ROWS }, (_, i) => (i * 5 + step) % 4);
    await learner.observe({ x, y, id: y.map((_, i) => step * ROWS + i) });
    tell("step", learner.step);
    if (step % 211 === 210) await learner.save();
  }
  const hash = await learner.stateHash();
  await learner.close();
  runtime.close();
  return hash;
}
