import { checkKeys } from "../errors.ts";
import { softplusOf } from "../nn/activations.ts";
import { add, and, div, equal, less, max, mul, oneHot, reshape, select, shiftRight, sub, sum, toF32 } from "../program/tensor.ts";
import { presentIn } from "./seen.ts";
import type { Strategy } from "./strategy.ts";

/**
 * Returns energy-based learning: a row x has with each class y an energy E(x, y), and is told only that of its class apart from that of one other,
 * drawn evenly from the classes in this batch: −ln(e^−E⁺/(e^−E⁺ + e^−E⁻)). Classes that are not in the batch are not pushed away, and their weights have no
 * gradient. The answer is the class of least energy; with `nn.classifier({ mask: "seen" })` of those that were seen. The form of the energy here is the
 * simplest: features gated by the embedding of the class and summed, E = −(f·w_y + b_y), minus the logit. Rows without another class in their
 * batch teach nothing.
 * @throws E_CONFIG
 * @see Li et al. 2022, arXiv 2011.12216, "Energy-based models for continual learning", equation 6; github.com/ShuangLI59/ebm-continual-learning
 */
export function energy(options: Readonly<Record<never, never>> = {}): Strategy {
  checkKeys("strategies.energy", options, []);
  return {
    name: "energy",
    config: {},
    needs: { labels: true },
    owns: ["arrival"],
    terms(context) {
      const { logits, labels, mean, random } = context;
      const [rows, classes] = logits.shape as [number, number];
      const own = oneHot(reshape(labels, [rows]), classes);
      const others = and(less(0, presentIn(context, "arrival")), less(own, 1));
      // The largest of independent uniform numbers is any of them alike; of two equal ones both count half.
      const lots = select(others, toF32(shiftRight(random("negatives", [rows, classes]), 8)), -1);
      const drawn = mul(toF32(equal(lots, max(lots, -1, { keepDims: true }))), toF32(others));
      const count = sum(drawn, -1);
      const of = (weights: typeof drawn): typeof drawn => sum(select(less(0, weights), mul(logits, weights), 0), -1);
      const gap = sub(div(of(drawn), add(count, toF32(less(count, 1)))), of(toF32(own)));
      return [{ tag: "task", value: mean(select(less(0, count), softplusOf(gap), 0), "arrival") }];
    },
  };
}
