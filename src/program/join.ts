/** Two plans as one, so that what comes after a program's effects runs with them in one submit. */
import type { Access, Body, Kernel, Plan, Slot } from "./plan.ts";

/**
 * Returns the plan that runs `first` and then `second`, which sees what the first one did to the state; what `second` changes stays as it is where
 * `first` answers an output `unless` that is not 0. Inputs of one name are to be given the same values.
 */
export function join(first: Plan, second: Plan, unless: string): Plan {
  const shift = first.bytes.io;
  const moved = (slot: Slot): Slot => ({ ...slot, byteOffset: slot.byteOffset + shift });
  const { byteOffset } = first.outputs.find(({ name }) => name === unless) as Slot;
  const condition: Access = { arena: "io", storage: "u32", offset: byteOffset / 4, strides: [] };
  const kernels = second.kernels.map((kernel) => {
    const shifted = shiftKernel(kernel, shift / 4);
    return changesState(kernel) ? { ...shifted, unless: condition } : shifted;
  });
  const most = (arena: "state" | "rows" | "work"): number => Math.max(first.bytes[arena], second.bytes[arena]);
  return {
    kernels: [...first.kernels, ...kernels],
    bytes: { state: most("state"), rows: most("rows"), work: most("work"), io: shift + second.bytes.io },
    inputs: [...first.inputs, ...second.inputs.map(moved)],
    outputs: [...first.outputs, ...second.outputs.map(moved)],
  };
}

function changesState(kernel: Kernel): boolean {
  if (kernel.family === "optimizer") return true;
  if (kernel.family === "scatter") return kernel.target.arena === "state" || kernel.target.arena === "rows";
  return kernel.outputs.some(({ access: { arena } }) => arena === "state" || arena === "rows");
}

/** Returns a kernel whose words of `io` lie further on. */
function shiftKernel(kernel: Kernel, words: number): Kernel {
  const at = <T extends Access>(access: T): T => ({
    ...access,
    offset: access.offset + (access.arena === "io" ? words : 0),
    ...(access.gather && { gather: { ...access.gather, index: at(access.gather.index) } }),
  });
  if (kernel.family === "optimizer") {
    const all = (accesses: Readonly<Record<string, Access>>): Record<string, Access> =>
      Object.fromEntries(Object.entries(accesses).map(([name, access]) => [name, at(access)]));
    return { ...kernel, tensors: all(kernel.tensors), scalars: all(kernel.scalars) };
  }
  const body: Body = {
    accesses: kernel.accesses.map(at),
    instructions: kernel.instructions.map((one) => (one.op === "random" ? { ...one, words: one.words + words } : one)),
  };
  const outputs = <T extends { readonly access: Access }>(list: readonly T[]): T[] => list.map((o) => ({ ...o, access: at(o.access) }));
  switch (kernel.family) {
    case "map":
      return { ...kernel, ...body, outputs: outputs(kernel.outputs) };
    case "reduce":
      return { ...kernel, ...body, outputs: outputs(kernel.outputs) };
    case "scatter":
      return { ...kernel, ...body, target: at(kernel.target) };
    case "matmul": {
      const { a, b, sums } = kernel;
      return { ...kernel, ...body, a: at(a), b: at(b), ...(sums && { sums: at(sums) }), outputs: outputs(kernel.outputs) };
    }
  }
}
