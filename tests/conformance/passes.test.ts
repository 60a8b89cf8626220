import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Machine } from "../../src/backend/machine.ts";
import { openWasmMachine } from "../../src/backend/wasm/index.ts";
import { type Leaf, passes, stepsOf, type Tree } from "../../src/backend/wasm/steps.ts";
import { ops } from "../../src/program/ops.ts";
import type { Access, DType, Instruction, Plan } from "../../src/program/plan.ts";
import { RandomStream } from "../../src/random.ts";
import { openWasm } from "../../src/wasm/instance.ts";
import { checkScene, SceneBuilder } from "./scene.ts";

type Row = (typeof passes)[number];

/** Lengths of one block with a tail and of several blocks. */
const LENGTHS = [37, 1300];
const bits = new Uint32Array(1);
const number = new Float32Array(bits.buffer);

/** A body that is one pass: a load for each argument, then its operations. */
interface Made {
  readonly instructions: Instruction[];
  readonly uniform: Set<number>;
  readonly result: number;
}

function make(row: Row): Made {
  const instructions: Instruction[] = [];
  const uniform = new Set<number>();
  const leaves = new Map<number, number>();
  const inner = new Map(passes.map(([name, , tree]) => [name, tree]));
  const isU32 = row[0] === "masked";
  const leaf = (at: Leaf): number => {
    if (at === "zero") return instructions.push({ op: "const", value: 0, dtype: "f32" }) - 1;
    const position = Number(String(at).replace("one ", ""));
    const known = leaves.get(position);
    if (known !== undefined) return known;
    const value = instructions.push({ op: "load", access: leaves.size, dtype: isU32 ? "u32" : "f32" }) - 1;
    leaves.set(position, value);
    if (typeof at === "string") uniform.add(value);
    return value;
  };
  const grow = (tree: Tree, argument: (at: Leaf) => number): number => {
    const [name, ...parts] = tree;
    const args = parts.map((part) => (typeof part === "object" ? grow(part, argument) : argument(part)));
    const row = inner.get(name);
    // The arguments of a pass of an earlier row are what its tree has in their places.
    if (row !== undefined) return grow(row, (at) => (at === "zero" ? leaf(at) : claim(args[Number(String(at).replace("one ", ""))], at)));
    const dtype = ops[name]?.dtype(args.map((arg) => (instructions[arg] as Instruction).dtype)) as DType;
    return instructions.push({ op: "apply", name, args, dtype }) - 1;
  };
  const claim = (value: number | undefined, at: Leaf): number => {
    if (typeof at === "string") uniform.add(value as number);
    return value as number;
  };
  // Values must precede their uses in the order of arguments.
  for (const at of leavesOf(row[2])) leaf(at);
  return { instructions, uniform, result: grow(row[2], leaf) };
}

function leavesOf([, ...parts]: Tree): Leaf[] {
  return parts.flatMap((part) => (typeof part === "object" ? leavesOf(part) : part === "zero" ? [] : [part]));
}

/** What the operations give one by one, each rounded to its dtype. */
function model(instructions: readonly Instruction[], loaded: (access: number) => number): number {
  const values: number[] = [];
  for (const instruction of instructions) {
    if (instruction.op === "load") values.push(loaded(instruction.access));
    else if (instruction.op === "const") values.push(instruction.value);
    else if (instruction.op === "apply") {
      const dtype = instructions[instruction.args.at(-1) as number]?.dtype as DType;
      const value = ops[instruction.name]?.reference(
        instruction.args.map((arg) => values[arg] as number),
        dtype,
      ) as number;
      values.push(instruction.dtype === "f32" ? Math.fround(value) : value);
    }
  }
  return values.at(-1) as number;
}

const bitsOf = (value: number): number => {
  number[0] = value;
  return bits[0] as number;
};

