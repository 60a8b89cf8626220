/** How rows that memory takes are kept, as operations. */
import type { Graph } from "../program/graph.ts";
import type { Plan } from "../program/plan.ts";
import { compileProgram } from "../program/trace.ts";
import { type Column, columnWords } from "../state/arena.ts";
import type { StateLayout } from "./ranges.ts";

/** Returns the plan that keeps the rows memory takes, for a memory that must see what the step measured of them. */
export function keepPlan(layout: StateLayout): Plan {
  return compileProgram((graph) => recordKept(graph, layout, layout.columns));
}

/** Records that rows of the batch go to the slots that inputs `keep/0`, `keep/1` … name, store by store. */
export function recordKept(graph: Graph, layout: StateLayout, columns: readonly Column[]): void {
  const keeps = layout.capacities.map((_, store) => graph.input(`keep/${store}`, [layout.staging], "u32"));
  for (const column of columns) {
    const [target, value] = [columnWords(graph, column, "stored"), columnWords(graph, column, "staged")];
    for (const index of keeps) graph.effects.push({ kind: "put", target, index, value });
  }
}
