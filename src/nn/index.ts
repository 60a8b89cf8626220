export { gelu, leakyRelu, relu, sigmoid, silu, softplus, tanh } from "./activations.ts";
export { attention } from "./attention.ts";
export { batchNorm } from "./batchnorm.ts";
export { classifier } from "./classifier.ts";
export { fromConfig } from "./config.ts";
export { conv2d } from "./conv.ts";
export { define, type Model } from "./define.ts";
export { dropout } from "./dropout.ts";
export type { WeightDtype } from "./dtypes.ts";
export { embedding, positional } from "./embedding.ts";
export { feedForward, swiglu } from "./feedforward.ts";
export { film } from "./film.ts";
export { flatten } from "./flatten.ts";
export { frozen } from "./frozen.ts";
export type { Layer, LayerConfig } from "./layer.ts";
export { linear } from "./linear.ts";
export {
  binaryCrossEntropy,
  cosineDistance,
  crossEntropy,
  huber,
  klDivergence,
  logSoftmax,
  meanSquaredError,
  softmax,
  supervisedContrastive,
  weightedMean,
} from "./losses.ts";
export { groupNorm, layerNorm, rmsNorm } from "./norm.ts";
export { avgPool, globalAvgPool, maxPool } from "./pool.ts";
export { gru, lstm } from "./recurrent.ts";
export { residual } from "./residual.ts";
export { sequential } from "./sequential.ts";
export { transformerBlock } from "./transformer.ts";
export {
  type LoadOptions,
  loadWeights,
  type StoredWeights,
  type StoreOptions,
  storeWeights,
  type WeightSource,
} from "./weights.ts";
