/** Palimpsest as a contender. */
import { readFileSync } from "node:fs";
import { Learner, nn, openRuntime, optim } from "palimpsest";
import { stepper } from "./contest.mjs";
import { cycle } from "./numbers.mjs";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** Returns a name with the version and what computes. @param {import("palimpsest").Runtime} runtime @param {string} [part] */
export function nameOf({ info: { backend, adapter } }, part = "") {
  const where = backend === "wasm" ? "Wasm" : `WebGPU (${adapter?.name})`;
  return `Palimpsest ${version} ${where}${part}`;
}

/**
 * Returns a learner with Adam that learns a problem.
 * @param {import("./numbers.mjs").Problem} problem
 * @param {object} options
 * @param {"wasm" | "webgpu"} options.backend
 * @param {(layers: typeof nn) => import("palimpsest").Layer} options.model
 * @param {readonly import("./contest.mjs").Target[]} [options.targets]
 */
export async function learner(problem, { backend, model, targets = [] }) {
  const runtime = await openRuntime({ backend });
  const learner = await Learner.create(runtime, {
    model: model(nn),
    weights: new Map(problem.params.map(({ path, values }) => [path, values])),
    input: problem.input,
    optimizer: optim.adamw({ weightDecay: 0 }),
    schedule: problem.learningRate,
    batchSize: problem.batch,
  });
  const next = cycle(problem.batches);
  const close = async () => {
    await learner.close();
    runtime.close();
  };
  return stepper({ name: nameOf(runtime), kind: "palimpsest", targets, close }, async () => (await learner.observe(next())).loss);
}
