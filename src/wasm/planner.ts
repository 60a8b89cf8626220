import { type Desk, deskOf } from "./desk.ts";

/** The functions of the planners' module; addresses are bytes, numbers in memory f64. See the headers in `assembly/`. */
export interface PlannerKernels {
  heapBase(): number;
  bound(rates: number, norms: number, n: number, distance: number, out: number): void;
  refine(norms: number, n: number, width: number, power: number, floor: number, sorted: number, out: number): void;
  trace(law: number, rates: number, n: number, decay: number, states: number, changes: number, begin: number): number;
  fitScratch(): number;
  fit(
    law: number,
    states: number,
    changes: number,
    count: number,
    places: number,
    losses: number,
    n: number,
    delta: number,
    best: number,
    scratch: number,
  ): number;
  curve(law: number, states: number, n: number, changes: number, count: number, p: number, scratch: number, out: number): void;
  forecast(losses: number, n: number, end: number, validation: number, scratch: number, out: number): void;
  geometric(least: number, most: number, n: number, out: number): void;
}

/** The planners' module. */
export type Planner = Desk<PlannerKernels>;

/**
 * Returns the planners' module, loaded once.
 * @throws E_NO_BACKEND where WebAssembly is forbidden by the page's policy
 */
export const openPlanner: () => Promise<Planner> = deskOf<PlannerKernels>("the planners", () => import("./planner.generated.ts"));
