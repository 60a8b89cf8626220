/** Pipelines of a device, made once for each text and set of constants. */
import { fail } from "../../errors.ts";
import { arenas } from "./contract.ts";
import type { Dispatch } from "./dispatch.ts";

/** Bits of the WebGPU standard, which Node does not have as globals. */
const COMPUTE_STAGE = 4;

interface Pipelines {
  readonly bindings: GPUBindGroupLayout;
  readonly layout: GPUPipelineLayout;
  readonly made: Map<string, Promise<GPUComputePipeline>>;
}

const perDevice = new WeakMap<GPUDevice, Pipelines>();

/** Returns the layout that every kernel shares: the four arenas, whole. */
export function arenaBindings(device: GPUDevice): GPUBindGroupLayout {
  return pipelinesOf(device).bindings;
}

/**
 * Returns the pipeline of a dispatch.
 * @throws E_BACKEND with the kernel's label and the compiler's message
 */
export function makePipeline(device: GPUDevice, dispatch: Dispatch): Promise<GPUComputePipeline> {
  const { made, layout } = pipelinesOf(device);
  const key = JSON.stringify([dispatch.entryPoint, dispatch.constants, dispatch.code]);
  let pipeline = made.get(key);
  if (pipeline === undefined) {
    pipeline = compile(device, layout, dispatch);
    made.set(key, pipeline);
    pipeline.catch(() => made.delete(key));
  }
  return pipeline;
}

function pipelinesOf(device: GPUDevice): Pipelines {
  let pipelines = perDevice.get(device);
  if (pipelines === undefined) {
    const entries = arenas.map((_, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer: { type: "storage" as const } }));
    const bindings = device.createBindGroupLayout({ label: "arenas", entries });
    pipelines = { bindings, layout: device.createPipelineLayout({ label: "arenas", bindGroupLayouts: [bindings] }), made: new Map() };
    perDevice.set(device, pipelines);
  }
  return pipelines;
}

async function compile(
  device: GPUDevice,
  layout: GPUPipelineLayout,
  { label, code, entryPoint, constants }: Dispatch,
): Promise<GPUComputePipeline> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label, code });
  const invalid = device.popErrorScope();
  try {
    const pipeline = await device.createComputePipelineAsync({ label, layout, compute: { module, entryPoint, constants } });
    await invalid;
    return pipeline;
  } catch (cause) {
    const [error, info] = await Promise.all([invalid, module.getCompilationInfo()]);
    const errors = info.messages.filter(({ type }) => type === "error");
    const log = errors.map(({ message }) => message.trim()).join("\n") || (error?.message ?? String(cause));
    fail("E_BACKEND", `${label}: the GPU refuses the kernel; expected it to compile, got "${log.split("\n")[0]}"`, {
      context: { log, code, constants },
      cause,
    });
  }
}
