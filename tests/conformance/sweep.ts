/** Runs rows of the conformance table: values and gradients of a machine within the bounds of the oracle, the oracle's gradients against differences. */
import { expect } from "vitest";
import { ProgramIo } from "../../src/backend/io.ts";
import type { Machine } from "../../src/backend/machine.ts";
import { Graph, type Tensor } from "../../src/program/graph.ts";
import { lower } from "../../src/program/lower.ts";
import { sizeOf } from "../../src/program/shape.ts";
import * as t from "../../src/program/tensor.ts";
import { trace } from "../../src/program/trace.ts";
import { outputsWithin, type Within } from "./bounds.ts";
import { Draw, type Operand } from "./draw.ts";
import { type Leaves, type Moment, outputsOf } from "./oracle.ts";
import type { Case, Row, Tensors } from "./table.ts";

/** Past 2^32 steps, so that both words of the step count. */
const moment: Moment = { seed: 5, step: 3 * 2 ** 32 + 7 };
/** Elements before and behind each range of the state. */
const MARGIN = 3;
const GARBAGE = 0x7fc0ffee;

/** A case, what is random in it drawn, with what it must give. */
export interface Prepared {
  readonly name: string;
  readonly drawn: Case;
  /** What weighs the elements of the first value, if it has gradients; the gradient of their sum is in `d/` and the argument's name. */
  readonly weights: Operand | undefined;
  readonly wanted: Readonly<Record<string, Within>>;
}

/** Returns case `seed` of a row, the ranks in turn, and the stream it came from. */
export function drawCase(name: string, row: Row, seed: number): { drawn: Case; draw: Draw } {
  const draw = new Draw(seed, name);
  return { drawn: row(draw, seed % 6), draw };
}

/** Returns cases of a row with what they must give; fails where the oracle's gradients are not its differences. */
export function prepare(name: string, row: Row, count: number): Prepared[] {
  return Array.from({ length: count }, (_, seed) => {
    const { drawn, draw } = drawCase(name, row, seed);
    const title = `${name}, seed ${seed}: ${drawn.label}`;
    try {
      const weights = weightsOf(drawn, draw);
      const values = numbersOf(drawn, weights);
      const wanted = outputsWithin(
        trace((graph) => {
          for (const [key, value] of Object.entries(meaning(drawn, weights, graph, ""))) graph.outputs.set(key, value);
        }),
        values,
        moment,
      );
      const prepared = { name: title, drawn, weights, wanted };
      if (weights !== undefined) checkGradients(prepared, values, draw);
      return prepared;
    } catch (cause) {
      throw new Error(`${title}: ${(cause as Error).message}`, { cause });
    }
  });
}

/** Returns weights of the first value if it has gradients. */
function weightsOf({ args, record, effect }: Case, draw: Draw): Operand | undefined {
  const graph = new Graph();
  const [first] = Object.values(record(leavesOf(args, graph, ""), graph)) as [Tensor];
  const trained = Object.values(args).some(({ dtype }) => dtype !== "u32");
  return effect === undefined && first.dtype === "f32" && trained ? draw.f32(first.shape, 0.5, 1.5) : undefined;
}

function numbersOf({ args }: Case, weights: Operand | undefined): Record<string, ArrayLike<number>> {
  const all = weights === undefined ? args : { ...args, weights };
  return Object.fromEntries(Object.entries(all).map(([name, { values }]) => [name, values]));
}

/** Records the arguments of a case; what is kept lies at `places`. */
export function leavesOf(
  args: Case["args"],
  graph: Graph,
  prefix: string,
  places: Readonly<Record<string, number>> = {},
): Record<string, Tensor> {
  const leaf = (key: string, { shape, dtype = "f32", scalar, kept }: Operand): Tensor => {
    const name = prefix + key;
    if (scalar === true) return graph.scalar(name);
    return kept === undefined ? graph.input(name, shape, dtype) : graph.state(name, shape, { ...kept, byteOffset: places[name] ?? 0 });
  };
  return Object.fromEntries(Object.entries(args).map(([key, operand]) => [key, leaf(key, operand)]));
}

