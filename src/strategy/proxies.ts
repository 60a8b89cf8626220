/** Classes by the direction of their weights: scores that are cosines, and what rows of a batch have of them. */
import { fail } from "../errors.ts";
import { MASKED } from "../nn/losses.ts";
import type { Tensor } from "../program/graph.ts";
import {
  add,
  detach,
  div,
  exp,
  less,
  log,
  matmul,
  max,
  maximum,
  mul,
  oneHot,
  reshape,
  select,
  sqrt,
  square,
  sub,
  sum,
  toF32,
} from "../program/tensor.ts";
import type { SpaceContext } from "./strategy.ts";

/** Returns the classifier's weight [features, classes], a proxy of a class in each column. @throws E_CONFIG where there is none */
export function proxiesOf({ params, facts }: Pick<SpaceContext, "params" | "facts">): Tensor {
  const { features, classes } = facts;
  const weights = [...params].filter(
    ([path, { shape }]) => path.endsWith("weight") && shape.length === 2 && shape[0] === features && shape[1] === classes,
  );
  const [, weight] =
    weights.at(-1) ?? fail("E_CONFIG", "strategies: no weight of a classifier; expected nn.classifier as the last layer, got none");
  return weight;
}

/** Returns vectors along an axis of a matrix, brought to length 1; those shorter than 1e-8 stay short. */
export function unit(a: Tensor, axis: number): Tensor {
  return div(a, sqrt(maximum(sum(square(a), axis, { keepDims: true }), 1e-16)));
}

/** Returns the cosines [rows, classes] of the angles between features and proxies, by a temperature; classes that are masked stay so. */
export function cosines(context: Pick<SpaceContext, "features" | "logits" | "params" | "facts">, temperature: number): Tensor {
  const { features, logits } = context;
  const rows = features.shape[0] as number;
  const flat = reshape(features, [rows, context.facts.features]);
  const scores = mul(matmul(unit(flat, 1), unit(proxiesOf(context), 0)), 1 / temperature);
  return select(less(logits, MASKED / 2), MASKED, scores);
}

/** Returns how many rows of each class [classes] there are, of labels [rows] and what is not 0 [rows] where there is a row. */
export function countsOf(labels: Tensor, present: Tensor, classes: number): Tensor {
  return sum(mul(toF32(oneHot(labels, classes)), reshape(present, [present.shape[0] as number, 1])), 0);
}

/**
 * Returns the loss of each row [rows] of scores [rows, classes] against the proxies of all rows of a batch, `counts` [classes] of each class:
 * −s_y + log Σ n_c·e^(s_c). Classes without a row take no part.
 */
export function proxyLoss(scores: Tensor, labels: Tensor, counts: Tensor): Tensor {
  const [rows, classes] = scores.shape as [number, number];
  const offset = select(less(0, counts), log(maximum(counts, 1)), MASKED);
  const weighed = maximum(add(scores, reshape(offset, [1, classes])), MASKED);
  const peak = detach(max(weighed, 1, { keepDims: true }));
  const total = add(log(sum(exp(sub(weighed, peak)), 1, { keepDims: true })), peak);
  return reshape(sub(total, sum(select(oneHot(labels, classes), scores, 0), 1, { keepDims: true })), [rows]);
}
