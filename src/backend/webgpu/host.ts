/** Finds a GPU: the one place that owns the adapter and the device, and knows why there is none or no longer one. */
import { type ErrorCode, PalimpsestError } from "../../errors.ts";

/** What to open, and whether an adapter that computes on the CPU will do. */
export interface GpuOptions {
  /** Used instead of the runtime's own `navigator.gpu`. */
  readonly gpu?: GPU;
  /** Used as it is, software or not; it stays the caller's to destroy. */
  readonly device?: GPUDevice;
  readonly software: boolean;
}

/** The adapter as it describes itself; a field it keeps to itself is an empty text. */
export interface GpuInfo {
  /** What to call it: the most telling of the texts below. */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Whether it computes on the CPU. */
  readonly software: boolean;
  /** Bytes of the largest arena. */
  readonly maxArenaBytes: number;
  readonly features: readonly string[];
}

/** Why a device can do no more. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cause?: unknown;
}

/** A device with what was found out about it. */
export interface GpuHost {
  readonly device: GPUDevice;
  readonly info: GpuInfo;
  /** Why the device can do no more, once it is lost or closed. */
  failure(): Failure | undefined;
  /** Calls `listener` when the device is lost or closed, or reports an error that nobody waits for; returns the way to stop that. */
  listen(listener: (failure: Failure) => void): () => void;
  /** Ends the device for all who use it, though it does not say itself that it is lost. */
  lose(failure: Failure): void;
  /** Destroys the device unless it was the caller's. */
  close(): void;
}

/** How long an error waits for the loss that may be behind it. */
const GRACE_MS = 100;
/** Rows and states beyond this have no place on the Wasm backend either. */
const MOST_BYTES = 2 ** 32;

/** Returns a device on an adapter that will do, or the reason why there is none. */
export async function acquireGpu(options: GpuOptions): Promise<{ host: GpuHost } | { refused: string }> {
  if (options.device !== undefined) {
    const { device } = options;
    return { host: adopt(device, describeAdapter(device.adapterInfo, device), false) };
  }
  const found = options.gpu === undefined ? await findGpu() : { gpu: options.gpu };
  if ("refused" in found) return found;
  let adapter: GPUAdapter | null;
  try {
    adapter = await found.gpu.requestAdapter();
  } catch (cause) {
    return { refused: `the search for a GPU adapter failed: ${text(cause)}` };
  }
  if (adapter === null) return { refused: "no GPU adapter; the driver is missing or the browser blocks it" };
  const info = describeAdapter(adapter.info, adapter);
  if (info.software && !options.software) {
    return { refused: `the only GPU adapter (${info.name}) computes on the CPU, slower than Wasm` };
  }
  try {
    const requiredLimits = { maxBufferSize: info.maxArenaBytes, maxStorageBufferBindingSize: info.maxArenaBytes };
    return { host: adopt(await adapter.requestDevice({ label: "palimpsest", requiredLimits }), info, true) };
  } catch (cause) {
    return { refused: `the GPU adapter gives no device: ${text(cause)}` };
  }
}

async function findGpu(): Promise<{ gpu: GPU } | { refused: string }> {
  const { navigator, process } = globalThis as { navigator?: Navigator; process?: { versions?: Record<string, string> } };
  if (navigator?.gpu !== undefined) return { gpu: navigator.gpu };
  const { node, bun, deno } = process?.versions ?? {};
  if (node === undefined || bun !== undefined || deno !== undefined) return { refused: "this runtime has no WebGPU" };
  // Dawn frees its instance under live devices once this object is collected, hence a place that outlives every module.
  const kept = globalThis as { [key: symbol]: GPU | undefined };
  const key = Symbol.for("palimpsest.webgpu");
  try {
    // A name that bundlers do not resolve: the package is an optional peer.
    const specifier: string = ["web", "gpu"].join("");
    const dawn = (await import(/* @vite-ignore */ specifier)) as { create(options: string[]): GPU };
    // Zeroing workgroup memory slows software adapters down and no kernel needs it.
    kept[key] ??= dawn.create(["enable-dawn-features=disable_workgroup_init"]);
    return { gpu: kept[key] };
  } catch (cause) {
    return { refused: `Node has WebGPU through the optional package "webgpu" only: ${text(cause)}` };
  }
}

function describeAdapter(adapter: Partial<GPUAdapterInfo> | undefined, from: GPUAdapter | GPUDevice): GpuInfo {
  const { vendor = "", architecture = "", device = "", description = "" } = adapter ?? {};
  const named = /swiftshader|llvmpipe|lavapipe|software|microsoft basic render/i.test(
    [vendor, architecture, device, description].join(" "),
  );
  const fallback = adapter?.isFallbackAdapter ?? (from as { isFallbackAdapter?: boolean }).isFallbackAdapter ?? false;
  const { maxBufferSize, maxStorageBufferBindingSize } = from.limits;
  const maxArenaBytes = Math.min(maxBufferSize, maxStorageBufferBindingSize, MOST_BYTES);
  const name = description || device || architecture || vendor || "unnamed adapter";
  return {
    name,
    vendor,
    architecture,
    device,
    description,
    software: named || fallback,
    maxArenaBytes,
    features: [...from.features].sort(),
  };
}

function adopt(device: GPUDevice, info: GpuInfo, owned: boolean): GpuHost {
  const listeners = new Set<(failure: Failure) => void>();
  let ended: Failure | undefined;
  const tell = (failure: Failure): void => {
    for (const listener of [...listeners]) listener(failure);
  };
  const end = (failure: Failure): void => {
    if (ended !== undefined) return;
    ended = failure;
    device.removeEventListener("uncapturederror", hear);
    tell(failure);
  };
  const hear = (event: GPUUncapturedErrorEvent): void => {
    // The library never prints, and what nobody hears the runtime prints.
    event.preventDefault();
    const { error } = event;
    const failure: Failure = {
      code: "E_BACKEND",
      message: `webgpu: the device reports an error; expected none, got "${error.message}"`,
      cause: error,
    };
    // Firefox complains of what is asked of a lost device before it says that it is lost.
    setTimeout(() => {
      if (ended === undefined) tell(failure);
    }, GRACE_MS);
  };
  device.addEventListener("uncapturederror", hear);
  device.lost.then(({ reason, message }) => {
    end({ code: "E_DEVICE_LOST", message: `webgpu: the device was lost; expected it to stay, got "${message || reason || "no reason"}"` });
  });
  return {
    device,
    info,
    failure: () => ended,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    lose(failure) {
      end(failure);
      if (owned) device.destroy();
    },
    close() {
      end({ code: "E_STATE", message: "webgpu: the runtime is closed; expected an open one, got a call after close" });
      if (owned) device.destroy();
    },
  };
}

/** Throws why a host's device failed where that is behind an error, which may come first; else the error itself. */
export async function blame(host: GpuHost, error: unknown): Promise<never> {
  await Promise.race([host.device.lost, new Promise((resolve) => setTimeout(resolve, GRACE_MS))]);
  const failure = host.failure();
  throw failure === undefined ? error : errorOf(failure);
}

/** Returns the error that a failure is told as. */
export function errorOf({ code, message, cause }: Failure): PalimpsestError {
  return new PalimpsestError(code, message, { cause });
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