describe("passes of several operations", () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = openWasmMachine(await openWasm(), { state: 1 << 16, rows: 1 << 20 });
  });
  afterAll(() => machine.close());

  for (const row of passes) {
    const [name, code] = row;
    const { instructions, uniform, result } = make(row);
    it(`${name} is one pass`, () => {
      const steps = stepsOf({ instructions, kept: new Set([result]), uniform, steady: new Set() });
      expect(steps.map((step) => step.code)).toEqual([code]);
    });
    for (const length of LENGTHS) {
      it(`${name} of ${length} has the bits of its operations one by one`, async () => {
        const random = new RandomStream(code, name);
        const loads = instructions.flatMap((instruction, value) => (instruction.op === "load" ? [{ instruction, value }] : []));
        const isU32 = loads[0]?.instruction.dtype === "u32";
        const draw = (): number => {
          if (isU32) return random.u32();
          // Some equal, some tiny, some of either sign; roots and divisors stay positive.
          const value = Math.fround(random.uniform() < 0.2 ? 0.5 : random.uniform() * (random.uniform() < 0.2 ? 1e-31 : 2));
          return ["rootMulAdd", "descend", "mulDiv"].includes(name) ? value : random.uniform() < 0.5 ? -value : value;
        };
        const data = loads.map(({ value }) => Array.from({ length: uniform.has(value) ? 1 : length }, draw));
        const offsets = data.map((_, i) => data.slice(0, i).reduce((sum, list) => sum + list.length, 0));
        const size = offsets.reduce((sum, _, i) => sum + (data[i] as number[]).length, 0);
        const accesses = loads.map(({ instruction, value }, i): Access => {
          return { arena: "state", storage: instruction.dtype, offset: offsets[i] as number, strides: [uniform.has(value) ? 0 : 1] };
        });
        const target: Access = { arena: "state", storage: isU32 ? "u32" : "f32", offset: size, strides: [1] };
        const plan: Plan = {
          kernels: [{ family: "map", label: name, dims: [length], accesses, instructions, outputs: [{ value: result, access: target }] }],
          bytes: { state: 4 * (size + length), rows: 0, io: 0, work: 0 },
          inputs: [],
          outputs: [],
        };
        const program = await machine.compile(plan);
        const all = data.flat();
        machine.write("state", 0, new Uint8Array((isU32 ? Uint32Array.from(all) : Float32Array.from(all)).buffer));
        await machine.run(program);
        const found = new Uint32Array((await machine.read("state", 4 * size, 4 * length)).buffer);
        const wanted = Array.from({ length }, (_, i) => {
          const value = model(instructions, (access) => {
            const list = data[access] as number[];
            return list[list.length === 1 ? 0 : i] as number;
          });
          return isU32 ? value : bitsOf(value);
        });
        expect(Array.from(found)).toEqual(wanted);
      });
    }
  }

  it("runs over any number of dims", async () => {
    const scene = new SceneBuilder(new RandomStream(1, "dims"));
    const dims = new Array<number>(14).fill(2);
    const count = 2 ** dims.length;
    const dense = dims.map((_, d) => 2 ** (dims.length - 1 - d));
    const data = Array.from({ length: count }, (_, i) => i % 1000);
    const from: Access = { arena: "state", storage: "f32", offset: scene.place("state", "f32", data), strides: dense.toReversed() };
    const load: Instruction = { op: "load", access: 0, dtype: "f32" };
    const instructions: Instruction[] = [load, { op: "apply", name: "neg", args: [0], dtype: "f32" }];
    const to: Access = { arena: "io", storage: "f32", offset: scene.result("io", "f32", count), strides: dense };
    scene.add({ family: "map", label: "reversed", dims, accesses: [from], instructions, outputs: [{ value: 1, access: to }] });
    const strides = dims.map((_, d) => (d < 7 ? 2 ** d : 0));
    const sums: Access = { arena: "io", storage: "f32", offset: scene.result("io", "f32", 128), strides };
    const outputs = [{ value: 0, op: "sum", access: sums }] as const;
    scene.add({ family: "reduce", label: "sums", dims, kept: 7, accesses: [from], instructions: [load], outputs });
    expect(await checkScene(machine, scene.done("14 dims"))).toBe(0);
  });
});
