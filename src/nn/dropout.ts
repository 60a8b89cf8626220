import { checkNumber } from "../errors.ts";
import { less, mul, select } from "../program/tensor.ts";
import { type Layer, plain } from "./layer.ts";

/**
 * Returns the layer that zeroes each element with probability `rate` in training and scales the others by 1/(1 − rate).
 * @throws E_CONFIG
 * @see Srivastava et al. 2014, "Dropout"; the inverted form
 */
export function dropout(rate: number): Layer {
  checkNumber("nn.dropout", "rate", rate, { min: 0, max: 1, open: "max" });
  const keep = 1 - rate;
  return {
    config: { kind: "dropout", rate },
    build: (input) =>
      plain(input, (x, context) => {
        if (!context.training || rate === 0) return x;
        const kept = less(context.random(x.shape), Math.round(keep * 2 ** 32));
        return select(kept, mul(x, 1 / keep), 0);
      }),
  };
}
