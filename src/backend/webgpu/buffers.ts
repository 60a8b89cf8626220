/** Buffers of a device: had within the limits or refused in numbers, and mapped as soon as the work on them is done. */
import { fail } from "../../errors.ts";
import { bufferBytes } from "./dispatch.ts";
import type { GpuHost } from "./host.ts";

/** Bits of `GPUBufferUsage`, which Node does not have as a global: storage and copies both ways; mapping and copies to it; copies both ways. */
export const usage = { arena: 0x8c, staging: 0x9, ticket: 0xc } as const;

/** A buffer to be had. */
export interface Wanted {
  readonly label: string;
  /** Bytes; rounded up to what a binding and a copy need. */
  readonly size: number;
  readonly usage: number;
}

/**
 * Refuses buffers that the adapter could not bind whole.
 * @throws E_OOM
 */
export function checkSizes({ info }: GpuHost, wanted: readonly Pick<Wanted, "label" | "size">[]): void {
  for (const { label, size } of wanted) {
    if (size <= info.maxArenaBytes) continue;
    refuse(`expected at most ${info.maxArenaBytes} bytes for "${label}", the limit of this adapter, got ${size}`);
  }
}

/**
 * Returns zeroed buffers, all or none.
 * @throws E_OOM when one is beyond the adapter's limit or the memory is not there
 */
export async function allocate(host: GpuHost, wanted: readonly Wanted[]): Promise<GPUBuffer[]> {
  const { device } = host;
  checkSizes(host, wanted);
  device.pushErrorScope("out-of-memory");
  const buffers = wanted.map(({ label, size, usage }) => device.createBuffer({ label, size: bufferBytes(size), usage }));
  const error = await device.popErrorScope();
  if (error === null) return buffers;
  for (const buffer of buffers) buffer.destroy();
  device.queue.submit([]);
  const bytes = wanted.reduce((sum, { size }) => sum + size, 0);
  refuse(`expected ${bytes} bytes for ${wanted.map(({ label }) => `"${label}"`).join(", ")}, got "${error.message}"`);
}

function refuse(what: string): never {
  fail("E_OOM", `webgpu: the GPU has no memory for this; ${what}`, {
    hint: "Use a smaller model, memory capacity or batch, or the Wasm backend.",
  });
}

/**
 * Refuses bytes that are not whole words inside a buffer.
 * @throws E_STATE
 */
export function checkRange(buffer: GPUBuffer, byteOffset: number, byteLength: number): void {
  if (byteOffset % 4 === 0 && byteLength % 4 === 0 && byteOffset >= 0 && byteOffset + byteLength <= buffer.size) return;
  fail(
    "E_STATE",
    `webgpu: bytes are not in "${buffer.label}"; expected words within ${buffer.size} bytes, got ${byteLength} at ${byteOffset}`,
  );
}

/** Maps under way where they need nudging. */
const pending = new Map<GPUBuffer, GPUDevice>();
/** Nudges at once before they slow down: a GPU answers within some, and one that computes on the CPU needs the time itself. */
const EAGER = 8;
const PATIENCE_MS = 4;
let channel: MessageChannel | undefined;
let nudges = 0;
let nudging = false;

/** Resolves when a staging buffer is mapped for reading. */
export async function watchMap(device: GPUDevice, staging: GPUBuffer): Promise<void> {
  const mapped = staging.mapAsync(1);
  if (!pollsSlowly()) return mapped;
  pending.set(staging, device);
  nudges = 0;
  if (!nudging) nudgeLater();
  try {
    await mapped;
  } finally {
    pending.delete(staging);
  }
}

/** Firefox looks for finished work every 100 ms, and at each submit (bugzilla.mozilla.org 1870699). */
function pollsSlowly(): boolean {
  return (globalThis as { navigator?: Navigator }).navigator?.userAgent?.includes("Firefox/") === true;
}

function nudgeLater(): void {
  nudging = true;
  if (channel === undefined) {
    channel = new MessageChannel();
    channel.port1.onmessage = nudge;
  }
  if (nudges++ < EAGER) channel.port2.postMessage(0);
  else setTimeout(nudge, PATIENCE_MS);
}

function nudge(): void {
  nudging = pending.size > 0;
  if (!nudging) return;
  for (const device of new Set(pending.values())) device.queue.submit([]);
  nudgeLater();
}
