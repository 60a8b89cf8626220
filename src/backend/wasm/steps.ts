/**
 * Steps: the operations of a body as passes over a block. A pass over memory costs as much as its arithmetic, so operations that often
 * follow each other run as one, each rounded as on its own: AdamW's recipe of 20 operations takes 7 passes.
 */
import { ops } from "../../program/ops.ts";
import type { Instruction } from "../../program/plan.ts";

/** One pass: a case of `assembly/map.ts` or `assembly/fused.ts`. */
export interface Step {
  /** The position of the value it computes. */
  readonly value: number;
  readonly code: number;
  readonly args: readonly number[];
}

/** An operation, or a pass of an earlier row, of arguments: a tree, the n-th argument of the pass, or the constant 0. */
type Tree = readonly [name: string, ...args: (Tree | number | "zero")[]];

/** The passes of several f32 operations: their codes in `assembly/fused.ts`, and what they are. */
const fused: readonly (readonly [name: string, code: number, tree: Tree])[] = [
  ["mulMulAdd", 64, ["add", ["mul", 0, 1], ["mul", 2, 3]]],
  ["mulMulSub", 65, ["sub", ["mul", 0, 1], ["mul", 2, 3]]],
  ["rootMulAdd", 78, ["add", ["mul", ["sqrt", 0], 1], 2]],
  ["mulAdd", 66, ["add", ["mul", 0, 1], 2]],
  ["mulSub", 67, ["sub", ["mul", 0, 1], 2]],
  ["subMul", 68, ["sub", 0, ["mul", 1, 2]]],
  ["mulDiv", 70, ["div", ["mul", 0, 1], 2]],
  ["addMul", 72, ["mul", ["add", 0, 1], 2]],
  ["subMulBy", 73, ["mul", ["sub", 0, 1], 2]],
  ["mulMul", 69, ["mul", ["mul", 0, 1], 2]],
  ["addAdd", 71, ["add", ["add", 0, 1], 2]],
  ["settle", 79, ["select", ["less", ["abs", 0], 1], "zero", 0]],
  ["lessSelect", 74, ["select", ["less", 0, 1], 2, 3]],
  ["equalSelect", 75, ["select", ["equal", 0, 1], 2, 3]],
  ["lessF32", 76, ["toF32", ["less", 0, 1]]],
  ["equalF32", 77, ["toF32", ["equal", 0, 1]]],
  ["mean", 80, ["settle", ["mulMulAdd", 0, 1, 2, 3], 4]],
];

const codes: ReadonlyMap<string, number> = new Map(fused.map(([name, code]) => [name, code]));
const COMMUTES: ReadonlySet<string> = new Set(["add", "mul"]);

interface Named {
  readonly value: number;
  readonly name: string;
  readonly args: readonly number[];
  readonly isU32: boolean;
}

/**
 * Returns the passes of a body in order. `kept` says which values leave it, `isFixed` which are computed once for all points or blocks, and
 * so stay apart from those that are not.
 */
export function stepsOf(instructions: readonly Instruction[], kept: ReadonlySet<number>, isFixed: (value: number) => boolean): Step[] {
  const steps = new Map<number, Named>();
  for (const [value, { op, ...rest }] of instructions.entries()) {
    if (op !== "apply") continue;
    const { name, args } = rest as Extract<Instruction, { op: "apply" }>;
    steps.set(value, { value, name, args, isU32: instructions[args.at(-1) as number]?.dtype === "u32" });
  }
  const isZero = (value: number): boolean => {
    const instruction = instructions[value];
    return instruction?.op === "const" && instruction.value === 0 && !Object.is(instruction.value, -0);
  };
  for (const [name, , tree] of fused) {
    const uses = countUses(steps.values());
    for (const step of [...steps.values()].reverse()) {
      if (!steps.has(step.value)) continue;
      const isInner = (value: number): boolean => uses.get(value) === 1 && !kept.has(value) && isFixed(value) === isFixed(step.value);
      const found = match(tree, step.value, { args: [], inner: [] }, steps, isInner, isZero);
      if (found === undefined) continue;
      for (const value of found.inner) steps.delete(value);
      steps.set(step.value, { value: step.value, name, args: found.args as number[], isU32: false });
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
  isZero: (value: number) => boolean,
): Found | undefined {
  const step = steps.get(value);
  if (step === undefined || step.name !== name || (step.isU32 && name !== "toF32")) return undefined;
  const orders = COMMUTES.has(name) ? [step.args, step.args.toReversed()] : [step.args];
  for (const args of orders) {
    let state: Found | undefined = found;
    for (const [i, part] of parts.entries()) {
      const arg = args[i] as number;
      if (state === undefined) break;
      if (part === "zero") state = isZero(arg) ? state : undefined;
      else if (typeof part === "number")
        state = (state.args[part] ?? arg) === arg ? { ...state, args: withArg(state.args, part, arg) } : undefined;
      else if (!isInner(arg)) state = undefined;
      else state = match(part, arg, { ...state, inner: [...state.inner, arg] }, steps, isInner, isZero);
    }
    if (state !== undefined) return state;
  }
  return undefined;
}

function withArg(args: Found["args"], i: number, arg: number): Found["args"] {
  const bound = [...args];
  bound[i] = arg;
  return bound;
}
