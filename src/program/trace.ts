import { fail } from "../errors.ts";
import { Graph } from "./graph.ts";
import { lower } from "./lower.ts";
import type { Plan } from "./plan.ts";
import { printGraph } from "./print.ts";

/**
 * Returns the graph that `build` records. It runs twice and must record the same both times: a traced function may not depend on
 * anything but its arguments.
 * @throws E_TRACE when the two traces differ
 */
export function trace(build: (graph: Graph) => void): Graph {
  const [first, second] = [new Graph(), new Graph()];
  build(first);
  build(second);
  const [a, b] = [printGraph(first).split("\n"), printGraph(second).split("\n")];
  const line = a.findIndex((text, i) => text !== b[i]);
  if (line >= 0 || a.length !== b.length) {
    fail(
      "E_TRACE",
      `program: two traces of the function differ; expected the same operations, got "${a[line]?.trim()}" and then "${b[line]?.trim()}"`,
      {
        hint: "Do not use random numbers, dates or outside counters in a traced function; use graph.random or an input.",
      },
    );
  }
  return first;
}

/** Returns the plan of the program that `build` records. @throws E_TRACE E_SHAPE E_UNSUPPORTED */
export function compileProgram(build: (graph: Graph) => void): Plan {
  return lower(trace(build));
}
