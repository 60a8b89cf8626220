/** Which kernels only look for huge numbers, so that one pass over memory does for them. */
import type { Access, Instruction, ReduceKernel } from "../../program/plan.ts";

/** Returns the arrays that a kernel does nothing but search for huge numbers, each with a stride of 1 or 0; undefined for any other kernel. */
export function searched({ dims, kept, accesses, instructions, outputs }: ReduceKernel): Access[] | undefined {
  const [output, ...others] = outputs;
  if (kept !== 0 || dims.length !== 1 || output?.op !== "max" || others.length > 0) return undefined;
  const found: Access[] = [];
  // The largest of several truths is any of them.
  const isSearch = (value: number): boolean => {
    const instruction = instructions[value] as Instruction;
    if (instruction.op !== "apply") return false;
    if (instruction.name === "max") return instruction.args.every(isSearch);
    const source = instructions[instruction.args[0] as number] as Instruction;
    const access = source.op === "load" ? (accesses[source.access] as Access) : undefined;
    if (instruction.name !== "huge" || access === undefined || access.bounds !== undefined || access.gather !== undefined) return false;
    found.push(access);
    return access.strides[0] === 0 || access.strides[0] === 1;
  };
  return isSearch(output.value) ? found : undefined;
}
