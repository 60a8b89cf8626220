/** What a backend can compute. */
import { fail } from "../errors.ts";
import { ops } from "../program/ops.ts";
import type { Plan } from "../program/plan.ts";
import type { Machine } from "./machine.ts";

/** Fails where a plan needs an operation of the table that a backend lacks. @throws E_UNSUPPORTED naming operation and backend */
export function checkOperations(plan: Plan, backend: Machine["backend"]): void {
  const part = backend === "wasm" ? "code" : "wgsl";
  for (const kernel of plan.kernels) {
    if (kernel.family === "optimizer") continue;
    for (const instruction of kernel.instructions) {
      if (instruction.op !== "apply" || ops[instruction.name]?.[part] !== undefined) continue;
      fail("E_UNSUPPORTED", `${backend}: this backend lacks an operation; expected operations that it has, got ${instruction.name}`, {
        hint: "Use the other backend, or compose the operation of others.",
        context: { backend, operation: instruction.name, kernel: kernel.label },
      });
    }
  }
}
