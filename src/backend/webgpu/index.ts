/** The WebGPU backend: loaded on its own, where there is a GPU. */
export { acquireGpu, type GpuHost } from "./host.ts";
export { keepGpu } from "./keeper.ts";
export { openWebGpuMachine } from "./machine.ts";
