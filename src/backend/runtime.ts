import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import type { Plan } from "../program/plan.ts";
import { builtin } from "../wasm/host.ts";
import { openWasm, type Precision, relaxes, type Wasm } from "../wasm/instance.ts";
import type { Build, CompiledFunction, CompileOptions, Signature } from "./function.ts";
import type { Machine, MachineSizes } from "./machine.ts";
import type { Measured } from "./measure.ts";
import type { GpuInfo } from "./webgpu/host.ts";
import type { GpuKeeper, Replaced } from "./webgpu/keeper.ts";

/** Something a runtime tells: which backend it took, or a warning about it. */
export interface RuntimeEvent {
  readonly level: "info" | "warning";
  readonly message: string;
}

/** Options of {@link openRuntime}. */
export interface RuntimeOptions {
  /**
   * `auto` (default) takes Wasm where there is no hardware adapter or device given; where there is, each program runs on both backends for a
   * moment and stays on the faster. `webgpu` also takes an adapter that computes on the CPU.
   */
  readonly backend?: "auto" | "webgpu" | "wasm";
  /** A device of the caller's to compute on. */
  readonly device?: GPUDevice;
  /** A WebGPU implementation to ask for a device. */
  readonly gpu?: GPU;
  /** Threads of the Wasm backend; `auto` is one a core. Results do not depend on it. Default 1; 1 too where the host cannot share memory. */
  readonly threads?: number | "auto";
  /**
   * `exact` (default): the same bits in every engine. `fast`: products use the fused multiply-add of relaxed SIMD where the engine has it, whose
   * last bits depend on engine and processor.
   */
  readonly precision?: Precision;
  /**
   * Bytes that the arenas of one learner or function may take together; what would take more is refused before it is allocated. Default: in a
   * browser, which ends a page that takes too much without a word, a quarter of the device's memory, or of 1.5 GiB where it does not tell;
   * elsewhere no limit.
   */
  readonly memoryBudget?: number;
  /** Called with what the runtime has to tell, from before it opens. */
  readonly onEvent?: (event: RuntimeEvent) => void;
}

/** What was chosen and why. After a GPU device was lost it tells of what took its place. */
export interface RuntimeInfo {
  /** The backend programs run on, unless it was measured that another is faster for one. */
  readonly backend: "webgpu" | "wasm";
  readonly reason: string;
  /** The adapter, on WebGPU. */
  readonly adapter?: GpuInfo;
  /** Threads that the Wasm backend has. */
  readonly threads: number;
  readonly precision: Precision;
  /** What was measured so far to choose between two backends. */
  readonly measured: readonly Measured[];
}

/** A place to compute, and what is known about it. */
export interface Runtime {
  readonly info: RuntimeInfo;
  /** Returns a function of the caller's own, compiled. */
  compile(build: Build, signature: Signature, options?: CompileOptions): Promise<CompiledFunction>;
  /** Returns a Wasm instance to decide in, and to compute in on that backend. @internal */
  wasm(): Promise<Wasm>;
  /** Returns a machine with arenas of its own, on the backend that runs `plan` faster. @throws E_OOM @internal */
  open(sizes: MachineSizes, wasm: Wasm, plan: Plan): Promise<Machine>;
  close(): void;
}

/**
 * Returns a runtime on the best backend there is.
 * @throws E_CONFIG on an unknown option; E_NO_BACKEND when the backend asked for by name cannot be had
 */
