import { afterAll, describe, expect, it } from "vitest";
import type { Machine } from "../../src/backend/machine.ts";
import { openWasmMachine } from "../../src/backend/wasm/index.ts";
import { openWebGpuMachine } from "../../src/backend/webgpu/index.ts";
import type { Graph, Tensor } from "../../src/program/graph.ts";
import { ops } from "../../src/program/ops.ts";
import * as t from "../../src/program/tensor.ts";
import { trace } from "../../src/program/trace.ts";
import { RandomStream } from "../../src/random.ts";
import { openWasm } from "../../src/wasm/instance.ts";
import { openTestHost } from "../env.ts";
import { type Numbers, runOn } from "./agree.ts";
import { outputsOf } from "./oracle.ts";
import { randomProgram } from "./programs.ts";

const host = await openTestHost();
const wasm = openWasmMachine(await openWasm(), { state: 0, rows: 0 });
const machines: [string, Machine][] = [["Wasm", wasm]];
if (host !== undefined) machines.push(["WebGPU", await openWebGpuMachine(host, { state: 0, rows: 0 })]);

afterAll(() => {
  for (const [, machine] of machines) machine.close();
  host?.close();
});

function expectClose(found: Numbers, wanted: Numbers, relative: number, absolute: number): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, values] of Object.entries(wanted)) {
    for (let i = 0; i < values.length; i++) {
      const [got, want] = [found[name]?.[i] as number, values[i] as number];
      if (!(Math.abs(got - want) <= Math.max(absolute, relative * Math.abs(want))))
        expect.fail(`${name}[${i}]: expected ${want}, got ${got}`);
    }
  }
}

describe.each(machines)("random programs mean the same on %s as node by node", (name, machine) => {
  const count = name === "Wasm" ? 400 : 40;
  it(`${count} programs`, async () => {
    for (let seed = 0; seed < count; seed++) {
      const { build, inputs } = randomProgram(new RandomStream(seed, "program"), 4 + (seed % 12));
      const graph = trace(build);
      const found = await runOn(machine, graph, inputs);
      try {
        expectClose(found, outputsOf(graph, inputs), 1e-4, 2e-5);
      } catch (cause) {
        throw new Error(`program ${seed}`, { cause });
      }
    }
  });
});

describe.each(machines)("a linear layer on %s", (_, machine) => {
  it.each([
    [3, 0, 4],
    [0, 3, 4],
    [3, 4, 0],
  ])("of %d rows, %d inputs and %d outputs has its gradients", async (rows, inputs, outputs) => {
    const graph = trace((g) => {
      const leaves = [g.input("x", [rows, inputs], "f32"), g.input("w", [inputs, outputs], "f32"), g.input("b", [outputs], "f32")];
      const [x, w, b] = leaves as [Tensor, Tensor, Tensor];
      const y = t.add(t.matmul(x, w), b);
      for (const [i, part] of t.grad(t.sum(t.square(y)), leaves).entries()) g.outputs.set(`d${i}`, part);
    });
    const of = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => i + 1);
    const numbers = { x: of(rows * inputs), w: of(inputs * outputs), b: of(outputs) };
    expectClose(await runOn(machine, graph, numbers), outputsOf(graph, numbers), 0, 0);
  });
});

it("column sums that are part of a pack are there when the pack is read, whichever products come later", async () => {
  const graph = trace((g) => {
    const [d, a] = [g.input("d", [4, 3], "f32"), g.input("a", [4, 2], "f32")];
    const whole = t.pack([t.matmul(t.transpose(a), d), t.sum(d, 0)]);
    const later = t.matmul(t.transpose(t.mul(a, t.sum(t.square(whole)))), d);
    g.outputs.set("whole", t.mul(whole, 2));
    g.outputs.set("later", later);
  });
  const numbers = { d: draw([4, 3], -1, 1).values, a: draw([4, 2], -1, 1, 2).values };
  expectClose(await runOn(wasm, graph, numbers), outputsOf(graph, numbers), 1e-5, 1e-6);
});

it("what reads a pack does not join a kernel before its parts", async () => {
  const graph = trace((g) => {
    const [x, w] = [g.input("x", [6], "f32"), g.input("w", [3, 2], "f32")];
    // All but z have buffers, as products take them; z reads one of them beside the pack.
    const first = t.exp(x);
    const second = t.reshape(t.tanh(first), [2, 3]);
    const whole = t.pack([t.matmul(second, w), t.sum(second, 1)]);
    g.outputs.set("y", t.matmul(t.reshape(first, [2, 3]), w));
    g.outputs.set("z", t.add(t.square(whole), first));
  });
  const numbers = { x: draw([6], -1, 1).values, w: draw([3, 2], -1, 1).values };
  expectClose(await runOn(wasm, graph, numbers), outputsOf(graph, numbers), 1e-5, 1e-6);
});

