import { describe, expect, it } from "vitest";
import { splitLongSums } from "../../src/backend/webgpu/split.ts";
import type { Access, Instruction, MatmulKernel, Plan, ReduceKernel } from "../../src/program/plan.ts";
import { RandomStream } from "../../src/random.ts";
import { type Arenas, interpret } from "../conformance/interpreter.ts";

const access = (arena: Access["arena"], offset: number, strides: number[], more: Partial<Access> = {}): Access => ({
  arena,
  storage: "f32",
  offset,
  strides,
  ...more,
});
const load = (at: number): Instruction => ({ op: "load", access: at, dtype: "f32" });
const whole = (count: number): ArrayBuffer => {
  const random = new RandomStream(3, `${count}`);
  return Float32Array.from({ length: count }, () => random.below(9) - 4).buffer;
};

/** The bytes of `io` after a plan whose inputs are whole numbers, so that any order of a sum has the same bits. */
function ioOf(plan: Plan): Float32Array {
  const { bytes } = plan;
  const arenas: Arenas = {
    state: whole(bytes.state / 4),
    rows: whole(bytes.rows / 4),
    io: new ArrayBuffer(bytes.io),
    work: whole(bytes.work / 4),
  };
  interpret(plan, arenas);
  return new Float32Array(arenas.io);
}

const families = (plan: Plan): string[] => plan.kernels.map(({ family }) => family);

/** Sums and maxima of value · index over [kept 3][reduced 240 × 100], a window among the loads. */
function folds(reduced: number): Plan {
  const dims = [3, reduced, 100];
  const bounds = [{ offset: -5, strides: [0, 1, 0], size: reduced - 10, step: 100 }];
  const kernel: ReduceKernel = {
    family: "reduce",
    label: "folds",
    dims,
    kept: 1,
    accesses: [access("state", 7, [0, 100, 1]), access("state", 0, [1, 100, 1], { bounds, offset: -500 })],
    instructions: [
      load(0),
      { op: "iota", offset: 2, strides: [1, 3, 0], dtype: "u32" },
      { op: "apply", name: "toF32", args: [1], dtype: "f32" },
      { op: "apply", name: "mul", args: [0, 2], dtype: "f32" },
      load(1),
    ],
    outputs: [
      { value: 3, op: "max", access: access("io", 0, [1, 0, 0]) },
      { value: 4, op: "sum", access: access("io", 4, [2, 0, 0]) },
    ],
  };
  return { kernels: [kernel], bytes: { state: 4 * (reduced + 1) * 100, rows: 0, io: 40, work: 20 }, inputs: [], outputs: [] };
}

/** aᵀ·b doubled and b's column sums, [5, k]·[k, 12]. */
function weightGradient(k: number): Plan {
  const kernel: MatmulKernel = {
    family: "matmul",
    label: "gradient",
    dims: [1, 5, 12],
    k,
    a: access("state", 0, [0, 1, 5]),
    b: access("rows", 0, [0, 12, 1]),
    sums: access("io", 60, [0, 0, 1]),
    accesses: [access("rows", 3, [0, 0, 1])],
    instructions: [{ op: "product", dtype: "f32" }, load(0), { op: "apply", name: "mul", args: [0, 1], dtype: "f32" }],
    outputs: [
      { value: 0, access: access("io", 0, [60, 12, 1]) },
      { value: 2, access: access("io", 72, [60, 12, 1]) },
    ],
  };
  return { kernels: [kernel], bytes: { state: 20 * k, rows: 48 * k, io: 4 * 132, work: 0 }, inputs: [], outputs: [] };
}

describe("the split of long sums", () => {
  it("folds parts of a reduction, then the parts", () => {
    const plan = folds(240);
    const split = splitLongSums(plan);
    expect(families(split)).toEqual(["reduce", "reduce"]);
    expect((split.kernels[0] as ReduceKernel).dims).toEqual([3, 80, 3, 100]);
    expect(split.bytes.work).toBe(32 + 4 * 2 * 3 * 80);
    expect(ioOf(split)).toEqual(ioOf(plan));
    expect(Math.abs(ioOf(plan)[4] as number)).toBeGreaterThan(0);
  });

  it("multiplies shares of the depth, then adds the products, the column sums beside them", () => {
    const plan = weightGradient(4096);
    const split = splitLongSums(plan);
    expect(families(split)).toEqual(["matmul", "map", "map"]);
    expect((split.kernels[0] as MatmulKernel).dims).toEqual([16, 5, 12]);
    expect(ioOf(split)).toEqual(ioOf(plan));
  });

  it("leaves alone what is short or has no even shares", () => {
    for (const plan of [folds(100), folds(241), weightGradient(4092), weightGradient(4099)]) expect(splitLongSums(plan)).toBe(plan);
  });
});
