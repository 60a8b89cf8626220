/** Traced programs as text, by which two traces are compared. */
import type { Graph, Tensor } from "./graph.ts";
import { reachable } from "./views.ts";

/** Returns one line per live node and effect of a graph. */
export function printGraph(graph: Graph): string {
  const names = new Map<Tensor, string>();
  const lines: string[] = [];
  const name = (tensor: Tensor): string => names.get(tensor) as string;
  for (const node of reachable(graph)) {
    names.set(node, `%${names.size}`);
    const attributes = Object.entries(node.attributes).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    lines.push(`${name(node)}: ${node.dtype}[${node.shape}] = ${[node.op, ...node.inputs.map(name), ...attributes].join(" ")}`);
  }
  for (const [output, value] of graph.outputs) lines.push(`output ${output} = ${name(value)}`);
  if (graph.unless !== undefined) lines.push(`effects unless ${name(graph.unless)}`);
  for (const effect of graph.effects) {
    if (effect.kind === "assign") lines.push(`assign ${effect.target.attributes.name} = ${name(effect.value)}`);
    else if (effect.kind === "put") lines.push(`put ${effect.target.attributes.name}[${name(effect.index)}] = ${name(effect.value)}`);
    else {
      const parts = [...Object.entries(effect.tensors), ...Object.entries(effect.scalars)].map(([key, value]) => `${key}=${name(value)}`);
      lines.push([effect.name, ...parts, ...Object.entries(effect.flags).map(([key, flag]) => `${key}=${flag}`)].join(" "));
    }
  }
  return lines.join("\n");
}
