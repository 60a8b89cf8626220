import { checkKeys, checkNumber } from "../errors.ts";
import type { Replay } from "../memory/replay.ts";
import { concat, mul, reshape, slice, sum } from "../program/tensor.ts";
import type { HostContext, Strategy } from "./strategy.ts";

/** Options of {@link gem}. */
export interface GemOptions {
  /** Tasks before the present one that are minded, those of the lowest numbers in memory. Default 10. */
  readonly tasks?: number;
  /** Rows of each in a step: all that memory has of it, or, where these are more, some at random. Default 64. */
  readonly batchSize?: number;
  /** The least that each task's gradient is added by, γ. Default 0.5. */
  readonly margin?: number;
  /** Added to the diagonal, so that the problem has one solution. Default 1e-3. */
  readonly eps?: number;
}

/**
 * Returns gradient episodic memory: where the gradient g goes against that of any past task, G_k·g < 0, the step has g + Σ v_k·G_k instead, with the v ≥ γ
 * that makes ½vᵀ(GGᵀ + εI)v + (Gg)ᵀv smallest. Since G_k is the gradient of the mean loss of task k, its rows join the step with weight v_k; g is that
 * of the rows that arrive. The promise holds for plain SGD. Best with `memory.ring({ key: "task" })`, and a batch that says its task.
 * @throws E_CONFIG
 * @see Lopez-Paz and Ranzato 2017, arXiv 1706.08840, "Gradient episodic memory for continual learning", equation 11
 */
export function gem(options: GemOptions = {}): Strategy {
  const where = "strategies.gem";
  checkKeys(where, options, ["tasks", "batchSize", "margin", "eps"]);
  const tasks = checkNumber(where, "tasks", options.tasks ?? 10, { min: 1, max: 1024, integer: true });
  const size = checkNumber(where, "batchSize", options.batchSize ?? 64, { min: 1, max: 2 ** 20, integer: true });
  const margin = checkNumber(where, "margin", options.margin ?? 0.5, { min: 0 });
  const eps = checkNumber(where, "eps", options.eps ?? 1e-3, { min: 0, open: "min" });
  const groups = Array.from({ length: tasks }, (_, k) => ({ name: `gem/${k}`, size }));
  return {
    name: "gem",
    config: { tasks, batchSize: size, margin, eps },
    needsMemory: true,
    needs: { linear: true, passes: { forward: 1, backward: 1 } },
    keeps: () => ({ v: { shape: [tasks], lasts: false } }),
    programs: {
      measure: {
        arrival: true,
        groups,
        build({ rowLoss, mean, gradientOf }) {
          const all = ["arrival", ...groups.map(({ name }) => name)].map((name) => gradientOf(mean(rowLoss, name)));
          // Products of each task's gradient with those of the arrived rows and of all tasks.
          const products = all.slice(1).flatMap((a) => all.map((b) => reshape(sum(mul(a, b)), [1])));
          return { outputs: { products: concat(products, 0) } };
        },
      },
      weigh: { numbers: { v: [tasks] }, build: ({ given, kept }) => ({ keeps: { v: reshape(given("v"), kept("v").shape) } }) },
    },
    draw: {
      groups,
      async select(context) {
        const { host, run, memory } = context;
        const past = host === undefined || run === undefined ? [] : pastOf(memory, context.task ?? 0).slice(0, tasks);
        const v = new Float32Array(tasks);
        const rows = Object.fromEntries(past.map((slots, k) => [`gem/${k}`, { slots: someOf(slots, size, context, k) }]));
        if (host !== undefined && run !== undefined) {
          if (past.length > 0) {
            const { products } = await run("measure", { rows });
            v.set(weightsOf(products as Float32Array, { count: past.length, tasks, margin, eps }, host.linear));
          }
          await run("weigh", { numbers: { v } });
        }
        return v.some((value) => value !== 0) ? rows : {};
      },
    },
    owns: groups.map(({ name }) => name),
    terms: ({ kept, mean, rowLoss }) =>
      groups.map(({ name }, k) => ({ tag: "replay", value: mul(reshape(slice(kept("v"), [k], [1]), []), mean(rowLoss, name)) })),
  };
}

/** Returns the slots of each task but one, in the order of their numbers. */
function pastOf(memory: Replay | undefined, task: number): number[][] {
  const slots = new Map<number, number[]>();
  for (const { first, slots: store } of memory?.stores ?? [])
    for (const [i, own] of store.values("task").entries()) {
      if (own === task) continue;
      const known = slots.get(own) ?? [];
      slots.set(own, known);
      known.push(first + i);
    }
  return [...slots].sort(([a], [b]) => a - b).map(([, list]) => list);
}

function someOf(slots: readonly number[], size: number, { host }: HostContext, k: number): readonly number[] {
  return slots.length <= size || host === undefined
    ? slots
    : host
        .random(`rows/${k}`)
        .shuffle([...slots])
        .slice(0, size);
}

/**
 * Returns the weights v [count] of tasks' gradients, all 0 where none goes against the step, from `products` [tasks × (1 + tasks)]: those of each with
 * the step's gradient, and with every task's.
 */
export function weightsOf(
  products: ArrayLike<number>,
  { count, tasks, margin, eps }: { readonly count: number; readonly tasks: number; readonly margin: number; readonly eps: number },
  linear: Pick<NonNullable<HostContext["host"]>["linear"], "boxQp">,
): Float64Array {
  const at = (k: number, j: number): number => products[k * (1 + tasks) + j] as number;
  const along = Float64Array.from({ length: count }, (_, k) => at(k, 0));
  const gram = Float64Array.from({ length: count * count }, (_, i) => {
    const [k, j] = [Math.floor(i / count), i % count];
    return at(k, 1 + j) + (k === j ? eps : 0);
  });
  const sound = along.every(Number.isFinite) && gram.every(Number.isFinite);
  return sound && along.some((value) => value < 0) ? linear.boxQp(gram, along, count, margin) : new Float64Array(count);
}
