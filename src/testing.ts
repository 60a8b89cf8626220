/** What tests of programs that use Palimpsest need: its schedules as numbers. */
export { evaluateSchedule as scheduleAt, type ScheduleContext } from "./optim/evaluate.ts";
