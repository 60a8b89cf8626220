/** Steps: the operations of a body as passes over a block. */
import { ops } from "../../program/ops.ts";
import type { Instruction } from "../../program/plan.ts";
import type { Result } from "./body.ts";

/** One pass: a case of `assembly/map.ts`. */
export interface Step {
  /** The position of the value it computes. */
  readonly value: number;
  readonly code: number;
  readonly args: readonly number[];
}

/** Returns the passes of a body in order. */
export function stepsOf(instructions: readonly Instruction[], results: readonly Result[]): Step[] {
  return instructions.flatMap((instruction, value): Step[] => {
    if (instruction.op !== "apply") return [];
    const u32 = instructions[instruction.args.at(-1) as number]?.dtype === "u32";
    return [{ value, code: (ops[instruction.name]?.code as number) + (u32 ? 32 : 0), args: instruction.args }];
  });
}
