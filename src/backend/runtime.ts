import { checkChoice, checkKeys, describe, fail } from "../errors.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import type { DType } from "../program/plan.ts";
import { type Shape, showShape, sizeOf } from "../program/shape.ts";
import { compileProgram } from "../program/trace.ts";
import { openWasm, type Wasm } from "../wasm/instance.ts";
import { ProgramIo } from "./io.ts";
import type { Machine, MachineSizes } from "./machine.ts";
import { openWasmMachine } from "./wasm/index.ts";
import type { GpuHost, GpuInfo } from "./webgpu/host.ts";

/** Something a runtime tells: which backend it took, or a warning about it. */
export interface RuntimeEvent {
  readonly level: "info" | "warning";
  readonly message: string;
}

/** Options of {@link openRuntime}. */
export interface RuntimeOptions {
  /** `auto` (default) takes WebGPU on a hardware adapter, else Wasm; `webgpu` also takes an adapter that computes on the CPU. */
  readonly backend?: "auto" | "webgpu" | "wasm";
  /** A device of the caller's to compute on. */
  readonly device?: GPUDevice;
  /** A WebGPU implementation to ask for a device. */
  readonly gpu?: GPU;
  /** Called with what the runtime has to tell, from before it opens. */
  readonly onEvent?: (event: RuntimeEvent) => void;
}

/** What was chosen and why. */
export interface RuntimeInfo {
  readonly backend: "webgpu" | "wasm";
  readonly reason: string;
  /** The adapter, on WebGPU. */
  readonly adapter?: GpuInfo;
}

/** The shape and dtype (default f32) of an argument of a compiled function. */
export type Signature = Readonly<Record<string, Shape | { readonly shape: Shape; readonly dtype?: DType }>>;

/** Options of {@link Runtime.compile}. */
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

/** A place to compute, and what is known about it. */
export interface Runtime {
  readonly info: RuntimeInfo;
  /** Returns a function of the caller's own, compiled: it receives tensors by name and returns tensors by name. */
  compile(
    build: (inputs: Readonly<Record<string, Tensor>>, graph: Graph) => Readonly<Record<string, Tensor>>,
    signature: Signature,
    options?: CompileOptions,
  ): Promise<CompiledFunction>;
  /** Returns a machine with arenas of its own, and the Wasm instance that decides for it. @internal */
  open(sizes: MachineSizes, wasm?: Wasm): Promise<{ machine: Machine; wasm: Wasm }>;
  close(): void;
}

/**
 * Returns a runtime on the best backend there is.
 * @throws E_CONFIG on an unknown option; E_NO_BACKEND when the backend asked for by name cannot be had
 */
export async function openRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  checkKeys("openRuntime", options, ["backend", "device", "gpu", "onEvent"]);
  const wanted = checkChoice("openRuntime", "backend", options.backend ?? "auto", ["auto", "webgpu", "wasm"]);
  const tell = (event: RuntimeEvent): void => options.onEvent?.(event);
  const { host, info } = await choose(wanted, options, tell);
  tell({ level: "info", message: `${info.backend}: ${info.reason}` });
  let closed = false;
  const runtime: Runtime = {
    info,
    async open(sizes, wasm) {
      if (closed)
        fail("E_STATE", "runtime: it is closed; expected an open runtime, got a call after close()", { hint: "Open a new runtime." });
      const own = wasm ?? (await openWasm());
      if (host === undefined) return { machine: openWasmMachine(own, sizes), wasm: own };
      const { openWebGpuMachine } = await import("./webgpu/index.ts");
      return { machine: await openWebGpuMachine(host, sizes), wasm: own };
    },
    compile: (build, signature, options = {}) => compileFunction(runtime, build, signature, options),
    close() {
      closed = true;
      host?.close();
    },
  };
  return runtime;
}

async function choose(
  wanted: "auto" | "webgpu" | "wasm",
  options: RuntimeOptions,
  tell: (event: RuntimeEvent) => void,
): Promise<{ host?: GpuHost; info: RuntimeInfo }> {
  if (wanted === "wasm") return { info: { backend: "wasm", reason: "asked for by name" } };
  const { acquireGpu } = await import("./webgpu/index.ts");
  const { gpu, device } = options;
  const found = await acquireGpu({ ...(gpu && { gpu }), ...(device && { device }), software: wanted === "webgpu" });
  if ("refused" in found) {
    if (wanted === "auto") return { info: { backend: "wasm", reason: found.refused } };
    fail("E_NO_BACKEND", `openRuntime: no WebGPU backend; expected a GPU adapter, got none: ${found.refused}`, {
      hint: 'Use backend "auto" or "wasm", or give a device.',
    });
  }
  const { host } = found;
  const adapter = host.info;
  const { name } = adapter;
  if (adapter.software) tell({ level: "warning", message: `webgpu: ${name} computes on the CPU; Wasm is faster` });
  const reason =
    device !== undefined ? "the device given" : wanted === "webgpu" ? `asked for by name: ${name}` : `hardware adapter: ${name}`;
  return { host, info: { backend: "webgpu", reason, adapter } };
}

async function compileFunction(
  runtime: Runtime,
  build: Parameters<Runtime["compile"]>[0],
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
  const { machine } = await runtime.open({ state: stateBytes, rows: plan.bytes.rows });
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
