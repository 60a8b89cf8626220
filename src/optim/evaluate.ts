/** Rates of a schedule as numbers, for tests and pictures. */
import { checkKeys, checkNumber } from "../errors.ts";
import { openWasm } from "../wasm/instance.ts";
import { asSchedule, checkMark, groupAddress, type Marks, placeSchedule, rateAt, scheduleBytes } from "./rate.ts";
import type { Schedule } from "./schedule.ts";

/** What the rates of a schedule may depend on beside t. */
export interface ScheduleContext {
  /** When things happened that it waits for, by name. Default: nothing has happened. */
  readonly marks?: Marks;
  /** The parameter group, where it has several. */
  readonly group?: string;
}

/**
 * Returns the learning rates of updates `times` (0-based) under a schedule: the numbers that a learner takes.
 * @throws E_CONFIG
 */
export async function evaluateSchedule(
  value: Schedule | number,
  times: ArrayLike<number>,
  context: ScheduleContext = {},
): Promise<Float64Array> {
  const where = "evaluateSchedule";
  const schedule = asSchedule(value, where);
  checkKeys(where, context, ["marks", "group"]);
  const { marks = {}, group } = context;
  for (const [name, step] of Object.entries(marks)) {
    checkMark(where, schedule, name);
    checkNumber(where, `marks.${name}`, step, { min: 0, integer: true });
  }
  const { exports, memory, alloc } = await openWasm();
  const address = alloc(scheduleBytes(schedule));
  placeSchedule(memory.buffer, address, schedule, marks);
  const node = groupAddress(address, schedule, group);
  return Float64Array.from(times, (t) => rateAt(exports, node, checkNumber(where, "t", t, { min: 0 })));
}
