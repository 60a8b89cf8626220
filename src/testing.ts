/** What tests of programs that use Palimpsest need: its schedules and optimizers as numbers. */
import { openRuntime } from "./backend/runtime.ts";
import { type Applied, type ApplyOptions, applyOptimizer as apply } from "./learner/testing.ts";
import type { Optimizer } from "./optim/optimizer.ts";

export type { Applied, ApplyOptions, Vectors } from "./learner/testing.ts";
export { evaluateSchedule as scheduleAt, type ScheduleContext } from "./optim/evaluate.ts";

/**
 * Returns what becomes of parameters under an optimizer, after each step, on a backend of choice (default "wasm").
 * @throws E_CONFIG E_UNSUPPORTED
 * @example
 * const { params } = await applyOptimizer(optim.sgd(), {
 *   params: { w: { shape: [2], data: [1, 2] } },
 *   grads: [{ w: [1, 0] }],
 *   learningRate: 0.5,
 * });
 * params[0].w; // 0.5, 2
 */
export async function applyOptimizer(
  optimizer: Optimizer,
  options: ApplyOptions & { readonly backend?: "wasm" | "webgpu" },
): Promise<Omit<Applied, "plan">> {
  const { backend = "wasm", ...rest } = options;
  const runtime = await openRuntime({ backend });
  try {
    const { params, averaged, metrics } = await apply(runtime, optimizer, rest);
    return { params, averaged, metrics };
  } finally {
    runtime.close();
  }
}
