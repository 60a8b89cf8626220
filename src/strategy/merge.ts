import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import { add, equal, less, mul, select } from "../program/tensor.ts";
import { checkMerge, type MergeOptions, mergeModels } from "./merging.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link merge}. */
export interface MergeAtBoundariesOptions extends Pick<MergeOptions, "method" | "lambda" | "keep"> {
  /** Models of the last boundaries that are kept and merged, each as large as the parameters. Default 4. */
  readonly tasks?: number;
  /**
   * What training goes on from: its own parameters (`own`, default), while the merged ones answer; or the merged ones (`merged`), with what the
   * optimizer keeps at its beginning.
   */
  readonly start?: "own" | "merged";
}

/**
 * Returns model merging: at a boundary the parameters become the model of its task, and those of the last tasks are merged, with the parameters that
 * training began with as θ₀, by {@link mergeModels} on the host. Until the first boundary the trained parameters answer.
 * @throws E_CONFIG
 * @see Marczak et al. 2024, arXiv 2407.06322, "MagMax: leveraging model merging for seamless continual learning"
 */
export function merge(options: MergeAtBoundariesOptions = {}): Strategy {
  const where = "strategies.merge";
  checkKeys(where, options, ["method", "lambda", "keep", "tasks", "start"]);
  const { method, lambda, keep } = checkMerge(where, options);
  const tasks = checkNumber(where, "tasks", options.tasks ?? 4, { min: 2, max: 256, integer: true });
  const start = checkChoice(where, "start", options.start ?? "own", ["own", "merged"]);
  const names = Array.from({ length: tasks }, (_, i) => `model${i}`);
  const kept = { shape: "parameters", initial: "params", mirror: "copy" } as const;
  return {
    name: "merge",
    config: { method, lambda, keep, tasks, start },
    needs: { boundary: true },
    keeps: () => ({
      start: kept,
      ...Object.fromEntries(names.map((name) => [name, kept])),
      ...(start === "own" && { params: kept, merged: { shape: [] } }),
    }),
    ...(start === "own" && {
      edits: [
        {
          order: 20,
          apply: ({ vector, kept }) => ({ keeps: { params: select(less(0, kept("merged")), kept("params"), vector) } }),
        },
      ],
      head: { params: "params" },
    }),
    programs: {
      take: {
        numbers: { place: [] },
        build: ({ vector, kept, given }) => ({
          keeps: Object.fromEntries(names.map((name, i) => [name, select(equal(given("place"), i), vector, kept(name))])),
        }),
      },
      read: { build: ({ kept }) => ({ outputs: Object.fromEntries(["start", ...names].map((name) => [name, kept(name)])) }) },
      write: {
        numbers: { merged: ["parameters"] },
        build: ({ graph, vector, kept, given }) =>
          start === "merged"
            ? { params: given("merged"), restart: graph.constant(1, vector.shape, "u32") }
            : { keeps: { params: given("merged"), merged: add(mul(kept("merged"), 0), 1) } },
      },
    },
    phases: [
      {
        on: "boundary",
        async next({ run, boundaries, tensors }) {
          await run("take", { numbers: { place: (boundaries - 1) % tasks } });
          const read = (await run("read")) as Readonly<Record<string, Float32Array>>;
          const count = Math.min(boundaries, tasks);
          // From the oldest to the newest, for what goes from one to the next.
          const models = Array.from({ length: count }, (_, i) => read[`model${(boundaries - count + i) % tasks}`] as Float32Array);
          const lengths = tensors.map(({ shape }) => sizeOf(shape));
          const merged = mergeModels(read.start as Float32Array, models, { method, lambda, keep, lengths });
          await run("write", { numbers: { merged } });
          return undefined;
        },
      },
    ],
  };
}
