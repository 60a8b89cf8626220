/** Palimpsest as a contender. */
import { Learner, nn, openRuntime, optim } from "palimpsest";
import manifest from "../../package.json" with { type: "json" };
import { stepper } from "./contest.mjs";
import { cycle, LEARNING_RATE } from "./numbers.mjs";
import { THREADS } from "./targets.mjs";

/** Returns a name with the version and what computes. @param {import("palimpsest").Runtime} runtime @param {string} [variant] */
export function nameOf({ info: { backend, adapter } }, variant) {
  const where = backend === "wasm" ? "Wasm" : `WebGPU (${adapter?.name})`;
  return `Palimpsest ${manifest.version} ${where}${variant === undefined ? "" : `, ${variant}`}`;
}

/**
 * Returns a runtime with exactly so many threads, and its name.
 * @param {"wasm" | "webgpu"} backend @param {number} [threads]
 */
export async function openNamed(backend, threads = 1) {
  const runtime = await openRuntime({ backend, ...(threads > 1 && { threads }) });
  const { threads: found = 1 } = /** @type {{ threads?: number }} */ (runtime.info);
  if (found !== threads) throw new Error(`there are ${found} threads here, not ${threads}`);
  return { runtime, name: nameOf(runtime, threads > 1 ? THREADS : undefined) };
}

/**
 * Returns a learner with Adam that learns a problem.
 * @param {import("./numbers.mjs").Problem} problem
 * @param {object} options
 * @param {"wasm" | "webgpu"} options.backend
 * @param {(layers: typeof nn) => import("palimpsest").Layer} options.model
 * @param {number} [options.threads]
 */
export async function trainer({ spec, params, batches }, { backend, model, threads }) {
  const { runtime, name } = await openNamed(backend, threads);
  const learner = await Learner.create(runtime, {
    model: model(nn),
    weights: new Map(params.map(({ path, values }) => [path, values])),
    input: { shape: spec.input, dtype: spec.text ? "u8" : "f32" },
    optimizer: optim.adamw({ weightDecay: 0 }),
    schedule: LEARNING_RATE,
    batchSize: spec.batch,
  });
  const next = cycle(batches);
  const close = async () => {
    await learner.close();
    runtime.close();
  };
  const parameters = [...(await learner.weights()).values()].reduce((sum, { data }) => sum + data.length, 0);
  return stepper({ name, parameters, close }, async () => (await learner.observe(next())).loss);
}
