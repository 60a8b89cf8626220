/** Programs and plans as text, for people and for tests that hold them to what they were. */
import type { Graph, Tensor } from "./graph.ts";
import type { Access, Body, Instruction, Kernel, Operand, Plan } from "./plan.ts";
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

/** Returns one paragraph per kernel of a plan: what it runs over, its body and where its values go. */
export function printPlan(plan: Plan): string {
  const slots = [...plan.inputs.map((slot) => ({ ...slot, kind: "input" })), ...plan.outputs.map((slot) => ({ ...slot, kind: "output" }))];
  const lines = slots.map((slot) => `${slot.kind} ${slot.name}: ${slot.dtype}[${slot.shape}] io@${slot.byteOffset}`);
  for (const kernel of plan.kernels) lines.push("", ...printKernel(kernel));
  return lines.join("\n");
}

function printKernel(kernel: Kernel): string[] {
  if (kernel.family === "optimizer") {
    const parts = [...Object.entries(kernel.tensors), ...Object.entries(kernel.scalars)].map(
      ([name, access]) => `  ${name} = ${printAccess(access)}`,
    );
    return [`${kernel.name} "${kernel.label}" over [${kernel.count}]`, ...parts];
  }
  const body = printBody(kernel);
  if (kernel.family === "scatter")
    return [`${kernel.mode} "${kernel.label}" over [${kernel.dims}]`, ...body, `  ${printAccess(kernel.target)} = v${kernel.value}`];
  const stores = kernel.outputs.map((o) => `  ${printAccess(o.access)} = ${"op" in o ? `${o.op} ` : ""}v${o.value}`);
  if (kernel.family === "map") return [`map "${kernel.label}" over [${kernel.dims}]`, ...body, ...stores];
  if (kernel.family === "reduce") {
    return [`reduce "${kernel.label}" over [${kernel.dims.slice(0, kernel.kept)} | ${kernel.dims.slice(kernel.kept)}]`, ...body, ...stores];
  }
  const sums = kernel.sums === undefined ? [] : [`  ${printAccess(kernel.sums)} = column sums of b`];
  const operands = [`  a = ${printOperand(kernel.a)}`, `  b = ${printOperand(kernel.b)}`, ...sums];
  return [`matmul "${kernel.label}" over [${kernel.dims}] k ${kernel.k}`, ...operands, ...body, ...stores];
}

function printBody(body: Body): string[] {
  return body.instructions.map((instruction, i) => `  v${i} = ${printInstruction(instruction, body)}`);
}

function printInstruction(i: Instruction, body: Body): string {
  switch (i.op) {
    case "load":
      return printAccess(body.accesses[i.access] as Access);
    case "const":
      return `${i.value}${i.dtype === "u32" ? "u" : ""}`;
    case "iota":
      return `iota +${i.offset} (${i.strides})`;
    case "random":
      return `random io@${i.words * 4} +${i.offset} (${i.strides})`;
    case "product":
      return "product";
    default:
      return `${i.name} ${i.args.map((arg) => `v${arg}`).join(" ")}`;
  }
}

function printOperand(operand: Operand): string {
  return `${printAccess(operand)}${operand.parts === undefined ? "" : ` over [${operand.parts.map((dims) => dims.join("·")).join(", ")}]`}`;
}

function printAccess(access: Access): string {
  const gather =
    access.gather === undefined ? "" : ` row ${printAccess(access.gather.index)} of ${access.gather.size} by ${access.gather.stride}`;
  const bounds = (access.bounds ?? []).map((bound) => ` within ${bound.size}: ${bound.offset} (${bound.strides})`).join("");
  return `${access.arena}.${access.storage}@${access.offset} (${access.strides})${gather}${bounds}`;
}
