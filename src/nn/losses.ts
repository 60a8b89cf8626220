import type { Tensor } from "../program/graph.ts";
import { add, detach, div, exp, log, max, mul, oneHot, reshape, sub, sum, toF32 } from "../program/tensor.ts";

/**
 * Returns the cross-entropy of each row [rows] between logits [rows, classes] and u32 labels [rows]: log Σ e^z − z[label], with the
 * maximum taken out so that no exponential overflows.
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const [rows, classes] = logits.shape as [number, number];
  const peak = detach(max(logits, -1, { keepDims: true }));
  const total = add(log(sum(exp(sub(logits, peak)), -1, { keepDims: true })), peak);
  const picked = sum(mul(toF32(oneHot(labels, classes)), logits), -1, { keepDims: true });
  return reshape(sub(total, picked), [rows]);
}

/** Returns the probabilities [rows, classes] of logits. */
export function softmax(logits: Tensor): Tensor {
  const shifted = exp(sub(logits, detach(max(logits, -1, { keepDims: true }))));
  return div(shifted, sum(shifted, -1, { keepDims: true }));
}

/** Returns Σ weight·values / Σ weight of [rows] each. */
export function weightedMean(values: Tensor, weight: Tensor): Tensor {
  return div(sum(mul(values, weight)), sum(weight));
}