/** Central differences of a scalar function in f64, on the oracle. */
function differences(graph: Graph, output: string, inputs: Record<string, Float32Array>, name: string): number[] {
  const h = 1e-4;
  return [...(inputs[name] as Float32Array)].map((value, i) => {
    const moved = (by: number): number => {
      const values = Float64Array.from(inputs[name] as Float32Array);
      values[i] = value + by;
      return outputsOf(graph, { ...inputs, [name]: values })[output]?.[0] as number;
    };
    return (moved(h) - moved(-h)) / (2 * h);
  });
}

/** Checks the gradient of Σ f·(a fixed weighting) against differences, on Wasm. */
async function checkGradient(
  f: (inputs: Record<string, Tensor>, graph: Graph) => Tensor,
  inputs: Record<string, { shape: number[]; values: Float32Array }>,
): Promise<void> {
  const graph = trace((g) => {
    const leaves = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, g.input(name, shape, "f32")]));
    const value = f(leaves, g);
    const weights = t.sin(t.toF32(t.reshape(g.iota(value.shape.reduce((a, b) => a * b, 1)), value.shape)));
    const loss = t.sum(t.mul(value, t.add(weights, 1.5)));
    g.outputs.set("loss", loss);
    const names = Object.keys(inputs);
    t.grad(
      loss,
      names.map((name) => leaves[name] as Tensor),
    ).forEach((part, i) => {
      g.outputs.set(`d/${names[i]}`, part);
    });
  });
  const values = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.values]));
  const found = await runOn(wasm, graph, values);
  for (const name of Object.keys(inputs))
    expectClose({ d: found[`d/${name}`] as ArrayLike<number> }, { d: differences(graph, "loss", values, name) }, 2e-3, 2e-4);
}

const draw = (shape: number[], low: number, high: number, seed = 1): { shape: number[]; values: Float32Array } => {
  const random = new RandomStream(seed, `draw/${shape}`);
  return { shape, values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => low + (high - low) * random.uniform()) };
};

