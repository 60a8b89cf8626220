import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { sizeOf } from "../program/shape.ts";
import { add, div, less, maximum, mul, reshape, sqrt, square, sub, sum, toF32 } from "../program/tensor.ts";
import { fillOnes, fillZeros } from "./init.ts";
import type { Layer, LayerContext } from "./layer.ts";
import { featuresOf, rescale, scaleAndShift } from "./norm.ts";

/** Options of {@link batchNorm}. */
export interface BatchNormOptions {
  /** The share of each batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Whether training too uses the running statistics, and leaves them as they are. Default false. */
  readonly frozen?: boolean;
}

/**
 * Returns the layer that brings each channel, over all rows and places of a batch, to mean 0 and variance 1, then scales by weight
 * [channels] and adds bias [channels]. Places without a row do not count. Prediction uses running statistics, the states `mean` and
 * `variance` [channels]; of a batch, its unbiased variance enters them, as in torch.
 * @throws E_CONFIG @see Ioffe & Szegedy 2015, arXiv 1502.03167
 */
export function batchNorm(options: BatchNormOptions = {}): Layer {
  const where = "nn.batchNorm";
  checkKeys(where, options, ["momentum", "eps", "frozen"]);
  const momentum = checkNumber(where, "momentum", options.momentum ?? 0.1, { min: 0, max: 1 });
  const eps = checkNumber(where, "eps", options.eps ?? 1e-5, { min: 0, open: "min" });
  const frozen = options.frozen ?? false;
  return {
    config: { kind: "batchNorm", momentum, eps, frozen },
    build(input, path) {
      const channels = featuresOf(input, path, "batchNorm");
      const shape = [channels];
      return {
        output: input,
        params: scaleAndShift(channels),
        state: { mean: { shape, fill: fillZeros }, variance: { shape, fill: fillOnes } },
        children: {},
        apply(x, context) {
          const batch = context.training && !frozen;
          const { mean, variance } = batch
            ? measure(x, momentum, context)
            : { mean: context.state("mean"), variance: context.state("variance") };
          return rescale(div(sub(x, mean), sqrt(add(variance, eps))), context);
        },
      };
    },
  };
}

/** Returns the statistics of a batch, having entered them into the running ones. */
function measure(x: Tensor, momentum: number, context: LayerContext): { mean: Tensor; variance: Tensor } {
  const rows = x.shape[0] as number;
  const places = sizeOf(x.shape.slice(1, -1));
  const axes = [...x.shape.keys()].slice(0, -1);
  const { weight } = context;
  const present = weight === undefined ? undefined : toF32(less(0, weight));
  const counted = (value: Tensor): Tensor =>
    sum(present === undefined ? value : mul(value, reshape(present, [rows, ...x.shape.slice(1).map(() => 1)])), axes);
  const held = present === undefined ? context.graph.constant(rows, [], "f32") : sum(present);
  const count = maximum(mul(held, places), 1);
  const mean = div(counted(x), count);
  const variance = div(counted(square(sub(x, mean))), count);
  const unbiased = mul(variance, div(count, maximum(sub(count, 1), 1)));
  for (const [name, value] of Object.entries({ mean, variance: unbiased })) {
    const old = context.state(name);
    context.update(name, add(old, mul(sub(value, old), momentum)));
  }
  return { mean, variance };
}
