import type { Kernels } from "../wasm/instance.ts";
import { constant, type Schedule } from "./schedules.ts";

/** What evaluating schedules needs of the Wasm exports (`assembly/schedule.ts`). */
export type ScheduleKernels = Pick<Kernels, "rate" | "rates">;

const kinds: Readonly<Record<Schedule["kind"], number>> = { constant: 0, cosine: 1, rewarm: 1, infinite: 2 };

/**
 * Returns `value` as a schedule; a number is a constant rate.
 * @throws E_CONFIG
 */
export function asSchedule(value: Schedule | number): Schedule {
  return typeof value === "number" ? constant(value) : value;
}

/** Returns the bytes that the parameters of `schedule` take in Wasm memory. */
export function scheduleBytes(schedule: Schedule): number {
  return schedule.parameters.length * Float64Array.BYTES_PER_ELEMENT;
}

/** Writes the parameters of `schedule` to Wasm memory at `address`, a multiple of 8. */
export function placeSchedule(buffer: ArrayBufferLike, address: number, schedule: Schedule): void {
  new Float64Array(buffer, address, schedule.parameters.length).set(schedule.parameters);
}

/** Returns the learning rate of update `t` (0-based) under `schedule`, whose parameters lie at `address`. */
export function rateAt(kernels: ScheduleKernels, address: number, schedule: Schedule, t: number): number {
  return kernels.rate(kinds[schedule.kind], address, t);
}

/** Writes the rates of updates `first` … `first + count - 1` to Wasm memory at `out` (f64, a multiple of 8). */
export function ratesAt(kernels: ScheduleKernels, address: number, schedule: Schedule, first: number, count: number, out: number): void {
  kernels.rates(kinds[schedule.kind], address, first, count, out);
}
