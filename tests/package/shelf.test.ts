import { describe, expect, it } from "vitest";
import { bytesOf, planUpdate, shelf } from "../bench/shelf.mjs";
import * as source from "../bench/source.ts";

const COUNT = 256 * 256;
const planOf = (name: string) => {
  const entry = shelf[name];
  if (entry === undefined) throw new Error(`no optimizer called ${name}`);
  return planUpdate(source, entry.make(source.optim), COUNT);
};

describe("the bytes that a plan moves", () => {
  it.each([
    ["SGD", 12],
    ["SGD, momentum", 20],
    ["AdamW", 28],
    ["NAdamW", 28],
    ["Lion", 20],
  ])("are those of %s counted by hand: %d for each parameter", (name, bytes) => {
    expect(bytesOf(planOf(name).plan) / COUNT).toBeCloseTo(bytes, 2);
  });

  it("are those of a product: its operands, its result and what its epilogue reads", () => {
    const dense = (strides: number[]) => ({ arena: "work" as const, storage: "f32" as const, offset: 0, strides });
    const kernel = {
      ...{ family: "matmul" as const, label: "product", dims: [1, 4, 8] as const, k: 16, instructions: [] },
      ...{ a: dense([0, 16, 1]), b: dense([0, 8, 1]), accesses: [dense([0, 0, 1])] },
      outputs: [{ value: 0, access: dense([32, 8, 1]) }],
    };
    const plan = { kernels: [kernel], bytes: { state: 0, rows: 0, io: 0, work: 0 }, inputs: [], outputs: [] };
    expect(bytesOf(plan)).toBe(4 * (4 * 16 + 16 * 8 + 8 + 4 * 8));
  });
});
