/** AdamW alone, by Palimpsest: a program that does nothing but update parameters, whose gradients stay as they are. */
import { optim, tensor } from "palimpsest";
import { LEARNING_RATE, noise } from "./numbers.mjs";

/** @typedef {import("palimpsest").Tensor} Tensor */

/** Returns the gradients of all contenders. @param {number} count */
export const gradients = (count) => noise(count, 1);

/**
 * Returns the update of parameters that are zeros at first, by the hand-written kernel or the traced recipe. A run returns the first four
 * parameters as they were before it.
 * @param {import("palimpsest").Runtime} runtime @param {number} count @param {"kernel" | "recipe"} form
 */
export async function openUpdate(runtime, count, form) {
  const adamw = optim.adamw();
  const options = /** @type {Record<string, number>} */ (adamw.options);
  const scalarsOf = (/** @type {number} */ t) => {
    const { learningRate: _, ...scalars } = adamw.scalars(t, { ...options, learningRate: LEARNING_RATE });
    return Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, [value]]));
  };
  const names = Object.keys(scalarsOf(1));
  const zeros = { shape: [count], data: new Float32Array(count) };
  const compiled = await runtime.compile(
    (given, graph) => {
      const { params, grads, m, v, ...scalars } = /** @type {Record<"params" | "grads" | "m" | "v", Tensor>} */ (given);
      if (form === "kernel") {
        graph.effects.push({ kind: "optimizer", name: "adamw", tensors: { params, grads, m, v }, scalars, flags: {} });
      } else {
        const updated = adamw.update(
          /** @type {import("palimpsest").optim.UpdateInputs} */ (/** @type {unknown} */ ({ params, grads, slots: { m, v }, scalars })),
        );
        graph.effects.push({ kind: "assign", target: params, value: updated.params });
        for (const [name, target] of Object.entries({ m, v })) {
          graph.effects.push({ kind: "assign", target, value: /** @type {Tensor} */ (updated.slots[name]) });
        }
      }
      return { first: tensor.slice(params, [0], [4]) };
    },
    Object.fromEntries(names.map((name) => [name, []])),
    { constants: { params: zeros, grads: { shape: [count], data: gradients(count) }, m: zeros, v: zeros } },
  );
  let t = 0;
  return { update: () => compiled.run(scalarsOf(++t)), close: () => compiled.close() };
}
