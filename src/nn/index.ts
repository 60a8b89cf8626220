export { relu, tanh } from "./activations.ts";
export { fromConfig } from "./config.ts";
export { dropout } from "./dropout.ts";
export { flatten } from "./flatten.ts";
export type { Layer, LayerConfig } from "./layer.ts";
export { classifier, linear } from "./linear.ts";
export { crossEntropy, softmax } from "./losses.ts";
export { sequential } from "./sequential.ts";
