import { checkKeys, checkNumber } from "../errors.ts";
import { checkDraw, type DrawPolicy } from "../memory/draw.ts";
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
}

/**
 * Returns experience replay: each step also learns up to `batchSize` rows drawn from memory; the loss is the mean over all rows together. A
 * row is never replayed in the step that stores it.
 * @throws E_CONFIG
 * @see Chaudhry et al. 2019, arXiv 1902.10486, "On tiny episodic memories in continual learning"
 */
export function replay(options: ReplayOptions): Strategy {
  checkKeys("strategies.replay", options, ["batchSize", "draw"]);
  const size = checkNumber("strategies.replay", "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  const draw = checkDraw("strategies.replay: draw", options.draw ?? { draw: "uniform" });
  return {
    name: "replay",
    config: { batchSize: size, draw },
    needsMemory: true,
    draws: [draw],
    draw: {
      groups: [{ name: "replay", size }],
      select: ({ memory }) => ({ replay: memory === undefined ? { slots: [] } : memory.draw(size, draw) }),
    },
  };
}
