import type { Plan } from "../program/plan.ts";

/** A compiled plan on one machine. */
export interface Executable {
  readonly plan: Plan;
}

/** What bytes are addressed by: an arena of the machine, or the `io` of one program. */
export type Target = "state" | "rows" | Executable;

/**
 * A backend with the arenas of one learner: five verbs, the same on every backend. `state` and `rows` start as zeros.
 * Byte offsets and lengths are multiples of 4.
 */
export interface Machine {
  readonly backend: "wasm" | "webgpu";
  /** Makes a plan ready to run; all slow work (pipelines, descriptors, buffers) happens here. @throws E_OOM E_BACKEND */
  compile(plan: Plan): Promise<Executable>;
  /** Puts bytes into an arena; ordered before every later run. */
  write(target: Target, byteOffset: number, bytes: Uint8Array): void;
  /** Runs a program once; resolves to the bytes of its outputs (those of `plan.outputs`, from the first on) when the run is known to be done. */
  run(program: Executable): Promise<Uint8Array>;
  /** Returns a copy of bytes of an arena as they are after all runs so far. */
  read(target: Target, byteOffset: number, byteLength: number): Promise<Uint8Array>;
  /** Frees everything; later calls fail with E_STATE. */
  close(): void;
}

/** Bytes of the two arenas that outlive a step. */
export interface MachineSizes {
  readonly state: number;
  readonly rows: number;
}
