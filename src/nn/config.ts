import { fail, nearestName } from "../errors.ts";
import { gelu, leakyRelu, relu, sigmoid, silu, softplus, tanh } from "./activations.ts";
import { attention } from "./attention.ts";
import { batchNorm } from "./batchnorm.ts";
import { classifier } from "./classifier.ts";
import { conv2d } from "./conv.ts";
import { dropout } from "./dropout.ts";
import { embedding, positional } from "./embedding.ts";
import { feedForward, swiglu } from "./feedforward.ts";
import { film } from "./film.ts";
import { flatten } from "./flatten.ts";
import { frozen } from "./frozen.ts";
import type { Layer, LayerConfig } from "./layer.ts";
import { linear } from "./linear.ts";
import { binaryCrossEntropy, cosineDistance, crossEntropy, huber, type Loss, meanSquaredError } from "./loss.ts";
import { groupNorm, layerNorm, rmsNorm } from "./norm.ts";
import { avgPool, globalAvgPool, maxPool } from "./pool.ts";
import { gru, lstm } from "./recurrent.ts";
import { residual } from "./residual.ts";
import { sequential } from "./sequential.ts";
import { transformerBlock } from "./transformer.ts";

/** Returns what makes a layer from its config: `names` are the arguments that stand before the options. */
function maker(make: (...args: never[]) => Layer, ...names: readonly string[]): (config: LayerConfig) => Layer {
  return ({ kind: _, ...config }) => {
    const options = Object.fromEntries(Object.entries(config).filter(([key]) => !names.includes(key)));
    return (make as (...args: unknown[]) => Layer)(...names.map((name) => config[name]), options);
  };
}

const makers: Readonly<Record<string, (config: LayerConfig) => Layer>> = {
  linear: maker(linear, "units"),
  classifier: maker(classifier),
  conv2d: maker(conv2d, "channels", "size"),
  maxPool: maker(maxPool, "size"),
  avgPool: maker(avgPool, "size"),
  globalAvgPool: maker(globalAvgPool),
  batchNorm: maker(batchNorm),
  layerNorm: maker(layerNorm),
  groupNorm: maker(groupNorm, "groups"),
  rmsNorm: maker(rmsNorm),
  film: maker(film),
  embedding: maker(embedding, "rows", "features"),
  positional: maker(positional),
  attention: maker(attention),
  feedForward: maker(feedForward, "hidden"),
  swiglu: maker(swiglu, "hidden"),
  transformerBlock: maker(transformerBlock),
  gru: maker(gru, "units"),
  lstm: maker(lstm, "units"),
  relu: maker(relu),
  leakyRelu: maker(leakyRelu, "slope"),
  gelu: maker(gelu),
  silu: maker(silu),
  tanh: maker(tanh),
  sigmoid: maker(sigmoid),
  softplus: maker(softplus),
  dropout: maker(dropout, "rate"),
  flatten: maker(flatten),
  sequential: (c) => sequential(...(c.layers as LayerConfig[]).map(fromConfig)),
  frozen: (c) => frozen(fromConfig(c.layer as LayerConfig)),
  residual: (c) =>
    residual(fromConfig(c.layer as LayerConfig), c.shortcut === undefined ? undefined : fromConfig(c.shortcut as LayerConfig)),
};

/** Returns the layer that a config came from. @throws E_UNSUPPORTED when it is of a kind this version does not have */
export function fromConfig(config: LayerConfig): Layer {
  const make = makers[config.kind];
  if (make !== undefined) return make(config);
  const near = nearestName(config.kind, Object.keys(makers));
  return fail("E_UNSUPPORTED", `nn: no layer of kind "${config.kind}"; expected one of ${Object.keys(makers).join(", ")}`, {
    hint: near === undefined ? "Pass the model when opening a checkpoint of layers of your own." : `Did you mean "${near}"?`,
  });
}

const losses = { crossEntropy, binaryCrossEntropy, meanSquaredError, huber, cosineDistance } as const;

/** Returns the loss of a kind and options. @throws E_UNSUPPORTED */
export function lossFrom({ kind, options }: Pick<Loss, "kind" | "options">): Loss {
  if (Object.hasOwn(losses, kind)) return (losses[kind as keyof typeof losses] as (options: Loss["options"]) => Loss)(options);
  const near = nearestName(kind, Object.keys(losses));
  return fail("E_UNSUPPORTED", `losses: no loss called "${kind}"; expected one of ${Object.keys(losses).join(", ")}`, {
    hint: near === undefined ? "Pass a loss of your own when opening a checkpoint." : `Did you mean "${near}"?`,
  });
}
