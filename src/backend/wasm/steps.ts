/**
 * Steps: the operations of a body as passes over a block. A pass over memory costs as much as its arithmetic, so operations that often
 * follow each other run as one, each rounded as on its own: AdamW's recipe of 20 operations takes 4 passes.
 */
import { ops } from "../../program/ops.ts";
import type { Instruction } from "../../program/plan.ts";

/** One pass: a case of `assembly/map.ts`, `fused.ts` or `uniform.ts`. */
export interface Step {
  /** The position of the value it computes. */
  readonly value: number;
  readonly code: number;
  readonly args: readonly number[];
}

/** An argument of a pass: the n-th, the n-th where it is one value for all points, or the constant 0. */
export type Leaf = number | `one ${number}` | "zero";

/** An operation, or a pass of an earlier row, of trees and arguments. */
export type Tree = readonly [name: string, ...parts: (Tree | Leaf)[]];

/**
 * The passes of several operations: their codes in `assembly/fused.ts` and, from 80, `assembly/uniform.ts`, and what they are. A row is tried
 * wherever those above it left its operations.
 */
export const passes: readonly (readonly [name: string, code: number, tree: Tree])[] = [
  ["mulMulAdd", 64, ["add", ["mul", 0, 1], ["mul", 2, 3]]],
  ["settle", 83, ["select", ["less", ["abs", 0], "one 1"], "zero", 0]],
  ["meanSquare", 81, ["settle", ["mulMulAdd", "one 0", 1, "one 2", ["mul", 3, 3]], 4]],
  ["mean", 80, ["settle", ["mulMulAdd", "one 0", 1, "one 2", 3], 4]],
  ["descend", 82, ["sub", ["mul", 0, "one 1"], ["div", ["mul", "one 2", 3], 4]]],
  ["mulMulSub", 65, ["sub", ["mul", 0, 1], ["mul", 2, 3]]],
  ["rootMulAdd", 78, ["add", ["mul", ["sqrt", 0], 1], 2]],
  ["affine", 84, ["add", ["mul", 0, "one 1"], "one 2"]],
  ["scaleAdd", 85, ["add", ["mul", 0, "one 1"], 2]],
  ["scaleSub", 86, ["sub", ["mul", 0, "one 1"], 2]],
  ["mulAdd", 66, ["add", ["mul", 0, 1], 2]],
  ["mulSub", 67, ["sub", ["mul", 0, 1], 2]],
  ["subMul", 68, ["sub", 0, ["mul", 1, 2]]],
  ["mulDiv", 70, ["div", ["mul", 0, 1], 2]],
  ["addMul", 72, ["mul", ["add", 0, 1], 2]],
  ["subTimes", 73, ["mul", ["sub", 0, 1], 2]],
  ["mulMul", 69, ["mul", ["mul", 0, 1], 2]],
  ["addAdd", 71, ["add", ["add", 0, 1], 2]],
  ["lessSelect", 74, ["select", ["less", 0, 1], 2, 3]],
  ["equalSelect", 75, ["select", ["equal", 0, 1], 2, 3]],
  ["lessF32", 76, ["toF32", ["less", 0, 1]]],
  ["equalF32", 77, ["toF32", ["equal", 0, 1]]],
  ["scale", 87, ["mul", 0, "one 1"]],
  ["shift", 88, ["add", 0, "one 1"]],
  ["masked", 89, ["and", 0, "one 1"]],
];

const codes: ReadonlyMap<string, number> = new Map(passes.map(([name, code]) => [name, code]));
const COMMUTES: ReadonlySet<string> = new Set(["add", "mul", "and"]);
/** The operations above that take u32; the others are those of f32. */
const OF_U32: ReadonlySet<string> = new Set(["toF32", "and"]);

interface Named {
  readonly value: number;
  readonly name: string;
  readonly args: readonly number[];
  readonly isU32: boolean;
}

