/** Squeezing: kernels run over as few dims as their walks allow. */
import type { Access, Body, Instruction, Kernel } from "./plan.ts";

/** Something that walks the dims of a kernel. */
type Walk = { readonly strides: readonly number[] };

/** Returns the kernel over fewer dims (of length 1 dropped, neighbours walked as one merged), or undefined when it has no points. */
export function collapse(kernel: Kernel): Kernel | undefined {
  if (kernel.family === "optimizer") return kernel.count === 0 ? undefined : kernel;
  if (kernel.family === "matmul") return kernel.dims.includes(0) ? undefined : kernel;
  const kept = kernel.family === "reduce" ? kernel.kept : kernel.dims.length;
  const sums = kernel.family === "scatter" && kernel.mode === "add";
  if (kernel.dims.slice(0, kept).includes(0) && !sums) return undefined;
  const walks = walksOf(kernel, kernel.family === "scatter" ? [kernel.target] : kernel.outputs.map((output) => output.access));

  // Each group of old dims becomes one new dim; its stride is that of its last member.
  const groups: { last: number; size: number; reduced: boolean }[] = [];
  for (const [d, size] of kernel.dims.entries()) {
    if (size === 1) continue;
    const reduced = d >= kept;
    const group = groups.at(-1);
    const joins =
      group !== undefined && group.reduced === reduced && walks.every((w) => w.strides[group.last] === (w.strides[d] as number) * size);
    if (joins) groups[groups.length - 1] = { last: d, size: group.size * size, reduced };
    else groups.push({ last: d, size, reduced });
  }
  const strides = (walk: Walk): number[] => groups.map((group) => walk.strides[group.last] as number);
  const access = (a: Access): Access => {
    const walked = {
      ...a,
      strides: strides(a),
      ...(a.bounds && { bounds: a.bounds.map((bound) => ({ ...bound, strides: strides(bound) })) }),
    };
    return a.gather === undefined ? walked : { ...walked, gather: { ...a.gather, index: access(a.gather.index) } };
  };
  const instruction = (i: Instruction): Instruction => (i.op === "iota" || i.op === "random" ? { ...i, strides: strides(i) } : i);
  const body: Body = { accesses: kernel.accesses.map(access), instructions: kernel.instructions.map(instruction) };
  const dims = groups.map((group) => group.size);
  if (kernel.family === "scatter") return { ...kernel, ...body, dims, target: access(kernel.target) };
  if (kernel.family === "map")
    return { ...kernel, ...body, dims, outputs: kernel.outputs.map((o) => ({ ...o, access: access(o.access) })) };
  const outputs = kernel.outputs.map((o) => ({ ...o, access: access(o.access) }));
  return { ...kernel, ...body, dims, kept: groups.filter((group) => !group.reduced).length, outputs };
}

function walksOf(body: Body, outputs: readonly Access[]): Walk[] {
  const accesses = [...body.accesses, ...outputs].flatMap((a): Walk[] => [
    a,
    ...(a.gather === undefined ? [] : [a.gather.index]),
    ...(a.bounds ?? []),
  ]);
  return [...accesses, ...body.instructions.filter((i) => i.op === "iota" || i.op === "random")];
}