describe("gradients agree with finite differences", () => {
  const smooth = Object.entries(ops).filter(
    ([name, op]) => op.vjp !== undefined && !["select", "floor", "max", "min", "abs", "toF32"].includes(name),
  );
  it.each(smooth.map(([name]) => name))("%s", async (name) => {
    const op = ops[name] as (typeof ops)[string];
    const args = op.domain.map(([low, high], i) => draw([3, 5], Math.max(low, -3), Math.min(high, 3), i));
    const { add, sub, mul, div, neg, sqrt, exp, log, tanh, sin, cos } = t as unknown as Record<string, (...args: Tensor[]) => Tensor>;
    const f = { add, sub, mul, div, neg, sqrt, exp, log, tanh, sin, cos }[name] as (...args: Tensor[]) => Tensor;
    await checkGradient((x) => f(...args.map((_, i) => x[`x${i}`] as Tensor)), Object.fromEntries(args.map((arg, i) => [`x${i}`, arg])));
  });

  // Kinked functions are checked away from their kinks: the drawn numbers are distinct.
  const a = draw([4, 3], -2, 2, 5);
  const b = draw([4, 3], -2, 2, 6);
  const cases: [string, Parameters<typeof checkGradient>[0], Parameters<typeof checkGradient>[1]][] = [
    ["abs", ({ a: x }) => t.abs(x as Tensor), { a }],
    ["floor", ({ a: x }) => t.add(t.floor(x as Tensor), t.mul(x as Tensor, 2)), { a }],
    ["maximum", ({ a: x, b: y }) => t.maximum(x as Tensor, y as Tensor), { a, b }],
    ["minimum", ({ a: x, b: y }) => t.minimum(x as Tensor, y as Tensor), { a, b }],
    ["select", ({ a: x, b: y }) => t.select(t.less(x as Tensor, y as Tensor), t.square(x as Tensor), y as Tensor), { a, b }],
    ["broadcast", ({ a: x, v: y }) => t.mul(x as Tensor, y as Tensor), { a, v: draw([3], -1, 1) }],
    ["permute and reshape", ({ a: x }) => t.square(t.reshape(t.permute(x as Tensor, [1, 0]), [2, 6])), { a }],
    ["sum over rows", ({ a: x }) => t.square(t.sum(x as Tensor, 0)), { a }],
    ["mean over columns, kept", ({ a: x }) => t.mul(x as Tensor, t.mean(x as Tensor, 1, { keepDims: true })), { a }],
    ["max over columns", ({ a: x }) => t.max(t.square(x as Tensor), 1), { a }],
    ["matmul", ({ a: x, w: y }) => t.tanh(t.matmul(x as Tensor, y as Tensor)), { a, w: draw([3, 5], -1, 1) }],
    ["matmul, transposed", ({ a: x, b: y }) => t.matmul(x as Tensor, t.transpose(t.sin(y as Tensor))), { a, b }],
    ["matmul of transposed", ({ a: x, b: y }) => t.matmul(t.transpose(x as Tensor), y as Tensor), { a, b }],
    ["matmul, batched", ({ p: x, q: y }) => t.matmul(x as Tensor, y as Tensor), { p: draw([2, 3, 4], -1, 1), q: draw([2, 4, 2], -1, 1) }],
    ["pack", ({ a: x, b: y }) => t.square(t.mul(t.sum(x as Tensor), t.sum(t.mul(y as Tensor, x as Tensor)))), { a, b }],
    ["slice", ({ a: x }) => t.square(t.slice(x as Tensor, [1, 0], [2, 2])), { a }],
    ["pad", ({ a: x }) => t.exp(t.pad(x as Tensor, [1, 0], [0, 2])), { a }],
    ["concat", ({ a: x, b: y }) => t.square(t.concat([x as Tensor, t.mul(y as Tensor, x as Tensor)], 1)), { a, b }],
    ["unfold", ({ s: x }) => t.square(t.unfold(x as Tensor, 1, 3)), { s: draw([2, 9], -1, 1) }],
    [
      "unfold, strided and dilated",
      ({ s: x }) => t.square(t.unfold(x as Tensor, 0, 3, { stride: 2, dilation: 2 })),
      { s: draw([9, 2], -1, 1) },
    ],
    [
      "convolution",
      ({ s: x, w: y }) => {
        const windows = t.unfold(t.unfold(t.pad(x as Tensor, [1, 1], [1, 1]), 1, 3), 0, 3);
        return t.matmul(t.reshape(t.permute(windows, [0, 2, 1, 3]), [30, 9]), y as Tensor);
      },
      { s: draw([5, 6], -1, 1), w: draw([9, 2], -1, 1) },
    ],
    [
      "convolution along one dim, dilated, of several products",
      ({ s: x, w: y }) => {
        const windows = t.reshape(t.unfold(x as Tensor, 1, 3, { dilation: 2 }), [2, 7, 6]);
        return t.square(t.matmul(windows, y as Tensor));
      },
      { s: draw([2, 11, 2], -1, 1), w: draw([2, 6, 3], -1, 1) },
    ],
    [
      "product of what is padded in five dims",
      ({ s: x, w: y }) => t.matmul(t.reshape(t.pad(x as Tensor, [1, 0, 1, 0, 1], [0, 1, 0, 1, 1]), [27, 12]), y as Tensor),
      { s: draw([2, 2, 2, 2, 2], -1, 1), w: draw([12, 2], -1, 1) },
    ],
    ["gather", ({ a: x }, g) => t.square(t.gather(x as Tensor, t.toU32(t.mul(t.toF32(g.iota(6)), 0.7)))), { a }],
    ["scatterAdd", ({ a: x }, g) => t.square(t.scatterAdd(x as Tensor, t.and(g.iota(4), 1), 3)), { a }],
    ["detach", ({ a: x }) => t.mul(x as Tensor, 3), { a }],
  ];
  it.each(cases)("%s", async (_, f, inputs) => checkGradient(f, inputs));

  it("a gradient can be differentiated again", async () => {
    await checkGradient(({ a: x }) => t.grad(t.sum(t.exp(t.sin(x as Tensor))), [x as Tensor])[0] as Tensor, { a });
    await checkGradient(({ a: x, w: y }) => t.grad(t.sum(t.square(t.matmul(x as Tensor, y as Tensor))), [y as Tensor])[0] as Tensor, {
      a,
      w: draw([3, 2], -1, 1),
    });
  });

  it("a gradient through a maximum can be differentiated again", async () => {
    await checkGradient(({ a: x }) => t.grad(t.sum(t.exp(t.max(t.square(x as Tensor), 1))), [x as Tensor])[0] as Tensor, { a });
  });

  it("a gradient through windows can be differentiated again", async () => {
    const windows = (x: Tensor): Tensor => t.sum(t.exp(t.sum(t.unfold(x, 0, 2, { stride: 2 }), 1)));
    await checkGradient(({ a: x }) => t.grad(windows(x as Tensor), [x as Tensor])[0] as Tensor, { a });
  });

  it("no gradient flows through detach, and none is zero where the loss does not depend", async () => {
    const graph = trace((g) => {
      const x = g.input("x", [3], "f32");
      const y = g.input("y", [3], "f32");
      const [dx, dy] = t.grad(t.sum(t.mul(x, t.detach(t.mul(x, 2)))), [x, y]) as [Tensor, Tensor];
      g.outputs.set("dx", dx);
      g.outputs.set("dy", dy);
    });
    expectClose(await runOn(wasm, graph, { x: [1, 2, 3], y: [0, 0, 0] }), { dx: [2, 4, 6], dy: [0, 0, 0] }, 0, 0);
  });
});