/** What passes are made from. */
export interface Source {
  readonly instructions: readonly Instruction[];
  /** The values that leave the body. */
  readonly kept: ReadonlySet<number>;
  /** The values of which one stands for all points of a block. */
  readonly uniform: ReadonlySet<number>;
  /** The values that are the same in all blocks. */
  readonly steady: ReadonlySet<number>;
}

/** Returns the passes of a body in order. */
export function stepsOf(source: Source): Step[] {
  const { instructions, kept, uniform, steady } = source;
  const steps = new Map<number, Named>();
  for (const [value, instruction] of instructions.entries()) {
    if (instruction.op !== "apply") continue;
    const { name, args } = instruction;
    steps.set(value, { value, name, args, isU32: instructions[args.at(-1) as number]?.dtype === "u32" });
  }
  const names = new Set([...steps.values()].map((step) => step.name));
  for (const [name, , tree] of passes) {
    if (!names.has(tree[0])) continue;
    const roots = [...steps.values()].filter((step) => step.name === tree[0]).reverse();
    const uses = countUses(steps.values());
    for (const { value } of roots) {
      if (!steps.has(value)) continue;
      // What is computed once for all points or blocks stays apart from what is not.
      const isInner = (inner: number): boolean =>
        uses.get(inner) === 1 && !kept.has(inner) && uniform.has(inner) === uniform.has(value) && steady.has(inner) === steady.has(value);
      const found = match(tree, value, { args: [], inner: [] }, steps, isInner, source);
      if (found === undefined) continue;
      for (const inner of found.inner) steps.delete(inner);
      names.add(name);
      steps.set(value, { value, name, args: found.args as number[], isU32: false });
    }
  }
  return [...steps.values()].map(({ value, name, args, isU32 }) => {
    const code = codes.get(name) ?? (ops[name]?.code as number) + (isU32 ? 32 : 0);
    return { value, code, args };
  });
}

function countUses(steps: Iterable<Named>): Map<number, number> {
  const uses = new Map<number, number>();
  for (const { args } of steps) for (const arg of args) uses.set(arg, (uses.get(arg) ?? 0) + 1);
  return uses;
}

/** What a tree has met so far: the arguments of its pass, and the operations that become part of it. */
interface Found {
  readonly args: readonly (number | undefined)[];
  readonly inner: readonly number[];
}

/** Returns what a tree finds with a value at its root. */
function match(
  [name, ...parts]: Tree,
  value: number,
  found: Found,
  steps: ReadonlyMap<number, Named>,
  isInner: (value: number) => boolean,
  source: Source,
): Found | undefined {
  const step = steps.get(value);
  if (step === undefined || step.name !== name || (step.isU32 && !OF_U32.has(name))) return undefined;
  const orders = COMMUTES.has(name) ? [step.args, step.args.toReversed()] : [step.args];
  for (const args of orders) {
    let state: Found | undefined = found;
    for (const [i, part] of parts.entries()) {
      const arg = args[i] as number;
      if (state === undefined) break;
      if (typeof part !== "object") state = bind(part, arg, state, source);
      else state = isInner(arg) ? match(part, arg, { ...state, inner: [...state.inner, arg] }, steps, isInner, source) : undefined;
    }
    if (state !== undefined) return state;
  }
  return undefined;
}

/** Returns what is found with an argument at a leaf. */
function bind(leaf: Leaf, arg: number, found: Found, { instructions, uniform }: Source): Found | undefined {
  if (leaf === "zero") {
    const instruction = instructions[arg];
    return instruction?.op === "const" && Object.is(instruction.value, 0) ? found : undefined;
  }
  if (typeof leaf === "string" && !uniform.has(arg)) return undefined;
  const position = Number(String(leaf).replace("one ", ""));
  if ((found.args[position] ?? arg) !== arg) return undefined;
  const args = [...found.args];
  args[position] = arg;
  return { ...found, args };
}
