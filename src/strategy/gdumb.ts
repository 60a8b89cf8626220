import { checkKeys, checkNumber } from "../errors.ts";
import { add, cos, mul, sub } from "../program/tensor.ts";
import { batchesOf, batchOf, descend } from "./retrain.ts";
import type { Phase, Strategy } from "./strategy.ts";

/** Options of {@link gdumb}. */
export interface GdumbOptions {
  /** Passes over the memory of each training. Default 256. */
  readonly epochs?: number;
  /** Rows of a step of it. Default 16. */
  readonly batchSize?: number;
  /** Highest and lowest learning rate. Default 0.05 and 5e-4. */
  readonly learningRate?: number;
  readonly minLearningRate?: number;
  /** Default 0.9. */
  readonly momentum?: number;
  /** Weight of ½‖θ‖² in the loss. Default 1e-6. */
  readonly weightDecay?: number;
  /** Largest norm of a gradient. Default 10. */
  readonly clip?: number;
  /** Trains after each of so many steps too, besides at boundaries. Default: not. */
  readonly every?: number;
  /** Whether steps train the learner's own parameters, which nothing answers with. Default false: they stay as they are. */
  readonly online?: boolean;
}

/** Steps between two moments at which the learner may be saved. */
const PIECE = 16;
/** Share of the highest rate in the first epoch. */
const FIRST = 0.1;

/**
 * Returns the greedy sampler and dumb learner: steps only fill the memory, which should be `memory.greedy`; at a boundary fresh parameters are trained
 * on its rows alone, and answer from then on. SGD with momentum; the rate falls by half a cosine in cycles of 1, 2, 4 … epochs, after a first epoch at
 * a tenth. Rows pass as in prediction, without dropout; CutMix is left out.
 * @throws E_CONFIG
 * @see Prabhu et al. 2020, "GDumb: a simple approach that questions our progress in continual learning", github.com/drimpossible/GDumb
 */
export function gdumb(options: GdumbOptions = {}): Strategy {
  const where = "strategies.gdumb";
  const keys = ["epochs", "batchSize", "learningRate", "minLearningRate", "momentum", "weightDecay", "clip", "every", "online"] as const;
  checkKeys(where, options, keys);
  const epochs = checkNumber(where, "epochs", options.epochs ?? 256, { min: 1, max: 2 ** 20, integer: true });
  const size = checkNumber(where, "batchSize", options.batchSize ?? 16, { min: 1, max: 2 ** 20, integer: true });
  const learningRate = checkNumber(where, "learningRate", options.learningRate ?? 0.05, { min: 0 });
  const minLearningRate = checkNumber(where, "minLearningRate", options.minLearningRate ?? Math.min(5e-4, learningRate), {
    min: 0,
    max: learningRate,
  });
  const momentum = checkNumber(where, "momentum", options.momentum ?? 0.9, { min: 0, max: 1, open: "max" });
  const weightDecay = checkNumber(where, "weightDecay", options.weightDecay ?? 1e-6, { min: 0 });
  const clip = checkNumber(where, "clip", options.clip ?? 10, { min: 0, open: "min" });
  const every = options.every && checkNumber(where, "every", options.every, { min: 1, integer: true });
  const { online = false } = options;
  const hyper = { learningRate, minLearningRate, momentum, weightDecay, clip };
  const next: Phase["next"] = async (context, cursor) => {
    const batches = batchesOf(context.memory, size);
    if (batches === 0) return undefined;
    if (cursor === undefined) await context.run("begin", { numbers: { fresh: context.fresh("init") } });
    let { epoch, batch } = (cursor ?? { epoch: 0, batch: 0 }) as { epoch: number; batch: number };
    for (let i = 0; i < PIECE && epoch < epochs; i++) {
      await context.run("train", { rows: { rows: batchOf(context, epoch, batch, size) }, numbers: rateAt(epoch) });
      batch += 1;
      if (batch < batches) continue;
      [epoch, batch] = [epoch + 1, 0];
    }
    return epoch < epochs ? { epoch, batch } : undefined;
  };
  return {
    name: "gdumb",
    config: { epochs, batchSize: size, ...hyper, ...(every && { every }), online },
    needsMemory: true,
    needs: { labels: true, boundary: every === undefined },
    hyper,
    keeps: () => ({ params: { shape: "parameters", initial: "params" }, velocity: { shape: "parameters" } }),
    ...(!online && {
      owns: ["arrival"],
      space: { trains: ({ graph, vector }) => graph.constant(0, vector.shape, "u32") },
    }),
    programs: {
      begin: {
        numbers: { fresh: ["parameters"] },
        build: ({ given, kept }) => ({ keeps: { params: given("fresh"), velocity: mul(kept("velocity"), 0) } }),
      },
      train: {
        groups: [{ name: "rows", size }],
        numbers: { share: [], angle: [] },
        build({ kept, forward, labels, lossOf, mean, gradientOf, given, hyper }) {
          const params = kept("params");
          const loss = mean(lossOf(forward({ vector: params }).logits, labels), "rows");
          const gradient = add(gradientOf(loss, params), mul(hyper("weightDecay"), params));
          const [most, least] = [hyper("learningRate"), hyper("minLearningRate")];
          const height = mul(0.5, add(1, cos(given("angle"))));
          const rate = mul(given("share"), add(least, mul(sub(most, least), height)));
          return {
            keeps: descend(params, { gradient, rate, velocity: kept("velocity"), momentum: hyper("momentum"), clip: hyper("clip") }),
          };
        },
      },
    },
    phases: [{ on: "boundary", next }, ...(every ? [{ on: { every }, next }] : [])],
    head: { params: "params" },
  };
}

/** Returns by what share of the highest rate an epoch is trained, and where it stands in its half cosine, in radians. */
export function rateAt(epoch: number): { readonly share: number; readonly angle: number } {
  if (epoch === 0) return { share: FIRST, angle: 0 };
  let cycle = 1;
  while (2 * cycle <= epoch) cycle *= 2;
  return { share: 1, angle: (Math.PI * (epoch - cycle)) / cycle };
}
