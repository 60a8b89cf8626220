/** Which classes rows were of so far. */

import type { Tensor } from "../program/graph.ts";
import { less, max, maximum, mul, oneHot, reshape, toF32 } from "../program/tensor.ts";
import type { StepContext, Strategy, TermContext } from "./strategy.ts";

/** Keeps, as "seen/classes" [classes], a 1 for each class that an arriving row was of, this step's not yet among them. */
export const seen: Strategy = {
  name: "seen",
  config: {},
  needs: { labels: true },
  keeps: () => ({ classes: { shape: ["classes"] } }),
  gathers: (context) => ({ classes: seenNow(context) }),
};

/** Returns a 1 [classes] for each class that a row was of so far, this step's among them. */
export function seenNow(context: StepContext): Tensor {
  return maximum(context.kept("seen/classes"), presentIn(context, "arrival"));
}

/** Returns a 1 [classes] for each class of a row in a group. */
export function presentIn({ labels, logits, weightOf }: TermContext, group: string): Tensor {
  const [rows, classes] = logits.shape as [number, number];
  const named = toF32(oneHot(reshape(labels, [rows]), classes));
  return max(mul(named, reshape(toF32(less(0, weightOf(group))), [rows, 1])), 0);
}
