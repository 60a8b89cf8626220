/** What the host calls of the planners, a module of its own that is loaded when one is first asked: predictions about schedules, in f64. */
export { bound, refine } from "./bound";
export { curve, fit, fitScratch } from "./fit";
export { forecast, geometric } from "./forecast";
export { trace } from "./trace";

/** Returns the first byte of memory that the module does not use itself. */
export function heapBase(): usize {
  return __heap_base;
}
