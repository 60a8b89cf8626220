import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { huge, max, mul, select, sub } from "../program/tensor.ts";
import { proxiesOf } from "./proxies.ts";
import type { ProgramContext, Strategy } from "./strategy.ts";

/** Parts of a model: its classifier, its norm layers, its first layer. */
export type FpfPart = "head" | "norm" | "stem";

/** Options of {@link fpf}. */
export interface FpfOptions {
  /** What is tuned. Default head and norm. */
  readonly parts?: readonly FpfPart[];
  /** Steps of each time. Default 200. */
  readonly steps?: number;
  /** Rows drawn from memory for each. Default 32. */
  readonly batchSize?: number;
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Tunes after each of so many steps, in place of at boundaries: k-FPF. */
  readonly every?: number;
}

/** Steps between two moments at which the learner may be saved. */
const PIECE = 16;
const PARTS = ["head", "norm", "stem"] as const;

/**
 * Returns forgetting prioritized finetuning: at boundaries, beside any other strategy, or after each of some steps, the few parts of a model that forget
 * are tuned on rows of memory by plain SGD; all else stays as it is to the bit. A norm layer is one whose weight is a vector. Running statistics
 * stay; rows pass as in prediction. Reconstructed: which parts, how long and how fast.
 * @throws E_CONFIG
 * @see Zhao et al. 2023, arXiv 2304.04158, "Does continual learning equally forget all parameters?"
 */
export function fpf(options: FpfOptions = {}): Strategy {
  const where = "strategies.fpf";
  checkKeys(where, options, ["parts", "steps", "batchSize", "learningRate", "every"]);
  const parts = (options.parts ?? ["head", "norm"]).map((part) => checkChoice<FpfPart>(where, "parts", part, PARTS));
  const steps = checkNumber(where, "steps", options.steps ?? 200, { min: 1, max: 2 ** 24, integer: true });
  const size = checkNumber(where, "batchSize", options.batchSize ?? 32, { min: 1, max: 2 ** 20, integer: true });
  const learningRate = checkNumber(where, "learningRate", options.learningRate ?? 0.01, { min: 0 });
  const every = options.every && checkNumber(where, "every", options.every, { min: 1, integer: true });
  return {
    name: "fpf",
    config: { parts, steps, batchSize: size, learningRate, ...(every && { every }) },
    needsMemory: true,
    needs: { labels: true, ...(parts.includes("head") && { features: true }), boundary: every === undefined },
    hyper: { learningRate },
    draws: [{ draw: "uniform" }],
    programs: { tune: { groups: [{ name: "rows", size }], build: (context) => ({ params: tuned(context, parts) }) } },
    phases: [
      {
        on: every ? { every } : "boundary",
        async next({ memory, run, step }, cursor) {
          const from = (cursor?.done as number | undefined) ?? 0;
          const done = Math.min(from + PIECE, steps);
          if (memory === undefined || memory.stored === 0) return undefined;
          for (let i = from; i < done; i++) await run("tune", { rows: { rows: memory.draw(size) }, step: step * steps + i });
          return done < steps ? { done } : undefined;
        },
      },
    ],
  };
}

function tuned(context: ProgramContext, chosen: readonly FpfPart[]): Tensor {
  const { vector, parts, joined, forward, labels, lossOf, mean, gradientOf, hyper } = context;
  const gradient = gradientOf(mean(lossOf(forward({}).logits, labels), "rows"));
  const gradients = parts(gradient);
  const paths = pathsOf(context, chosen);
  const moved = [...parts(vector)]
    .filter(([path]) => paths.has(path))
    .map(([path, own]) => [path, sub(own, mul(hyper("learningRate"), gradients.get(path) as Tensor))] as const);
  const next = joined(new Map(moved));
  return select(max(huge(next)), vector, next);
}

/** Returns the paths of the parameters of some parts of a model. @throws E_CONFIG where there are none */
function pathsOf(context: ProgramContext, chosen: readonly FpfPart[]): Set<string> {
  const { params } = context;
  const layerOf = (path: string): string => path.slice(0, path.lastIndexOf(".") + 1);
  const layers = new Set<string>();
  const [first] = params.keys();
  if (chosen.includes("stem")) layers.add(layerOf(first as string));
  const proxies = chosen.includes("head") ? proxiesOf(context) : undefined;
  for (const [path, value] of params)
    if (value === proxies || (chosen.includes("norm") && path.endsWith("weight") && value.shape.length === 1)) layers.add(layerOf(path));
  const paths = [...params.keys()].filter((path) => layers.has(layerOf(path)));
  if (paths.length === 0)
    fail("E_CONFIG", `strategies.fpf: the model has none of these parts; expected ${chosen.join(" or ")}, got none`, {
      hint: "Name other parts.",
    });
  return new Set(paths);
}

/** Weights by path, as `Learner.weights` returns them. */
type Weights = ReadonlyMap<string, { readonly data: ArrayLike<number> }>;

/**
 * Returns how far each tensor moved between two moments, ‖θ′ − θ‖₁ over its numbers, the farthest first: across a change of tasks, what forgets most.
 * @throws E_DATA where tensors differ in size
 */
export function sensitivities(before: Weights, after: Weights): { readonly path: string; readonly value: number }[] {
  const all = [...before].map(([path, { data }]) => {
    const other = after.get(path)?.data;
    if (other === undefined || other.length !== data.length)
      return fail(
        "E_DATA",
        `strategies.sensitivities: "${path}" differs in size; expected ${data.length} numbers, got ${other?.length ?? 0}`,
      );
    const total = Array.from(data).reduce((sum, value, i) => sum + Math.abs((other[i] as number) - value), 0);
    return { path, value: total / Math.max(1, data.length) };
  });
  return all.sort((a, b) => b.value - a.value);
}
