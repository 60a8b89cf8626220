import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { Machine, MachineSizes } from "../../src/backend/machine.ts";
import { openWasmMachine } from "../../src/backend/wasm/index.ts";
import { openWebGpuMachine } from "../../src/backend/webgpu/index.ts";
import { Graph } from "../../src/program/graph.ts";
import { apply, type Op, ops } from "../../src/program/ops.ts";
import { compileProgram } from "../../src/program/trace.ts";
import { vjps } from "../../src/program/vjps.ts";
import { openWasm, relaxes } from "../../src/wasm/instance.ts";
import { openTestHost } from "../env.ts";
import { SIZES } from "./draw.ts";
import { drawCase, hold, leavesOf, type Prepared, prepare } from "./sweep.ts";
import { type Row, table } from "./table.ts";

/** Cases of each row: every rank in turn, fewer on WebGPU, where software adapters make pipelines slowly. */
const [MANY, FEW] = [24, 6];

const host = await openTestHost();
const wasm = await openWasm();
const backends: [string, number, (sizes: MachineSizes) => Promise<Machine>][] = [
  ["Wasm", MANY, async (sizes) => openWasmMachine(wasm, sizes)],
];
if (await relaxes()) {
  const fast = await openWasm("fast");
  backends.push(["Wasm with relaxed SIMD", MANY, async (sizes) => openWasmMachine(fast, sizes)]);
}
if (host !== undefined) backends.push(["WebGPU", FEW, (sizes) => openWebGpuMachine(host, sizes)]);
afterAll(() => host?.close());

const known = new Map<string, Prepared[]>();

/** Returns the cases of a row; whole programs are many kernels each, so there are fewer of them. */
function casesOf(family: string, name: string, count: number): readonly Prepared[] {
  const part = family === "gradients of gradients" ? 1 / 3 : 1;
  const row = `${family}: ${name}`;
  const cases = known.get(row) ?? prepare(row, table[family]?.[name] as Row, part * MANY);
  known.set(row, cases);
  return cases.slice(0, part * count);
}

// The support table in README counts these tests by family.
describe.each(backends)("conformance on %s", (_, count, open) => {
  for (const [family, rows] of Object.entries(table)) {
    describe(family, () => {
      it.each(Object.keys(rows))("%s", (name) => hold(casesOf(family, name, count), open));
    });
  }
});

// Precision is an option of one backend.
describe.each(backends.filter(([name]) => !name.includes(" ")))("an operation that %s lacks", (backend, _, open) => {
  const table = ops as Record<string, Op>;
  afterEach(() => {
    delete table.erf;
  });

  it("fails when the program is compiled, naming both", async () => {
    const { code: _code, wgsl: _wgsl, ...bare } = ops.tanh as Op;
    table.erf = bare;
    const plan = compileProgram((graph) => graph.outputs.set("y", apply("erf", [graph.input("x", [3], "f32")])));
    const machine = await open({ state: 0, rows: 0 });
    const message = new RegExp(`^${backend}: .*got erf$`, "i");
    await expect(machine.compile(plan)).rejects.toMatchObject({ code: "E_UNSUPPORTED", message: expect.stringMatching(message) });
    machine.close();
  });
});

describe("the cases", () => {
  const drawn = Object.entries(table).flatMap(([family, rows]) =>
    Object.entries(rows).map(([name, row]) => ({
      family,
      name,
      cases: Array.from({ length: MANY }, (_, seed) => drawCase(`${family}: ${name}`, row, seed).drawn),
    })),
  );

  it("use everything that programs are made of", () => {
    const used = new Set<string>();
    for (const { args, record, effect } of drawn.flatMap(({ cases }) => cases)) {
      const graph = new Graph();
      const leaves = leavesOf(args, graph, "");
      record(leaves, graph);
      effect?.(leaves, graph);
      for (const { op } of graph.nodes) used.add(op);
      for (const each of graph.effects) used.add(each.kind === "optimizer" ? each.name : each.kind);
    }
    const all = [
      ...Object.keys(ops),
      ...Object.keys(vjps),
      "input",
      "scalar",
      "state",
      "const",
      "iota",
      "random",
      "assign",
      "put",
      "sgd",
      "adamw",
    ];
    expect([...used].sort()).toEqual(all.sort());
  });

  it.each(drawn.filter(({ family }) => ["elementwise", "views", "reductions"].includes(family)))(
    "of $name have every rank and size",
    ({ cases }) => {
      const shapes = cases.flatMap(({ args }) => Object.values(args).map(({ shape }) => shape));
      expect(new Set(shapes.map((shape) => shape.length))).toEqual(expect.objectContaining(new Set([0, 1, 2, 3, 4, 5])));
      expect(new Set(shapes.flat())).toEqual(expect.objectContaining(new Set([0, ...SIZES])));
    },
  );
});
