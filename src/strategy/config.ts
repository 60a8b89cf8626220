/** Strategies by the names and options that checkpoints keep. */
import { fail } from "../errors.ts";
import { type ReplayOptions, replay } from "./replay.ts";
import type { Strategy } from "./strategy.ts";

/** Returns the strategy of a name and config. @throws E_UNSUPPORTED */
export function strategyFrom(name: string, config: Readonly<Record<string, unknown>>): Strategy {
  if (name === "replay") return replay(config as unknown as ReplayOptions);
  return fail("E_UNSUPPORTED", `strategies: no strategy called "${name}"; expected replay`, {
    hint: "Pass strategies of your own when opening a checkpoint.",
  });
}
