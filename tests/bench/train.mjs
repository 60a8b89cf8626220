/** Whole training steps of a model with Adam, from typed arrays to the loss read. */
import { contest } from "./contest.mjs";
import { problem } from "./numbers.mjs";
import { THREADS } from "./targets.mjs";

/**
 * @typedef {object} Workload a model in the words of each library, from its parameters, as a list, and the rows of a step
 * @property {string} title
 * @property {import("./numbers.mjs").Spec} spec
 * @property {(nn: typeof import("palimpsest").nn) => import("palimpsest").Layer} model
 * @property {(jax: any) => import("./peers/jax.mjs").Traced} jax returns logits [rows, classes] and consumes its arguments
 * @property {(tf: any) => (...given: any[]) => any} tfjs returns logits [rows, classes]
 * @property {string} torch its name in `models.py`
 * @property {boolean} [loops] whether it is a perceptron, which plain loops train too
 */

/**
 * Opens a contender served by a script in Python. A page has none.
 * @typedef {(script: string, args: readonly (string | number)[]) => Promise<import("./contest.mjs").Contender>} Native
 */

/** Returns contenders for a workload, each library loaded only when it is opened. @param {Workload} workload @param {"wasm" | "webgpu"} backend */
export function contenders(workload, backend) {
  const given = problem(workload.spec);
  const tfjs = async (/** @type {import("./peers/tfjs.mjs").Backend} */ name) =>
    (await import("./peers/tfjs.mjs")).tfjsTrainer(given, { backend: name, model: workload.tfjs });
  /** @type {import("./contest.mjs").Entry} */
  const cpu = { name: "tfjs cpu", kind: "javascript", open: () => tfjs("cpu") };
  return /** @satisfies {Record<string, import("./contest.mjs").Entry>} */ ({
    palimpsest: {
      name: "Palimpsest",
      kind: "palimpsest",
      required: true,
      open: async () => (await import("./palimpsest.mjs")).trainer(given, { backend, model: workload.model }),
    },
    threads: {
      name: "Palimpsest",
      kind: "palimpsest",
      variant: THREADS,
      open: async () => (await import("./palimpsest.mjs")).trainer(given, { backend, threads: 2, model: workload.model }),
    },
    jax: {
      name: "jax-js",
      kind: "javascript",
      open: async () => (await import("./peers/jax.mjs")).jaxTrainer(given, { device: backend, model: workload.jax }),
    },
    tfjs: {
      name: `tfjs ${backend}`,
      kind: "javascript",
      open: () => tfjs(backend),
      ...(backend === "wasm" && { otherwise: cpu }),
    },
    cpu,
    loops: {
      name: "plain JavaScript loops",
      kind: "javascript",
      open: async () => (await import("./loops.mjs")).loopsTrainer(given),
    },
  });
}

/**
 * Returns a row for each contender.
 * @param {Workload} workload
 * @param {{ native?: Native | undefined, threads?: boolean, rules?: import("./contest.mjs").Rules }} [options]
 */
export function train(workload, { native, threads = false, rules = {} } = {}) {
  const { palimpsest, threads: two, jax, tfjs, loops } = contenders(workload, "wasm");
  const pytorch = native && {
    name: "PyTorch",
    kind: /** @type {const} */ ("native"),
    open: () => native("models.py", [workload.torch, JSON.stringify(workload.spec)]),
  };
  const entries = [workload.loops ? loops : [], palimpsest, threads ? two : [], jax, tfjs, pytorch ?? []].flat();
  return contest(workload.title, entries, { learns: true, ...rules });
}
