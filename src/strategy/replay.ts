import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { checkDraw, type DrawPolicy } from "../memory/draw.ts";
import { mul } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link replay}. */
export interface ReplayOptions {
  /** Rows drawn from memory in each step. */
  readonly batchSize: number;
  /**
   * Which rows are drawn, see `draws`. Default: uniformly, without replacement. Weights that come with a draw multiply those of the mean. Draws by
   * score go by the losses of rows; an adaptive one is told every tenth step how many units of `nn.relu` are active: without such it stays low.
   */
  readonly draw?: DrawPolicy;
  /**
   * What the loss is: `joint` (default), the mean over all rows together, so that new rows count b/(b + m); or `separate`, the mean over new rows
   * plus `weight` times the mean over drawn ones.
   */
  readonly mean?: "joint" | "separate";
  /** Weight of the mean over drawn rows where it is a separate one. Default 1. */
  readonly weight?: number;
}

/**
 * Returns experience replay: each step also learns up to `batchSize` rows drawn from memory. A row is never replayed in the step that stores it.
 * @throws E_CONFIG
 * @see Chaudhry et al. 2019, arXiv 1902.10486, "On tiny episodic memories in continual learning"
 */
export function replay(options: ReplayOptions): Strategy {
  const where = "strategies.replay";
  checkKeys(where, options, ["batchSize", "draw", "mean", "weight"]);
  const size = checkNumber(where, "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  const draw = checkDraw(`${where}: draw`, options.draw ?? { draw: "uniform" });
  const mean = checkChoice(where, "mean", options.mean ?? "joint", ["joint", "separate"]);
  const weight = checkNumber(where, "weight", options.weight ?? 1, { min: 0 });
  const plain: Strategy = {
    name: "replay",
    config: { batchSize: size, draw },
    needsMemory: true,
    draws: [draw],
    draw: {
      groups: [{ name: "replay", size }],
      select: ({ memory }) => ({ replay: memory === undefined ? { slots: [] } : memory.draw(size, draw) }),
    },
  };
  if (mean === "joint") return plain;
  return {
    ...plain,
    config: { ...plain.config, mean, weight },
    owns: ["replay"],
    hyper: { weight },
    terms: ({ mean: meanOf, rowLoss, hyper }) => [{ tag: "replay", value: mul(hyper("weight"), meanOf(rowLoss, "replay")) }],
  };
}
