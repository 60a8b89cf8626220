/** A classifier of more capacity, with what it has learned. */
import type { Config } from "./config.ts";
import type { Engine } from "./engine.ts";
import { growConfig } from "./saved.ts";
import { restoreState, takeState } from "./snapshot.ts";
import type { SavedState } from "./state.ts";

/** Returns an engine's options with a classifier of more capacity, and its state as they have it. @throws as {@link growConfig} */
export async function grown(engine: Engine, capacity: number): Promise<{ config: Config; saved: SavedState }> {
  const config = growConfig(engine.config, capacity);
  return { config, saved: restoreState(await takeState(engine), config, "grow") };
}
