import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ProgramIo } from "../../src/backend/io.ts";
import { openWasmMachine } from "../../src/backend/wasm/index.ts";
import type { Graph, Tensor } from "../../src/program/graph.ts";
import { lower } from "../../src/program/lower.ts";
import * as t from "../../src/program/tensor.ts";
import { trace } from "../../src/program/trace.ts";
import { RandomStream } from "../../src/random.ts";
import { openWasm } from "../../src/wasm/instance.ts";
import { type Numbers, runOn } from "../conformance/agree.ts";

const wasm = openWasmMachine(await openWasm(), { state: 0, rows: 0 });
afterAll(() => wasm.close());

const fixed = { seed: 1, numRuns: 60 };
const sizes = fc.constantFrom(1, 2, 3, 5, 7, 16, 31, 63, 65);
const uniform = (n: number, seed: number): Float32Array => {
  const random = new RandomStream(seed, "law");
  return Float32Array.from({ length: n }, () => 2 * random.uniform() - 1);
};

/** Returns the outputs that a function records, as plain arrays. */
async function outputs(
  record: (graph: Graph) => Readonly<Record<string, Tensor>>,
  inputs: Numbers = {},
): Promise<Record<string, number[]>> {
  const graph = trace((g) => {
    for (const [name, value] of Object.entries(record(g))) g.outputs.set(name, value);
  });
  return Object.fromEntries(Object.entries(await runOn(wasm, graph, inputs)).map(([name, values]) => [name, Array.from(values)]));
}

describe("products", () => {
  it("transposed are the products of what is transposed, turned round, to the bit", () =>
    fc.assert(
      fc.asyncProperty(sizes, sizes, sizes, async (m, k, n) => {
        const numbers = { a: uniform(m * k, 1), b: uniform(k * n, 2) };
        const { left, right } = await outputs((g) => {
          const [a, b] = [g.input("a", [m, k], "f32"), g.input("b", [k, n], "f32")];
          return { left: t.transpose(t.matmul(a, b)), right: t.matmul(t.transpose(b), t.transpose(a)) };
        }, numbers);
        expect(left).toEqual(right);
      }),
      fixed,
    ));

  it("of a sum of thin products are one product of what is stacked", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 5 }), sizes, async (heights, width) => {
        // The gradient of a weight used several times is a sum of products; whole numbers make every order exact.
        const xs = heights.map((h, i) => Array.from({ length: h * width }, (_, j) => ((i + 3 * j) % 7) - 3));
        const inputs = Object.fromEntries(xs.map((x, i) => [`x${i}`, x]));
        const { d } = await outputs((g) => {
          const w = g.input("w", [width, 9], "f32");
          const parts = heights.map((h, i) => t.sum(t.mul(t.matmul(g.input(`x${i}`, [h, width], "f32"), w), i + 1)));
          return {
            d: t.grad(
              parts.reduce((a, b) => t.add(a, b)),
              [w],
            )[0] as Tensor,
          };
        }, inputs);
        const column = (j: number): number =>
          xs.reduce((sum, x, i) => sum + (i + 1) * x.reduce((part, value, at) => part + (at % width === j ? value : 0), 0), 0);
        expect(d).toEqual(Array.from({ length: width * 9 }, (_, i) => column(Math.floor(i / 9))));
      }),
      fixed,
    ));
});

describe("pads, slices and rows", () => {
  const parts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 });

  it("sum to what was padded, and cutting it out gives it back", () =>
    fc.assert(
      fc.asyncProperty(sizes, fc.nat({ max: 3 }), fc.nat({ max: 3 }), async (n, low, high) => {
        const x = Array.from({ length: n * 3 }, (_, i) => (i % 11) - 5);
        const { sum, padded, back } = await outputs(
          (g) => {
            const value = g.input("x", [n, 3], "f32");
            const wide = t.pad(value, [low, 1], [high, 2]);
            return { sum: t.sum(value), padded: t.sum(wide), back: t.slice(wide, [low, 1], [n, 3]) };
          },
          { x },
        );
        expect(padded).toEqual(sum);
        expect(back).toEqual(x);
      }),
      fixed,
    ));

  it("of concatenated parts are the parts, each with its own gradient", () =>
    fc.assert(
      fc.asyncProperty(parts, fc.boolean(), async (heights, gaps) => {
        const total = heights.reduce((a, b) => a + b, 0);
        const x = Array.from({ length: total * 2 }, (_, i) => i + 1);
        // Where there are gaps, every second part is left out and its rows get no gradient.
        const used = heights.map((_, i) => !gaps || i % 2 === 0);
        const starts = heights.map((_, i) => heights.slice(0, i).reduce((a, b) => a + b, 0));
        const { y, d } = await outputs(
          (g) => {
            const value = g.input("x", [total, 2], "f32");
            const pieces = heights.map((h, i) => t.slice(value, [starts[i] as number, 0], [h, 2]));
            const terms = pieces.flatMap((piece, i) => (used[i] ? [t.sum(t.mul(piece, i + 1))] : []));
            return {
              y: t.concat(pieces, 0),
              d: t.grad(
                terms.reduce((a, b) => t.add(a, b)),
                [value],
              )[0] as Tensor,
            };
          },
          { x },
        );
        expect(y).toEqual(x);
        expect(d).toEqual(heights.flatMap((h, i) => new Array<number>(h * 2).fill(used[i] ? i + 1 : 0)));
      }),
      fixed,
    ));

  it("gathered in any order and added back where they came from are the table", () =>
    fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...Array(9).keys()], { minLength: 9 }), async (order) => {
        const x = uniform(9 * 5, 3);
        const { back } = await outputs(
          (g) => {
            const [table, index] = [g.input("x", [9, 5], "f32"), t.toU32(g.input("i", [9], "f32"))];
            return { back: t.scatterAdd(t.gather(table, index), index, 9) };
          },
          { x, i: order },
        );
        expect(back).toEqual([...x]);
      }),
      fixed,
    ));
});

describe("random streams", () => {
  /** Returns u32 bits of streams at a step. */
  async function bits(record: (graph: Graph) => Readonly<Record<string, Tensor>>, step: number): Promise<Record<string, number[]>> {
    const plan = lower(
      trace((g) => {
        for (const [name, value] of Object.entries(record(g))) g.outputs.set(name, value);
      }),
    );
    const io = new ProgramIo(plan, 9);
    io.setStep(step);
    const program = await wasm.compile(plan);
    wasm.write(program, 0, io.bytes);
    return Object.fromEntries(Object.entries(io.outputs(await wasm.run(program))).map(([name, values]) => [name, [...values]]));
  }

  it("do not depend on how many numbers are drawn, in which shape, beside which others", () =>
    fc.assert(
      fc.asyncProperty(sizes, sizes, fc.nat({ max: 3 }), async (rows, columns, step) => {
        const all = rows * columns;
        const alone = await bits((g) => ({ x: g.random("x", [all]) }), step);
        const together = await bits(
          (g) => ({ shaped: g.random("x", [rows, columns]), more: g.random("x", [all + 100]), other: g.random("y", [all]) }),
          step,
        );
        expect(together.shaped).toEqual(alone.x);
        expect(together.more?.slice(0, all)).toEqual(alone.x);
        expect(together.other).not.toEqual(alone.x);
        expect((await bits((g) => ({ x: g.random("x", [all]) }), step + 1)).x).not.toEqual(alone.x);
      }),
      fixed,
    ));
});
