/** What a device is told to run for a kernel: WGSL text, override constants and a number of groups. */
import type { ArenaName, Plan } from "../../program/plan.ts";
import type { Wide } from "./emit.ts";

/** One dispatch before its pipeline is made. */
export interface Dispatch {
  readonly label: string;
  readonly code: string;
  readonly entryPoint: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly groups: readonly [x: number, y: number];
}

/** What kernels are lowered for. */
export interface Target {
  /** Whether the adapter computes on the CPU. */
  readonly software: boolean;
  /** Bytes of each arena that the plan needs. */
  readonly bytes: Plan["bytes"];
}

/** The least limit of WebGPU on groups in one dimension. */
const MOST_GROUPS = 65535;

/** Returns bytes rounded up to what a buffer has: whole quads of words, and one at least. */
export function bufferBytes(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

/**
 * Returns the dispatch of a filled template, or undefined when it has no groups. Arenas get their lengths: the bounds that a compiler
 * puts before every access are then constants, which takes a third to a half off kernels of scalar loads (SwiftShader).
 */
export function dispatch(
  target: Target,
  { code, groups, wide, ...rest }: Omit<Dispatch, "groups"> & { readonly groups: number; readonly wide?: Wide },
): Dispatch | undefined {
  if (groups === 0) return undefined;
  const sized = code.replace(/\b(state|rows|io|work): ?array<u32>/g, (_, name: ArenaName) => {
    const words = bufferBytes(target.bytes[name]) / 4;
    return `${name}: array<${wide?.has(name) ? `vec4<u32>, ${words / 4}` : `u32, ${words}`}>`;
  });
  const y = Math.ceil(groups / MOST_GROUPS);
  return { ...rest, code: sized, groups: [Math.ceil(groups / y), y] };
}
