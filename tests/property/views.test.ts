import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { openWasmMachine } from "../../src/backend/wasm/index.ts";
import { Graph, type Tensor } from "../../src/program/graph.ts";
import { sizeOf } from "../../src/program/shape.ts";
import * as t from "../../src/program/tensor.ts";
import { trace } from "../../src/program/trace.ts";
import { openWasm } from "../../src/wasm/instance.ts";
import { runOn } from "../conformance/agree.ts";
import { type Chain, chains, elementsOf, modelOf } from "./chain.ts";

const wasm = openWasmMachine(await openWasm(), { state: 0, rows: 0 });
afterAll(() => wasm.close());

const fixed = { seed: 1, numRuns: 200 };
const applied = ({ views }: Chain, x: Tensor): Tensor => views.reduce((y, view) => view.record(y), x);
/** Small whole numbers, all different from their neighbours, of which f32 sums are exact. */
const whole = (n: number, by: number): number[] => Array.from({ length: n }, (_, i) => ((i * by) % 17) - 8);

describe("views", () => {
  it("compose as their models do", () =>
    fc.assert(
      fc.asyncProperty(chains(6), async (chain) => {
        const { shape, views } = chain;
        const x = whole(sizeOf(shape), 5);
        const wanted = views.reduce((model, view) => view.model(model), modelOf(shape, x));
        const graph = trace((g) => g.outputs.set("y", applied(chain, g.input("x", shape, "f32"))));
        expect(graph.outputs.get("y")?.shape).toEqual(wanted.shape);
        expect([...((await runOn(wasm, graph, { x })).y as ArrayLike<number> as Float32Array)]).toEqual(elementsOf(wanted));
      }),
      fixed,
    ));

  it("have the gradient that is their adjoint: w·(V x) = (Vᵀ w)·x", () =>
    fc.assert(
      fc.asyncProperty(chains(5), async (chain) => {
        const { shape, views } = chain;
        const model = views.reduce((below, view) => view.model(below), modelOf(shape, whole(sizeOf(shape), 5)));
        const w = whole(sizeOf(model.shape), 3);
        const graph = trace((g) => {
          const x = g.input("x", shape, "f32");
          const weighed = t.sum(t.mul(applied(chain, x), g.input("w", model.shape, "f32")));
          g.outputs.set("d", t.grad(weighed, [x])[0] as Tensor);
        });
        const d = (await runOn(wasm, graph, { w })).d as ArrayLike<number>;
        const dot = (a: readonly number[], b: ArrayLike<number>): number => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
        expect(dot(whole(sizeOf(shape), 5), d)).toBe(dot(elementsOf(model), w));
      }),
      fixed,
    ));

  it("that undo each other leave nothing behind", () => {
    const orders = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 });
    fc.assert(
      fc.property(orders, orders, (first, second) => {
        const x = new Graph().input("x", [2, 3, 4, 5], "f32");
        const both = t.permute(t.permute(x, first), second);
        expect(both).toBe(
          t.permute(
            x,
            second.map((d) => first[d] as number),
          ),
        );
        expect(
          t.permute(
            t.permute(x, first),
            first.map((_, d) => first.indexOf(d)),
          ),
        ).toBe(x);
        expect(t.reshape(t.reshape(x, [6, 20]), x.shape)).toBe(x);
      }),
      fixed,
    );
  });
});
