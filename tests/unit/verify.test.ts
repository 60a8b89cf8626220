import { describe, expect, it } from "vitest";
import type { MatmulKernel, Operand, Plan } from "../../src/program/plan.ts";
import { verify } from "../../src/program/verify.ts";

/** Windows of 3 over 2 rows of 10 elements behind one more, with a zero at either end: [2·10, 3] · [3, 4]. */
const windows: Operand = {
  arena: "io",
  storage: "f32",
  offset: 0,
  strides: [0, 10, 1, 1],
  bounds: [{ offset: -1, strides: [0, 0, 1, 1], size: 10, step: 1 }],
  parts: [[1], [2, 10], [3]],
};

function planOf(a: Operand, elements: number): Plan {
  const kernel: MatmulKernel = {
    family: "matmul",
    label: "windows",
    dims: [1, 20, 4],
    k: 3,
    a,
    b: { arena: "state", storage: "f32", offset: 0, strides: [0, 4, 1] },
    accesses: [],
    instructions: [{ op: "product", dtype: "f32" }],
    outputs: [{ value: 0, access: { arena: "work", storage: "f32", offset: 0, strides: [80, 4, 1] } }],
  };
  return { kernels: [kernel], bytes: { state: 48, rows: 0, io: 4 * elements, work: 320 }, inputs: [], outputs: [] };
}

describe("verify proves the range of an operand in parts", () => {
  it("takes windows whose bounds keep them within the arena to the element", () => {
    const plan = planOf(windows, 21);
    expect(verify(plan)).toBe(plan);
  });

  it.each([
    ["one element too many", windows, 20, "touches io bytes 4–84; expected within 0–80"],
    [
      "a bound that is too wide",
      { ...windows, bounds: [{ ...windows.bounds?.[0], size: 11 }] },
      21,
      "touches io bytes 4–88; expected within 0–84",
    ],
    ["no bound", { arena: "io", storage: "f32", offset: 0, strides: [0, 10, 1, 1], parts: windows.parts }, 21, "touches io bytes 0–88"],
    ["parts that make up another matrix", { ...windows, parts: [[1], [2, 9], [3]] }, 21, "an access walks 4 dims; expected 3"],
  ] as [string, Operand, number, string][])("refuses %s", (_, a, elements, message) => {
    expect(() => verify(planOf(a, elements))).toThrow(message);
  });
});
