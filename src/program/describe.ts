/** Plans as text, for people and for tests that hold them to what they were. */
import type { Access, Body, Instruction, Kernel, Plan } from "./plan.ts";

/** Returns one paragraph per kernel of a plan: what it runs over, its body and where its values go. */
export function printPlan(plan: Plan): string {
  const slots = [...plan.inputs.map((slot) => ({ ...slot, kind: "input" })), ...plan.outputs.map((slot) => ({ ...slot, kind: "output" }))];
  const lines = slots.map((slot) => `${slot.kind} ${slot.name}: ${slot.dtype}[${slot.shape}] io@${slot.byteOffset}`);
  for (const kernel of plan.kernels) {
    const condition = "unless" in kernel ? [`  unless ${printAccess(kernel.unless)}`] : [];
    lines.push("", ...printKernel(kernel), ...condition);
  }
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
  const operands = [`  a = ${printAccess(kernel.a)}`, `  b = ${printAccess(kernel.b)}`, ...sums];
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

function printAccess(access: Access): string {
  const gather =
    access.gather === undefined ? "" : ` row ${printAccess(access.gather.index)} of ${access.gather.size} by ${access.gather.stride}`;
  const bounds = (access.bounds ?? []).map((bound) => ` within ${bound.size}: ${bound.offset} (${bound.strides})`).join("");
  return `${access.arena}.${access.storage}@${access.offset} (${access.strides})${gather}${bounds}`;
}
