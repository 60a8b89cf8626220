import { describe, fail, nearestName } from "../errors.ts";
import type { Kernels } from "../wasm/instance.ts";
import { constant, type Schedule } from "./schedule.ts";

/** What evaluating schedules needs of the Wasm exports (`assembly/schedule.ts`). */
export type ScheduleKernels = Pick<Kernels, "rate" | "rates">;

/** When something happened, by its name: the index of the update that came next. */
export type Marks = Readonly<Record<string, number>>;

/**
 * Returns `value` as a schedule; a number is a constant rate.
 * @throws E_CONFIG
 */
export function asSchedule(value: Schedule | number, where = "schedule"): Schedule {
  if (typeof value === "number") return constant(value);
  if (Array.isArray(value?.parameters) && value.marks !== undefined) return value;
  fail("E_CONFIG", `${where}: this is no schedule; expected one, or a number, got ${describe(value)}`, {
    hint: "Make one with schedules.cosine and the like.",
  });
}

/** Returns the bytes that the parameters of `schedule` take in Wasm memory. */
export function scheduleBytes(schedule: Schedule): number {
  return schedule.parameters.length * Float64Array.BYTES_PER_ELEMENT;
}

/** Writes the parameters of `schedule`, with what has happened so far, to Wasm memory at `address`, a multiple of 8. */
export function placeSchedule(buffer: ArrayBufferLike, address: number, schedule: Schedule, marks: Marks = {}): void {
  const words = new Float64Array(buffer, address, schedule.parameters.length);
  words.set(schedule.parameters);
  for (const [name, offsets] of Object.entries(schedule.marks)) {
    if (Object.hasOwn(marks, name)) for (const offset of offsets) words[offset] = marks[name] as number;
  }
}

/** Returns where the parameters lie that a group follows, of a schedule at `address`. */
export function groupAddress(address: number, { groups }: Schedule, group: string | undefined): number {
  const known = groups !== undefined && group !== undefined && Object.hasOwn(groups, group);
  return known ? address + (groups[group] as number) * Float64Array.BYTES_PER_ELEMENT : address;
}

/** Returns the learning rate of update `t` (0-based) under the schedule whose parameters lie at `address`. */
export function rateAt(kernels: ScheduleKernels, address: number, t: number): number {
  return kernels.rate(address, t);
}

/** Writes the rates of updates `first` … `first + count - 1` to Wasm memory at `out` (f64, a multiple of 8). */
export function ratesAt(kernels: ScheduleKernels, address: number, first: number, count: number, out: number): void {
  kernels.rates(address, first, count, out);
}

/** Refuses the name of a mark that a schedule does not wait for. @throws E_CONFIG */
export function checkMark(where: string, schedule: Pick<Schedule, "marks">, name: string): void {
  if (Object.hasOwn(schedule.marks, name)) return;
  const known = Object.keys(schedule.marks);
  const near = nearestName(name, known);
  fail("E_CONFIG", `${where}: the schedule waits for no mark "${name}"; expected ${known.join(" or ") || "none"}, got "${name}"`, {
    hint: near === undefined ? `This schedule has ${known.length === 0 ? "no marks" : known.join(", ")}.` : `Did you mean "${near}"?`,
  });
}
