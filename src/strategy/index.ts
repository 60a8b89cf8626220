/** Methods of continual learning. */
export { type ReplayOptions, replay } from "./replay.ts";
export type { Drawn, HostContext, RowGroup, Strategy, Term, TermContext } from "./strategy.ts";
