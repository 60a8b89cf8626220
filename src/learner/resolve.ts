/** The options of a learner checked, with what its memory and optimizer need. */
import { hasKernel } from "../optim/step.ts";
import type { Strategy } from "../strategy/strategy.ts";
import { type Config, changed, checkOptions, type LearnerOptions } from "./config.ts";
import { layOutState } from "./layout.ts";
import { stepPlan } from "./programs.ts";

const PLAIN = new Set(["name", "config", "needsMemory", "draws", "store", "draw"]);

/** Whether a strategy does more than draw and store rows. */
const isHooked = (strategy: Strategy): boolean => Object.keys(strategy).some((key) => !PLAIN.has(key));

/** Returns the options checked; what a memory or a recipe needs is fetched only where there is one. @throws E_CONFIG E_SHAPE */
export async function resolveConfig(options: LearnerOptions): Promise<Config> {
  const plain = checkOptions(options);
  const checked = plain.strategies.some(isHooked) ? await (await import("./hooks.ts")).withHooks(plain) : plain;
  const { optimizer, update, weights } = checked;
  if (weights.size > 0) (await import("./given.ts")).checkWeights(weights, new Map([...checked.params, ...checked.states]));
  const config = update === "kernel" && hasKernel(optimizer) ? checked : changed(checked, { recipe: await import("../optim/recipe.ts") });
  if (options.memory === undefined) return config;
  const { strategies, targets } = config;
  const { planMemory } = await import("./needs.ts");
  const memory = planMemory(
    options.memory,
    strategies.flatMap(({ draws = [] }) => draws),
    {
      rowBytes: layOutState(config, 1).columns.reduce((sum, { rowBytes }) => sum + rowBytes, 0),
      oneClass: targets > 1,
      lengthOf(memory) {
        const measuring = changed(config, { memory });
        return stepPlan(measuring, layOutState(measuring, 1)).outputs.find(({ name }) => name === memory.embeds)?.shape[1] as number;
      },
    },
  );
  return changed(config, { memory });
}