export async function openRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  const where = "openRuntime";
  checkKeys(where, options, ["backend", "device", "gpu", "threads", "precision", "memoryBudget", "onEvent"]);
  const wanted = checkChoice(where, "backend", options.backend ?? "auto", ["auto", "webgpu", "wasm"]);
  const { threads: asked = 1, memoryBudget = usualBudget() } = options;
  const threads = asked === "auto" ? cores() : checkNumber(where, "threads", asked, { min: 1, max: MOST_THREADS, integer: true });
  if (memoryBudget !== Number.POSITIVE_INFINITY) checkNumber(where, "memoryBudget", memoryBudget, { min: 1 });
  const precise = checkChoice(where, "precision", options.precision ?? "exact", ["exact", "fast"]);
  const tell = (event: RuntimeEvent): void => options.onEvent?.(event);
  const { keeper, ...chosen } = await choose(wanted, options, (by) => replaced(by));
  const precision = precise === "fast" && !(await relaxes()) ? "exact" : precise;
  if (precision !== precise) tell({ level: "warning", message: "wasm: this engine has no relaxed SIMD; products are exact" });
  let shared = threads > 1 ? await (await import("../wasm/threaded.ts")).openThreadedWasm(threads, precision) : undefined;
  if (shared !== undefined && "refused" in shared) {
    tell({ level: "warning", message: `wasm: one thread, since ${shared.refused}` });
    shared = undefined;
  }
  const crew = shared;
  const measured: Measured[] = [];
  const info: { -readonly [K in keyof RuntimeInfo]: RuntimeInfo[K] } = { ...chosen, threads: crew?.crew?.size ?? 1, precision, measured };
  if (info.adapter?.software) tell({ level: "warning", message: `webgpu: ${info.adapter.name} computes on the CPU; Wasm is faster` });
  tell({ level: "info", message: `${info.backend}: ${info.reason}` });
  const replaced = (by: Replaced): void => {
    if ("host" in by) info.adapter = by.host.info;
    else {
      Object.assign(info, { backend: "wasm", reason: `the GPU device was lost: ${by.refused}` });
      delete info.adapter;
    }
    const now = "host" in by ? `${by.host.info.name} gives another` : `Wasm computes from now on, since ${by.refused}`;
    tell({ level: "warning", message: `webgpu: the device was lost; ${now}` });
  };
  let closed = false;
  const alive = (): void => {
    if (closed)
      fail("E_STATE", "runtime: it is closed; expected an open runtime, got a call after close()", { hint: "Open a new runtime." });
  };
  const runtime: Runtime = {
    info,
    async wasm() {
      alive();
      return crew ?? openWasm(precision);
    },
    async open(sizes, wasm, plan) {
      alive();
      checkBudget(sizes, plan, memoryBudget);
      const onWasm = async (): Promise<Machine> => (await import("./wasm/index.ts")).openWasmMachine(wasm, sizes);
      const found = await keeper?.current();
      if (found === undefined || "refused" in found) return onWasm();
      const { host } = found;
      const { openWebGpuMachine } = await import("./webgpu/index.ts");
      if (wanted === "auto") {
        const machines = { webgpu: () => openWebGpuMachine(host, sizes), wasm: onWasm };
        const { measure } = await import("./measure.ts");
        const result = await measure(plan, machines, `${host.info.name}, ${info.threads} threads, ${precision}`);
        if (!measured.includes(result)) measured.push(result);
        if (result.backend === "wasm") return onWasm();
      }
      return openWebGpuMachine(host, sizes);
    },
    async compile(build, signature, options = {}) {
      const { compileFunction } = await import("./function.ts");
      const open = async (sizes: MachineSizes, plan: Plan): Promise<Machine> => runtime.open(sizes, await runtime.wasm(), plan);
      return compileFunction(open, build, signature, options);
    },
    close() {
      closed = true;
      crew?.crew?.close();
      keeper?.close();
    },
  };
  return runtime;
}

const MOST_THREADS = 64;

function usualBudget(): number {
  if (builtin("node:os") !== undefined) return Number.POSITIVE_INFINITY;
  const { deviceMemory = 1.5 } = (globalThis as { navigator?: { deviceMemory?: number } }).navigator ?? {};
  return deviceMemory * 2 ** 28;
}

/** Returns the threads that the processor runs at once. */
function cores(): number {
  const os = builtin("node:os") as { availableParallelism(): number } | undefined;
  const { hardwareConcurrency = 1 } = (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator ?? {};
  return Math.min(MOST_THREADS, os?.availableParallelism() ?? hardwareConcurrency);
}

function checkBudget({ state, rows }: MachineSizes, plan: Plan, budget: number): void {
  const bytes = { ...plan.bytes, state, rows };
  const total = Object.values(bytes).reduce((a, b) => a + b, 0);
  if (total <= budget) return;
  const parts = Object.entries(bytes).map(([arena, size]) => `${arena} ${size}`);
  fail("E_OOM", `runtime: the program is over the memory budget; expected at most ${budget} bytes, got ${total} (${parts.join(", ")})`, {
    hint: "Use a smaller model, memory capacity or batch, or raise memoryBudget.",
    context: { budget, total, bytes },
  });
}

async function choose(
  wanted: "auto" | "webgpu" | "wasm",
  options: RuntimeOptions,
  replaced: (by: Replaced) => void,
): Promise<{ keeper?: GpuKeeper } & Pick<RuntimeInfo, "backend" | "reason" | "adapter">> {
  if (wanted === "wasm") return { backend: "wasm", reason: "asked for by name" };
  const { acquireGpu, keepGpu } = await import("./webgpu/index.ts");
  const { gpu, device } = options;
  const asked = { ...(gpu && { gpu }), software: wanted === "webgpu" };
  const found = await acquireGpu({ ...asked, ...(device && { device }) });
  if ("refused" in found) {
    if (wanted === "auto") return { backend: "wasm", reason: found.refused };
    fail("E_NO_BACKEND", `openRuntime: no WebGPU backend; expected a GPU adapter, got none: ${found.refused}`, {
      hint: 'Use backend "auto" or "wasm", or give a device.',
    });
  }
  const { host } = found;
  const adapter = host.info;
  const { name } = adapter;
  const reason =
    device !== undefined ? "the device given" : wanted === "webgpu" ? `asked for by name: ${name}` : `hardware adapter: ${name}`;
  return { keeper: keepGpu(host, asked, replaced), backend: "webgpu", reason, adapter };
}
