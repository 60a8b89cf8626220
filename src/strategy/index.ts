/** Methods of continual learning. */

export type { Linear } from "../wasm/linear.ts";
export type {
  Detector,
  Facts,
  HostFold,
  HostHead,
  HostServices,
  Numbers,
  NumbersSpec,
  RowFact,
  Seen,
  Signal,
} from "./host.ts";
export { type ReplayOptions, replay } from "./replay.ts";
export type { Drawn, HostContext, RowGroup, Strategy, Term, TermContext } from "./strategy.ts";
