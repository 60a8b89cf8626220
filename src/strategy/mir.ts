import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { mul, sub } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link mir}. */
export interface MirOptions {
  /** Rows that join each step. */
  readonly batchSize: number;
  /** Rows drawn from memory, of which those most interfered with join. Default 50. */
  readonly candidates?: number;
  /** Rate of the step that is tried. Default 0.05. */
  readonly learningRate?: number;
}

/**
 * Returns maximally interfered retrieval: of the rows drawn, those join the step whose loss would rise most by a plain SGD step on the arriving rows
 * alone, which is tried and not made.
 * @throws E_CONFIG
 * @see Aljundi et al. 2019, arXiv 1908.04742, "Online continual learning with maximally interfered retrieval"
 */
export function mir(options: MirOptions): Strategy {
  const where = "strategies.mir";
  checkKeys(where, options, ["batchSize", "candidates", "learningRate"]);
  const size = checkNumber(where, "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  const candidates = checkNumber(where, "candidates", options.candidates ?? 50, { min: size, max: 2 ** 20, integer: true });
  const learningRate = checkNumber(where, "learningRate", options.learningRate ?? 0.05, { min: 0 });
  return {
    name: "mir",
    config: { batchSize: size, candidates, learningRate },
    needsMemory: true,
    needs: { passes: { forward: 1, backward: 1 }, forwardRows: 2 * candidates },
    hyper: { learningRate },
    draws: [{ draw: "uniform" }],
    programs: {
      interference: {
        arrival: true,
        groups: [{ name: "candidates", size: candidates, apart: true }],
        build({ vector, rowLoss, mean, apart, gradientOf, hyper }) {
          const tried = sub(vector, mul(hyper("learningRate"), gradientOf(mean(rowLoss, "arrival"))));
          const { x, labels, forward, lossOf } = apart("candidates");
          const [before, after] = [forward({ x }), forward({ x, vector: tried })].map(({ logits }) => lossOf(logits, labels));
          return { outputs: { rise: sub(after as Tensor, before as Tensor) } };
        },
      },
    },
    draw: {
      groups: [{ name: "mir", size }],
      async select({ memory, run }) {
        if (memory === undefined || memory.stored === 0 || run === undefined) return { mir: { slots: [] } };
        const { slots, generations } = memory.draw(candidates);
        const { rise } = await run("interference", { rows: { candidates: { slots } } });
        const order = [...slots.keys()].sort((a, b) => (rise?.[b] as number) - (rise?.[a] as number) || a - b).slice(0, size);
        return {
          mir: {
            slots: order.map((i) => slots[i] as number),
            ...(generations && { generations: order.map((i) => generations[i] as number) }),
          },
        };
      },
    },
  };
}
