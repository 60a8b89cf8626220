/** Where tests find a GPU: the runtime's own, or Dawn on Node. */
import { acquireGpu, type GpuHost } from "../src/backend/webgpu/index.ts";

/** Returns a WebGPU entry point, or undefined where there is none. */
export async function findGpu(): Promise<GPU | undefined> {
  if (typeof navigator !== "undefined" && navigator.gpu !== undefined) return navigator.gpu;
  if (typeof process === "undefined" || process.versions.node === undefined) return undefined;
  const { existsSync } = await import("node:fs");
  const url = new URL("./runtimes/node_modules/webgpu/index.js", import.meta.url);
  if (!existsSync(url)) return undefined;
  const dawn = (await import(/* @vite-ignore */ url.href)) as { create(options: string[]): GPU };
  // Dawn frees its instance under live devices once this object is collected.
  const kept = globalThis as { palimpsestTestGpu?: GPU };
  kept.palimpsestTestGpu ??= dawn.create(["enable-dawn-features=disable_workgroup_init"]);
  return kept.palimpsestTestGpu;
}

/** Returns a device to test on, software or not, or undefined where there is none; under CI=true that is an error. */
export async function openTestHost(): Promise<GpuHost | undefined> {
  const gpu = await findGpu();
  const acquired = gpu === undefined ? { refused: "this runtime has no WebGPU" } : await acquireGpu({ gpu, software: true });
  if ("host" in acquired) return acquired.host;
  if (typeof process !== "undefined" && process.env.CI === "true") throw new Error(acquired.refused);
  return undefined;
}