/** Returns the values of a case and its gradients. */
function meaning(
  drawn: Case,
  weights: Operand | undefined,
  graph: Graph,
  prefix: string,
  leaves: Tensors = leavesOf(drawn.args, graph, prefix),
): Record<string, Tensor> {
  const values = { ...drawn.record(leaves, graph) };
  if (weights === undefined) return values;
  const [first] = Object.values(values) as [Tensor];
  const loss = t.sum(t.mul(first, graph.input(`${prefix}weights`, weights.shape, "f32")));
  const trained = Object.keys(drawn.args).filter((key) => drawn.args[key]?.dtype !== "u32");
  const parts = t.grad(
    loss,
    trained.map((key) => leaves[key] as Tensor),
  );
  return { ...values, ...Object.fromEntries(trained.map((key, i) => [`d/${key}`, parts[i] as Tensor])) };
}

/** Holds the slope of the weighed sum along a random direction of each argument to its central difference, all in f64. */
function checkGradients({ drawn, weights, wanted }: Prepared, numbers: Leaves, draw: Draw): void {
  const h = 2 ** -17;
  const graph = new Graph();
  const [first] = Object.values(drawn.record(leavesOf(drawn.args, graph, ""), graph)) as [Tensor];
  graph.outputs.set("y", first);
  const terms = (leaves: Leaves): Float64Array =>
    (outputsOf(graph, leaves).y as Float64Array).map((value, i) => value * (weights?.values[i] as number));
  for (const [key, { shape, values, dtype, cut }] of Object.entries(drawn.args)) {
    if (dtype === "u32") continue;
    // Along large numbers a whole step, along small ones as small a step as they are.
    const toward = Float64Array.from(draw.f32(shape, -1, 1).values, (d, i) => d * Math.min(1, Math.abs(values[i] as number)));
    const at = (by: number): Float64Array => terms({ ...numbers, [key]: toward.map((d, i) => (values[i] as number) + by * d) });
    const [above, below] = [at(h), at(-h)];
    // The maximum of nothing stays where it is.
    const rise = above.map((value, i) => (value === below[i] ? 0 : value - (below[i] as number)));
    const slope = cut === true ? 0 : sumOf(rise) / (2 * h);
    const gradient = wanted[`d/${key}`]?.values as Float64Array;
    const parts = toward.map((d, i) => d * (gradient[i] as number));
    const total = sumOf(parts);
    const allowed = 1e-6 * sumOf(parts.map(Math.abs)) + 1e-9 * sumOf(above.filter(Number.isFinite).map(Math.abs));
    if (!(Math.abs(total - slope) <= allowed))
      expect.fail(`the gradient of ${key} is no slope; expected ${slope} ± ${allowed}, got ${total}`);
  }
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** Returns where what is kept lies, and how large the arenas are. */
function layOut(cases: readonly Prepared[]): { places: Record<string, number>; sizes: Record<"state" | "rows", number> } {
  const sizes = { state: 0, rows: 0 };
  const places: Record<string, number> = {};
  for (const [i, { drawn }] of cases.entries()) {
    for (const [key, { shape, kept }] of Object.entries(drawn.args)) {
      if (kept === undefined) continue;
      places[`${i}/${key}`] = sizes[kept.arena] + 4 * MARGIN;
      sizes[kept.arena] += 4 * (sizeOf([shape[0] ?? 1, strideOf(shape, kept)]) + 2 * MARGIN);
    }
  }
  return { places, sizes };
}

const strideOf = (shape: readonly number[], kept: NonNullable<Operand["kept"]>): number => kept.rowStride ?? sizeOf(shape.slice(1));

/** Runs all cases as one program on a machine of their own and holds every number to its bound. */
export async function hold(cases: readonly Prepared[], open: (sizes: Record<"state" | "rows", number>) => Promise<Machine>): Promise<void> {
  const { places, sizes } = layOut(cases);
  const graph = trace((g) => {
    for (const [i, { drawn, weights }] of cases.entries()) {
      const leaves = leavesOf(drawn.args, g, `${i}/`, places);
      if (drawn.effect !== undefined) drawn.effect(leaves, g);
      else for (const [key, value] of Object.entries(meaning(drawn, weights, g, `${i}/`, leaves))) g.outputs.set(`${i}/${key}`, value);
    }
  });
  const plan = lower(graph);
  const io = new ProgramIo(plan, moment.seed);
  io.setStep(moment.step);
  const machine = await open(sizes);
  try {
    const program = await machine.compile(plan);
    const memory = { state: new Uint32Array(sizes.state / 4).fill(GARBAGE), rows: new Uint32Array(sizes.rows / 4).fill(GARBAGE) };
    for (const [i, { drawn, weights }] of cases.entries()) {
      for (const [key, values] of Object.entries(numbersOf(drawn, weights))) {
        const name = `${i}/${key}`;
        const { kept } = drawn.args[key] ?? {};
        if (kept !== undefined) putKept(memory, drawn.args[key] as Operand, places[name] as number, values);
        else if (io.has(name)) (drawn.args[key]?.dtype === "u32" ? io.u32(name) : io.f32(name)).set(values);
      }
    }
    for (const arena of ["state", "rows"] as const) machine.write(arena, 0, new Uint8Array(memory[arena].buffer));
    if (io.bytes.length > 0) machine.write(program, 0, io.bytes);
    const outputs = io.outputs(await machine.run(program));
    const after = {
      state: new Uint32Array((await machine.read("state", 0, sizes.state)).slice().buffer),
      rows: new Uint32Array((await machine.read("rows", 0, sizes.rows)).slice().buffer),
    };
    for (const [i, { name, drawn, wanted }] of cases.entries()) {
      for (const [key, within] of Object.entries(wanted)) {
        const operand = drawn.args[key];
        const found =
          drawn.effect === undefined ? outputs[`${i}/${key}`] : takeKept(after, operand as Operand, places[`${i}/${key}`] as number);
        compare(`${name}: ${key}`, found as ArrayLike<number>, within);
        // What is left must be as it was: rows are apart, and nothing may be written between them.
        if (drawn.effect !== undefined) putKept(after, operand as Operand, places[`${i}/${key}`] as number, (operand as Operand).values);
      }
    }
    for (const arena of ["state", "rows"] as const)
      expect(
        after[arena].findIndex((word, i) => word !== memory[arena][i]),
        `a word of ${arena} that nothing may change`,
      ).toBe(-1);
  } finally {
    machine.close();
  }
}

type Memory = Readonly<Record<"state" | "rows", Uint32Array<ArrayBuffer>>>;
const views = { f32: Float32Array, u32: Uint32Array, u8: Uint8Array } as const;

/** Visits the elements of what is kept: their number, and where they lie. */
function* walkKept({ shape, kept }: Operand, byteOffset: number): Generator<[i: number, at: number]> {
  const { storage } = kept as NonNullable<Operand["kept"]>;
  const row = sizeOf(shape.slice(1));
  const stride = strideOf(shape, kept as NonNullable<Operand["kept"]>);
  for (let i = 0; i < sizeOf(shape); i++)
    yield [i, byteOffset / views[storage].BYTES_PER_ELEMENT + Math.floor(i / row) * stride + (i % row)];
}

function putKept(memory: Memory, operand: Operand, byteOffset: number, values: ArrayLike<number>): void {
  const { arena, storage } = operand.kept as NonNullable<Operand["kept"]>;
  const elements = new views[storage](memory[arena].buffer);
  for (const [i, at] of walkKept(operand, byteOffset)) elements[at] = values[i] as number;
}

function takeKept(memory: Memory, operand: Operand, byteOffset: number): number[] {
  const { arena, storage } = operand.kept as NonNullable<Operand["kept"]>;
  const elements = new views[storage](memory[arena].buffer);
  return Array.from(walkKept(operand, byteOffset), ([, at]) => elements[at] as number);
}

function compare(where: string, found: ArrayLike<number>, { values, errors }: Within): void {
  expect(found.length, `${where}: elements`).toBe(values.length);
  for (const [i, want] of values.entries()) {
    const got = found[i] as number;
    const error = errors[i] as number;
    if (got !== want && !(Math.abs(got - want) <= error)) expect.fail(`${where}[${i}]: expected ${want} ± ${error}, got ${got}`);
  }
}
