import { add, less, mul, select } from "../program/tensor.ts";
import { numbersOf, type Transform, transform } from "./optimizer.ts";

/** Options of {@link accumulate}. */
export interface AccumulateOptions {
  /** Steps whose gradients are averaged for one update. */
  readonly every: number;
}

/**
 * Returns one update for every few steps, by the mean of their gradients; in the others nothing else changes. What stands after it in a chain
 * counts updates; the learning rate is that of the step.
 * @throws E_CONFIG
 */
export function accumulate(options: AccumulateOptions): Transform {
  const { values } = numbersOf("optim.accumulate", options, { every: [undefined, { min: 1, integer: true }] });
  const { every } = values;
  return transform({
    name: "accumulate",
    options: values,
    slots: { sum: {} },
    scalars: (k) => ({ last: k % every === 0 ? 1 : 0 }),
    around({ params, grads, slots, scalars }, rest) {
      const sum = add(slots.sum, grads);
      const last = less(0, scalars.last);
      const result = rest({ grads: mul(sum, 1 / every) });
      return { ...result, params: select(last, result.params, params), slots: { sum: select(last, 0, sum) }, when: last };
    },
    updates: (k) => Math.floor((k - 1) / every) + 1,
  });
}
