import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, detach, huge, max, mul, reshape, select, sub } from "../program/tensor.ts";
import type { ProgramContext, Strategy } from "./strategy.ts";

/** Options of {@link mer}. */
export interface MerOptions {
  /** Batches of a step, s. Default 5. */
  readonly batches?: number;
  /** Rows of each, k: all but the last from memory, the last what arrives. Default 10. */
  readonly batchSize?: number;
  /** Rate of the steps on single rows. Default 0.03. */
  readonly learningRate?: number;
  /** How much of the way within a batch stays, β. Default 0.1. */
  readonly beta?: number;
  /** How much of the way across batches stays, γ. Default 1. */
  readonly gamma?: number;
}

/** Above all that is not huge. */
const HUGE = 2 ** 100;

/**
 * Returns meta-experience replay: a step goes through `batches` batches, each of plain SGD steps on single rows of memory and last on what arrives,
 * θ ← θ_W + β(θ − θ_W) after each, θ ← θ_A + γ(θ − θ_A) after all. It takes the place of the optimizer's step, which changes nothing; the loss told is
 * that before it. What arrives counts as one example, by its mean: batches of one row are the published algorithm. Rows pass as in prediction.
 * @throws E_CONFIG
 * @see Riemer et al. 2019, arXiv 1810.11910, "Learning to learn without forgetting by maximizing transfer and minimizing interference", algorithm 6
 */
export function mer(options: MerOptions = {}): Strategy {
  const where = "strategies.mer";
  checkKeys(where, options, ["batches", "batchSize", "learningRate", "beta", "gamma"]);
  const batches = checkNumber(where, "batches", options.batches ?? 5, { min: 1, max: 2 ** 16, integer: true });
  const size = checkNumber(where, "batchSize", options.batchSize ?? 10, { min: 1, max: 2 ** 16, integer: true });
  const learningRate = checkNumber(where, "learningRate", options.learningRate ?? 0.03, { min: 0 });
  const beta = checkNumber(where, "beta", options.beta ?? 0.1, { min: 0, max: 1 });
  const gamma = checkNumber(where, "gamma", options.gamma ?? 1, { min: 0, max: 1 });
  return {
    name: "mer",
    config: { batches, batchSize: size, learningRate, beta, gamma },
    needsMemory: true,
    needs: { passes: { forward: batches * size, backward: batches * size } },
    hyper: { learningRate, beta, gamma },
    draws: [{ draw: "uniform" }],
    keeps: () => ({
      here: { shape: "parameters", lasts: false },
      within: { shape: "parameters", lasts: false },
    }),
    programs: {
      begin: { build: ({ vector }) => ({ keeps: { here: mul(vector, 1), within: mul(vector, 1) } }) },
      row: { groups: [{ name: "row", size: 1 }], build: (context) => ({ keeps: { here: stepped(context, "row") } }) },
      last: {
        arrival: true,
        build(context) {
          const { kept, hyper } = context;
          const here = add(kept("within"), mul(hyper("beta"), sub(stepped(context, "arrival"), kept("within"))));
          return { keeps: { here, within: here } };
        },
      },
    },
    draw: {
      groups: [],
      async select({ memory, run }) {
        if (run === undefined) return {};
        await run("begin");
        for (let batch = 0; batch < batches; batch++) {
          for (const slot of memory?.draw(size - 1).slots ?? []) await run("row", { rows: { row: { slots: [slot] } } });
          await run("last");
        }
        return {};
      },
    },
    owns: ["arrival"],
    space: { trains: ({ graph, vector }) => graph.constant(0, vector.shape, "u32") },
    // A way that ended at no number is a step that is skipped.
    terms: ({ mean, rowLoss, kept }) => [
      { tag: "task", value: detach(add(mean(rowLoss, "arrival"), select(reshape(max(huge(kept("here"))), []), HUGE, 0))) },
    ],
    edits: [{ order: -10, apply: ({ vector, kept, hyper }) => ({ params: add(vector, mul(hyper("gamma"), sub(kept("here"), vector))) }) }],
  };
}

/** Returns where a plain step on the mean loss of a group leads from where the way stands. */
function stepped({ kept, forward, labels, lossOf, mean, gradientOf, hyper }: ProgramContext, group: string): Tensor {
  const here = kept("here");
  const loss = mean(lossOf(forward({ vector: here }).logits, labels), group);
  return sub(here, mul(hyper("learningRate"), gradientOf(loss, here)));
}
