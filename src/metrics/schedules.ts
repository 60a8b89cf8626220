/** The schedules of `src/optim`, with their picture. */
import type { Schedule } from "../optim/schedules.ts";
import type { PlotOptions } from "./plot.ts";

export * from "../optim/schedules.ts";
export type { PlotOptions } from "./plot.ts";

/** Returns the rates of a schedule as the text of an SVG document. @throws E_CONFIG */
export async function plot(schedule: Schedule | number, options?: PlotOptions): Promise<string> {
  return (await import("./plot.ts")).plotSchedule(schedule, options);
}
