/** Strategies by the names and options that checkpoints keep. */
import { fail } from "../errors.ts";
import { fecam } from "./fecam.ts";
import { kalman } from "./kalman.ts";
import { knn } from "./knn.ts";
import { lda } from "./lda.ts";
import { ncm } from "./ncm.ts";
import { ranpac } from "./ranpac.ts";
import { type ReplayOptions, replay } from "./replay.ts";
import { ridge } from "./ridge.ts";
import { slda } from "./slda.ts";
import type { Strategy } from "./strategy.ts";

/** Returns the strategy of a name and config. @throws E_UNSUPPORTED */
export function strategyFrom(name: string, config: Readonly<Record<string, unknown>>): Strategy {
  if (name === "replay") return replay(config as unknown as ReplayOptions);
  if (name === "ncm") return ncm(config);
  if (name === "slda") return slda(config);
  if (name === "lda") return lda(config);
  if (name === "fecam") return fecam(config);
  if (name === "ranpac") return ranpac(config);
  if (name === "ridge") return ridge(config);
  if (name === "kalman") return kalman(config);
  if (name === "knn") return knn(config);
  return fail("E_UNSUPPORTED", `strategies: no strategy called "${name}"; expected replay`, {
    hint: "Pass strategies of your own when opening a checkpoint.",
  });
}
