import { checkKeys, checkNumber } from "../errors.ts";
import { add, div, equal, less, maximum, mean, mul, pack } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";
import { activityOf, countOf, partsOf, renew } from "./units.ts";

/** Options of {@link redo}. */
export interface RedoOptions {
  /** Score up to which a unit is dormant. Default 0.1. */
  readonly threshold?: number;
  /** Steps between two looks. Default 1000. */
  readonly every?: number;
}

/**
 * Returns the reset of dormant units: of a rectified unit, its mean activation over that of its layer is the score, E|h|/(mean E|h| + 1e-9); one at or
 * below the threshold gets fresh weights in, bias 0, and weights of 0 on, so that answers change by no more than the little it passed on. What the
 * optimizer and other strategies keep of these numbers begins again. Units are those between a linear layer or convolution, `nn.relu` right behind
 * it, and the next of these; pooling, dropout and flattening may come in between. Means are those of all steps since the last look; the source
 * takes one batch.
 * @throws E_CONFIG
 * @see Sokar et al. 2023, arXiv 2302.12902, "The dormant neuron phenomenon in deep reinforcement learning", definition 3.1, algorithm 1
 */
export function redo(options: RedoOptions = {}): Strategy {
  const where = "strategies.redo";
  checkKeys(where, options, ["threshold", "every"]);
  const threshold = checkNumber(where, "threshold", options.threshold ?? 0.1, { min: 0 });
  const every = checkNumber(where, "every", options.every ?? 1000, { min: 1, max: 2 ** 31, integer: true });
  return {
    name: "redo",
    config: { threshold, every },
    needs: { rectified: true, units: true },
    hyper: { threshold },
    keeps: ({ units }) => ({ activity: { shape: [countOf(units)] }, steps: { shape: [] } }),
    gathers(context) {
      const { facts, kept } = context;
      const now = pack(facts.units.map((layer) => activityOf(context, layer)));
      return { activity: add(kept("activity"), now), steps: add(kept("steps"), 1) };
    },
    edits: [
      {
        on: { every },
        order: 5,
        apply(context) {
          const { facts, kept, hyper } = context;
          const means = div(kept("activity"), maximum(kept("steps"), 1));
          const dormant = partsOf(facts.units, means).map((own) => {
            const score = div(own, add(mean(own), 1e-9));
            return equal(less(hyper("threshold"), score), 0);
          });
          return {
            ...renew(context, facts.units, dormant),
            keeps: { activity: mul(kept("activity"), 0), steps: mul(kept("steps"), 0) },
          };
        },
      },
    ],
  };
}
