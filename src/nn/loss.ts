/** What a learner makes small: losses as records, over {@link crossEntropy} and its like. */
import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { less, mean, reshape } from "../program/tensor.ts";
import { sigmoidOf } from "./activations.ts";
import * as rows from "./losses.ts";

/** A loss: how outputs are held to targets, and what they answer. */
export interface Loss {
  readonly kind: string;
  /** Plain data from which it can be made again. */
  readonly options: Readonly<Record<string, number>>;
  /** What a batch's `y` holds: class labels, or numbers shaped as the model's output. */
  readonly targets: "labels" | "values";
  /** The least and the largest target value. Default: any finite number. */
  readonly range?: readonly [least: number, largest: number];
  /** Returns the loss of each row [rows] of outputs [rows, ...output], given labels [rows, places] or values [rows, ...output]. */
  rows(outputs: Tensor, targets: Tensor): Tensor;
  /** Returns what prediction gives for outputs: probabilities of classes, or values. */
  answer(outputs: Tensor): Tensor;
}

/** Options of {@link crossEntropy}. */
export interface LabelLossOptions {
  /** Share of the target that is spread evenly over the classes, masked ones left out. Default 0. @see Szegedy et al. 2016, arXiv 1512.00567 */
  readonly labelSmoothing?: number;
}

/** Returns the cross-entropy of logits [..., classes] with labels: its mean over the places of a row. @throws E_CONFIG */
export function crossEntropy(options: LabelLossOptions = {}): Loss {
  checkKeys("losses.crossEntropy", options, ["labelSmoothing"]);
  const range = { min: 0, max: 1, open: "max" } as const;
  const labelSmoothing = checkNumber("losses.crossEntropy", "labelSmoothing", options.labelSmoothing ?? 0, range);
  return {
    kind: "crossEntropy",
    options: { labelSmoothing },
    targets: "labels",
    rows(outputs, labels) {
      const count = labels.shape[0] as number;
      const places = labels.shape[1] as number;
      const logits = reshape(outputs, [count * places, outputs.shape.at(-1) as number]);
      const smoothing = labelSmoothing === 0 ? {} : { labelSmoothing, mask: less(rows.MASKED / 2, logits) };
      return mean(reshape(rows.crossEntropy(logits, reshape(labels, [count * places]), smoothing), [count, places]), 1);
    },
    answer: rows.softmax,
  };
}

/** Returns the cross-entropy of sigmoids with values in [0, 1], each output a question of its own; prediction gives the sigmoids. */
export function binaryCrossEntropy(): Loss {
  return { ...values("binaryCrossEntropy", {}, rows.binaryCrossEntropy), range: [0, 1], answer: sigmoidOf };
}

/** Returns the mean squared error. */
export function meanSquaredError(): Loss {
  return values("meanSquaredError", {}, rows.meanSquaredError);
}

/** Returns the Huber loss: half the square of an error below delta (default 1), linear beyond. @throws E_CONFIG */
export function huber(options: { readonly delta?: number } = {}): Loss {
  checkKeys("losses.huber", options, ["delta"]);
  const delta = checkNumber("losses.huber", "delta", options.delta ?? 1, { min: 0, open: "min" });
  return values("huber", { delta }, (outputs, targets) => rows.huber(outputs, targets, { delta }));
}

/** Returns 1 − the cosine of the angle between outputs and values [..., features]: its mean over the places of a row. */
export function cosineDistance(): Loss {
  return values("cosineDistance", {}, (outputs, targets) => {
    const distance = rows.cosineDistance(outputs, targets);
    return distance.shape.length === 1 ? distance : mean(distance, [...distance.shape.keys()].slice(1));
  });
}

function values(kind: string, options: Loss["options"], of: Loss["rows"]): Loss {
  return { kind, options, targets: "values", rows: of, answer: (outputs) => outputs };
}
