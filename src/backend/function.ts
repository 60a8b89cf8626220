/** Functions of the caller's own, traced and compiled onto a runtime. */
import { describe, fail } from "../errors.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import type { DType, Plan } from "../program/plan.ts";
import { type Shape, showShape, sizeOf } from "../program/shape.ts";
import { compileProgram } from "../program/trace.ts";
import { ProgramIo } from "./io.ts";
import type { Machine, MachineSizes } from "./machine.ts";

/** The shape and dtype (default f32) of an argument of a compiled function. */
export type Signature = Readonly<Record<string, Shape | { readonly shape: Shape; readonly dtype?: DType }>>;

/** Options of compiling a function. */
export interface CompileOptions {
  /** Seed of the function's random streams. Default 0. */
  readonly seed?: number;
  /** Tensors that stay on the device from run to run, such as weights; the function receives them by name beside its inputs. */
  readonly constants?: Readonly<Record<string, { readonly shape: Shape; readonly data: Float32Array }>>;
}

/** A traced function on a backend. */
export interface CompiledFunction {
  /** Returns the outputs by name for arguments by name; arguments are flat, in row-major order. @throws E_SHAPE E_STATE */
  run(inputs: Readonly<Record<string, ArrayLike<number>>>): Promise<Record<string, Float32Array | Uint32Array>>;
  close(): void;
}

/** A function to be traced: it receives tensors by name and returns tensors by name. */
export type Build = (inputs: Readonly<Record<string, Tensor>>, graph: Graph) => Readonly<Record<string, Tensor>>;

/** Returns a traced function, compiled on a machine that `open` returns for its plan. @throws E_SHAPE E_TRACE */
export async function compileFunction(
  open: (sizes: MachineSizes, plan: Plan) => Promise<Machine>,
  build: Build,
  signature: Signature,
  { seed = 0, constants = {} }: CompileOptions,
): Promise<CompiledFunction> {
  const entries = Object.entries(signature).map(([name, value]) => {
    const { shape, dtype = "f32" } = "shape" in value ? value : { shape: value };
    return { name, shape, dtype };
  });
  let stateBytes = 0;
  const kept = Object.entries(constants).map(([name, { shape, data }]) => {
    if (data.length !== sizeOf(shape)) {
      fail(
        "E_SHAPE",
        `compile: constant "${name}" does not fit; expected ${sizeOf(shape)} numbers of ${showShape(shape)}, got ${data.length}`,
      );
    }
    const byteOffset = stateBytes;
    stateBytes += Math.ceil(data.byteLength / 16) * 16;
    return { name, shape, data, byteOffset };
  });
  const plan = compileProgram((graph) => {
    const leaves = kept.map(({ name, shape, byteOffset }) => [
      name,
      graph.state(name, shape, { arena: "state", storage: "f32", byteOffset }),
    ]);
    const inputs = Object.fromEntries([...entries.map(({ name, shape, dtype }) => [name, graph.input(name, shape, dtype)]), ...leaves]);
    for (const [name, tensor] of Object.entries(build(inputs, graph))) graph.outputs.set(name, tensor);
  });
  const machine = await open({ state: stateBytes, rows: plan.bytes.rows }, plan);
  for (const { data, byteOffset } of kept)
    machine.write("state", byteOffset, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const program = await machine.compile(plan);
  const io = new ProgramIo(plan, seed);
  let runs = 0;
  return {
    async run(inputs) {
      for (const { name, shape, dtype } of entries) {
        const given = inputs[name];
        if (given === undefined || given.length !== sizeOf(shape)) {
          fail(
            "E_SHAPE",
            `run: input "${name}" does not fit; expected ${sizeOf(shape)} numbers of ${showShape(shape)}, got ${describe(given)}`,
          );
        }
        // An argument that the function does not use has no place.
        if (io.has(name)) (dtype === "f32" ? io.f32(name) : io.u32(name)).set(given);
      }
      io.setStep(runs++);
      if (io.bytes.length > 0) machine.write(program, 0, io.bytes);
      return io.outputs(await machine.run(program));
    },
    close: () => machine.close(),
  };
}
