/** WebGPU for Node, where a browser would have it. */
import { createRequire } from "node:module";

/**
 * Returns Dawn, from the addon at the path DAWN_NODE or from the package `webgpu`, and puts it and a browser's names where libraries look.
 * @returns {Promise<GPU>}
 */
export async function openDawn() {
  const path = process.env.DAWN_NODE;
  const { create, globals } = path === undefined ? await import("webgpu") : createRequire(import.meta.url)(path);
  // No kernel here needs zeroed workgroup memory, and zeroing it slows software adapters down.
  const gpu = create(["enable-dawn-features=disable_workgroup_init"]);
  Object.assign(globalThis, globals);
  // Kept there for good: Dawn frees its instance under live devices once this object is collected.
  Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "Node.js" }, configurable: true });
  return gpu;
}
